import { phrase, quote, tokenize, type Token } from './logsql'

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
    const value = operator === undefined ? undefined : valueOf(tokens.slice(end), operator)
    if (value !== undefined) return `${name.text}:${operator}${value}`
  }
  return undefined
}

/**
 * The value that tokens begin with, as it stands behind an operator. It goes to the next blank, whatever signs are in it
 * (a colon would end it here), and is quoted for them. Undefined for in(a), a list in brackets, or no value.
 */
function valueOf(tokens: readonly Token[], operator: string): string | undefined {
  const [first] = tokens
  if (first?.kind === 'string') return first.text
  let text = ''
  for (const [i, t] of tokens.entries()) {
    const before = tokens[i - 1]
    if (t.text === '|' || (before !== undefined && before.at + before.text.length < t.at)) break
    if (t.kind === 'bracket') {
      if ('([{'.includes(t.text)) return undefined
      break
    }
    text += t.text
  }
  if (!/[\p{L}\p{N}_]/u.test(text)) return undefined
  if (text.endsWith('*') && /^!?=$/.test(operator)) return `${quote(text.slice(0, -1))}*`
  return /^-?\d+(\.\d+)*$/.test(text) ? text : phrase(text)
}
