import { tokenize } from './logsql'

/** Operators as other languages write them between a field and a value, and how they stand behind a colon here. */
const operators: Readonly<Record<string, string>> = { '=': '=', '==': '=', '!=': '!=', '=~': '~', '!~': '!~', '<': '<', '>': '>', '<=': '<=', '>=': '>=' }

/**
 * What `user.name=root` was meant to be, which searches for that text: `user.name:=root`. Undefined where a query compares
 * nothing so. It is for who found nothing: such a text may well be in messages.
 */
export function meantComparison(query: string): string | undefined {
  const tokens = tokenize(query).filter((t) => t.kind !== 'space' && t.kind !== 'comment')
  let closes: string | undefined // of options(a=b) and {a="b"}, where = is right
  for (const [i, name] of tokens.entries()) {
    if (closes !== undefined) {
      if (name.text === closes) closes = undefined
      continue
    }
    if (name.text === '{') closes = '}'
    if (name.text === 'options' && tokens[i + 1]?.text === '(') closes = ')'
    if (name.text === '|') return undefined
    if ((name.kind !== 'word' && name.kind !== 'field') || tokens[i - 1]?.text === ':') continue
    let end = i + 1
    while (/^[=!<>~]$/.test(tokens[end]?.text ?? '')) end++
    const operator = operators[tokens.slice(i + 1, end).map((t) => t.text).join('')]
    const value = tokens[end]
    if (operator !== undefined && value !== undefined && /[\p{L}\p{N}_"'`]/u.test(value.text)) return `${name.text}:${operator}${value.text}`
  }
  return undefined
}
