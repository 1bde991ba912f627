/** What the loaded rows hold, field by field. */
import { textOf, type Row } from '@/api/value'

export interface FieldStat {
  readonly name: string
  /** Rows that have it. */
  readonly count: number
}

export interface TopValue {
  readonly value: string
  readonly count: number
}

/** The fields of rows with how many rows have each: the reserved first, then by name. */
export function fieldStats(rows: readonly Row[]): FieldStat[] {
  const counts = new Map<string, number>()
  for (const row of rows) for (const name of Object.keys(row)) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name))
}

/** The most frequent values of a field, and how many different ones there are. */
export function topValues(rows: readonly Row[], name: string, most = 8): { top: TopValue[]; different: number } {
  const counts = new Map<string, number>()
  for (const row of rows) {
    const value = row[name]
    if (value !== undefined) counts.set(textOf(value), (counts.get(textOf(value)) ?? 0) + 1)
  }
  const top = [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count)
  return { top: top.slice(0, most), different: counts.size }
}

const first = ['_time', '_msg', '_collection']

function rank(name: string): number {
  const at = first.indexOf(name)
  return at < 0 ? first.length + (name.startsWith('_') ? 1 : 0) : at
}

/** The columns chosen, or the default ones where those chosen were meant for rows of another kind. */
export function columnsFor(chosen: readonly string[], rows: readonly Row[], announced: readonly string[]): readonly string[] {
  const areEvents = rows.some((row) => '_msg' in row)
  const fit = areEvents || rows.length === 0 || chosen.every((name) => rows.some((row) => name in row))
  return chosen.length > 0 && fit ? chosen : defaultColumns(rows, announced)
}

/** The columns to show when none were chosen: time and message of events, everything of computed rows. */
function defaultColumns(rows: readonly Row[], announced: readonly string[]): string[] {
  const names = fieldStats(rows).map((f) => f.name)
  if (!names.includes('_msg')) {
    // Before the columns are announced rows have their fields in the order of the query all the same.
    const inOrder = [...new Set(rows.flatMap((row) => Object.keys(row)))]
    const known = announced.filter((name) => names.length === 0 || names.includes(name))
    return [...known, ...inOrder.filter((name) => !known.includes(name))].slice(0, 12)
  }
  const collections = new Set(rows.map((row) => row._collection))
  const wanted = collections.size > 1 ? ['_time', '_collection', '_msg'] : ['_time', '_msg']
  return names.length <= 6 && announced.length > 0 ? announced.filter((n) => names.includes(n)) : wanted.filter((n) => names.includes(n))
}
