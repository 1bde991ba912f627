import { textOf, type Row } from '@/api/value'

export type Severity = 'bad' | 'wait' | undefined

const words: Readonly<Record<string, Severity>> = {
  emerg: 'bad', emergency: 'bad', alert: 'bad', crit: 'bad', critical: 'bad', fatal: 'bad', panic: 'bad', err: 'bad', error: 'bad',
  warn: 'wait', warning: 'wait',
}

/** How grave a row calls itself: its level, else its syslog severity. */
export function severityOf(row: Row): Severity {
  const level = row['log.level'] ?? row['log.syslog.severity.name']
  if (level !== undefined) return words[textOf(level).toLowerCase()]
  const code = row['log.syslog.severity.code']
  if (code === undefined) return undefined
  return Number(code) <= 3 ? 'bad' : Number(code) === 4 ? 'wait' : undefined
}
