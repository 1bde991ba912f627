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

/**
 * The lines of rows by `_time`: one for each number, or, when the rows are grouped, one for each group. What the query
 * groups by is a group even where it looks like a number, as ports and status codes do.
 */
export function linesOf(rows: readonly Row[], columns: readonly string[], groupedBy: readonly string[] = []): Lines | undefined {
  if (!columns.includes('_time') || rows.length < 2) return undefined
  const couldBe = columns.filter((c) => c !== '_time' && !groupedBy.includes(c))
  const numeric = couldBe.filter((c) => rows.every((row) => isNumber(row[c])) && rows.some((row) => row[c] !== undefined))
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
  const times = withGaps([...new Set([...cells.values()].flatMap((line) => [...line.keys()]))].sort((a, b) => a - b))
  const total = (line: ReadonlyMap<number, number>) => [...line.values()].reduce((a, b) => a + b, 0)
  const largest = [...cells].sort(([, a], [, b]) => total(b) - total(a))
  return {
    times,
    lines: largest.slice(0, mostLines).map(([name, line]) => ({ name, values: times.map((t) => line.get(t) ?? null) })),
    left: Math.max(0, largest.length - mostLines),
  }
}

/**
 * Adds a moment without values wherever steps are missing, so that no line is drawn over time in which there was
 * nothing. Times that are not on one grid stay as they are.
 */
function withGaps(times: readonly number[]): readonly number[] {
  const apart = times.slice(1).map((t, i) => t - (times[i] ?? 0))
  const step = Math.min(...apart)
  if (apart.some((ms) => ms % step !== 0)) return times
  return times.flatMap((t, i) => ((apart[i] ?? step) > step ? [t, t + step] : [t]))
}

function isNumber(value: Value | undefined): boolean {
  if (value === undefined || typeof value === 'number' || value instanceof ExactNumber) return true
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
}
