import { textOf, type Row } from '@/api/value'

/** Who did it: a user, somebody who could not sign in, or central itself, as of a node that came or left. */
export function doer(row: Row): string {
  const user = textOf(row['user.name'])
  if (user !== '') return user
  return textOf(row['source.ip']) === '' ? 'central' : 'nobody known'
}

/** How it ended, and why where it failed. */
export function outcome(row: Row): string {
  const code = textOf(row['error.code'])
  return `${textOf(row['event.outcome'])}${code === '' ? '' : `: ${code.replaceAll('_', ' ')}`}`
}

const prefix = /^(request\.|llama\.)/

/** What was asked for and what it was done to, each thing once: the targets are both asked for and asked. */
export function details(row: Row): string {
  const parts = Object.entries(row)
    .filter(([name]) => prefix.test(name))
    .map(([name, value]) => `${name === 'llama.query' ? 'id' : name.replace(prefix, '')}: ${Array.isArray(value) ? value.map(textOf).join(', ') : textOf(value)}`)
  return [...new Set(parts)].join(', ')
}

/** The columns of rows that a query with pipes made, or undefined where rows are entries of the log as they are. */
export function columnsOf(rows: readonly Row[]): readonly string[] | undefined {
  if (rows.every((row) => '_id' in row && 'event.action' in row)) return undefined
  return [...new Set(rows.flatMap((row) => Object.keys(row)))]
}
