/** What could stand at a place of a query: pipes after a bar, collections after `_collection:`, else fields. */
import { fieldName, functions, phrase, pipes, tokenize, type Token } from './logsql'

/** What the page knows of the data. */
export interface Known {
  readonly fields: readonly string[]
  readonly collections: readonly string[]
}

export interface Completions {
  readonly from: number
  /** True where a list helps before a letter is typed. */
  readonly eager: boolean
  readonly options: readonly { readonly label: string; readonly detail?: string; readonly apply: string; readonly boost?: number }[]
}

export function completions(text: string, at: number, known: Known): Completions | undefined {
  const before = tokenize(text.slice(0, at))
  const last = before.at(-1)
  if (last && (last.kind === 'string' || last.kind === 'comment')) return undefined
  const typing = last !== undefined && /[\p{L}\p{N}_]/u.test(last.text)
  const from = typing ? last.at : at
  const left = before.filter((t) => t.at < from && t.kind !== 'space')
  return { from, ...optionsAfter(left, known) }
}

function optionsAfter(left: readonly Token[], known: Known): Pick<Completions, 'eager' | 'options'> {
  const [name, colon] = left.slice(-2)
  if (colon?.text === ':' && name?.text === '_collection') {
    return { eager: true, options: known.collections.map((label) => ({ label, apply: phrase(label) })) }
  }
  if (left.at(-1)?.text === '|') {
    return { eager: true, options: Object.entries(pipes).map(([label, detail]) => ({ label, detail, apply: `${label} ` })) }
  }
  const pipe = left.findLast((t) => t.kind === 'pipe')
  const fields = known.fields.map((label) => ({ label, apply: pipe ? fieldName(label) : `${fieldName(label)}:`, boost: 1 }))
  if (!pipe) return { eager: false, options: [{ label: '_collection', apply: '_collection:', boost: 2 }, ...fields.filter((f) => f.label !== '_collection')] }
  if (pipe.text !== 'stats') return { eager: false, options: fields }
  const computed = Object.entries(functions).map(([label, detail]) => ({ label, detail, apply: `${label}(` }))
  return { eager: false, options: [...computed, ...fields] }
}
