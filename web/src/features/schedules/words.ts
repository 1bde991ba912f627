import type { Schedule, ScheduleRun } from '@/api/types'

/** When a schedule is due, in words. */
export function dueWords(s: Pick<Schedule, 'every' | 'cron' | 'zone'>): string {
  if (s.every) return `every ${s.every}`
  return `${s.cron ?? ''} (${s.zone ?? 'UTC'})`
}

/** The time range it asks about, in words. */
export function frameWords(s: Pick<Schedule, 'frame' | 'from' | 'to'>): string {
  if (s.frame === 'interval') return 'since it was due before'
  if (!s.from && !s.to) return 'all time'
  return `${s.from ?? 'the beginning'} to ${s.to ?? 'the end'}`
}

/** Intervals to choose from. */
export const intervals: readonly (readonly [value: string, label: string])[] = [
  ['5m', '5 minutes'],
  ['15m', '15 minutes'],
  ['1h', 'hour'],
  ['6h', '6 hours'],
  ['24h', '24 hours'],
  ['168h', '7 days'],
]

/** Says whether rows of a run can be looked at. */
export function hasRows(run: ScheduleRun): boolean {
  return run.state === 'done' || run.state === 'partial'
}
