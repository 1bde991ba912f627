/** Turns computed rows that have a time into lines of a chart. */
import { ExactNumber, textOf, type Row, type Value } from '@/api/value'

export interface Lines {
  /** Milliseconds since 1970, in order. */
  readonly times: readonly number[]
  readonly lines: readonly { readonly name: string; readonly values: readonly (number | null)[] }[]
  /** Groups that are left out, the smallest. */
  readonly left: number
}

const mostLines = 8

/** The lines of rows by `_time`: one for each number, or, when the rows are grouped, one for each group. */
export function linesOf(rows: readonly Row[], columns: readonly string[]): Lines | undefined {
  if (!columns.includes('_time') || rows.length < 2) return undefined
  const numeric = columns.filter((c) => c !== '_time' && rows.every((row) => isNumber(row[c])) && rows.some((row) => row[c] !== undefined))
  const groups = columns.filter((c) => c !== '_time' && !numeric.includes(c))
  const [value] = numeric
  if (value === undefined) return undefined
  const cells = new Map<string, Map<number, number>>()
  for (const row of rows) {
    const at = Date.parse(textOf(row._time))
    if (Number.isNaN(at)) return undefined
    const names = groups.length === 0 ? numeric : [groups.map((g) => textOf(row[g])).join(', ')]
    for (const name of names) {
      const line = cells.get(name) ?? new Map<number, number>()
      line.set(at, Number(row[groups.length === 0 ? name : value]))
      cells.set(name, line)
    }
  }
  const times = [...new Set([...cells.values()].flatMap((line) => [...line.keys()]))].sort((a, b) => a - b)
  const total = (line: ReadonlyMap<number, number>) => [...line.values()].reduce((a, b) => a + b, 0)
  const largest = [...cells].sort(([, a], [, b]) => total(b) - total(a))
  return {
    times,
    lines: largest.slice(0, mostLines).map(([name, line]) => ({ name, values: times.map((t) => line.get(t) ?? null) })),
    left: Math.max(0, largest.length - mostLines),
  }
}

function isNumber(value: Value | undefined): boolean {
  if (value === undefined || typeof value === 'number' || value instanceof ExactNumber) return true
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
}
