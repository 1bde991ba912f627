/**
 * Values of events. An event's numbers keep their text (`1.0`, a 20-digit id), which JavaScript's numbers do not, so a
 * number that would change is kept as an ExactNumber.
 */
export class ExactNumber {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text
  }
  valueOf(): number {
    return Number(this.text)
  }
}

export type Value = string | number | boolean | null | ExactNumber | readonly Value[] | { readonly [name: string]: Value }

/** A row of a result: flat, with dotted names. */
export type Row = Readonly<Record<string, Value>>

interface ReviverContext {
  readonly source?: string
}

/** Parses JSON and loses no digit, where the browser tells a number's text (all do since 2025); else as JSON.parse. */
export function parseExact(json: string): unknown {
  return JSON.parse(json, (_name: string, value: unknown, context?: ReviverContext) => {
    const source = context?.source
    return typeof value === 'number' && source !== undefined && source !== String(value) ? new ExactNumber(source) : value
  })
}

/** The text of a value as a table's cell and the clipboard show it. */
export function textOf(value: Value | undefined): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  return typeof value === 'object' && !(value instanceof ExactNumber) ? printJSON(value, '') : String(value)
}

/** Prints a value as JSON, exact numbers as they came; an indent of '' prints one line. */
export function printJSON(value: Value, indent = '  ', before = ''): string {
  if (value instanceof ExactNumber) return value.text
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const inner = before + indent
  const items = Array.isArray(value)
    ? value.map((item: Value) => printJSON(item, indent, inner))
    : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${indent && ' '}${printJSON(item, indent, inner)}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  if (items.length === 0) return `${open}${close}`
  if (indent === '') return `${open}${items.join(',')}${close}`
  return `${open}\n${inner}${items.join(`,\n${inner}`)}\n${before}${close}`
}

type Nested = { [name: string]: Value | Nested }

/** Nests dotted names again; a name that collides with another stays dotted. */
export function nest(row: Row): Value {
  const names = new Set(Object.keys(row))
  const root: Nested = Object.create(null) as Nested
  for (const [name, value] of Object.entries(row)) {
    const parts = name.split('.')
    const prefixes = parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('.'))
    if (parts.includes('') || prefixes.some((prefix) => names.has(prefix))) {
      root[name] = value
      continue
    }
    let at = root
    for (const part of parts.slice(0, -1)) at = (at[part] ??= Object.create(null) as Nested) as Nested
    at[parts.at(-1) ?? name] = value
  }
  return root as Value
}
