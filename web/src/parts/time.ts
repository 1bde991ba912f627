/** Times as people read and write them, in the browser's zone or in UTC. */
export type Zone = 'local' | 'utc'

/** A range of time as the API takes it: RFC 3339 or relative to now; absent is open. `to` is the first moment outside. */
export interface TimeRange {
  readonly from?: string
  readonly to?: string
}

export interface Preset {
  readonly label: string
  readonly range: TimeRange
}

const spans = ['5m', '15m', '30m', '1h', '3h', '6h', '12h', '24h', '2d', '7d', '14d', '30d'] as const
const unitNames: Readonly<Record<string, string>> = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' }
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

export const presets: readonly Preset[] = [
  ...spans.map((span) => ({ label: labelOf({ from: `now-${span}` }), range: { from: `now-${span}` } })),
  { label: 'All time', range: {} },
]

/** What a range is called: "Last 15 minutes", or its two ends. */
export function labelOf(range: TimeRange, zone: Zone = 'local'): string {
  if (range.from === undefined && range.to === undefined) return 'All time'
  const relative = /^(?:now)?-(\d+)([smhdw])$/.exec(range.from ?? '')
  if (relative && (range.to === undefined || range.to === 'now')) {
    const [, n, unit] = relative
    const name = unitNames[unit ?? ''] ?? ''
    return n === '1' ? `Last ${name}` : `Last ${n ?? ''} ${name}s`
  }
  return `${endOf(range.from, zone) ?? 'beginning'} – ${endOf(range.to, zone) ?? 'now'}`
}

function endOf(end: string | undefined, zone: Zone): string | undefined {
  if (end === undefined) return undefined
  return Number.isNaN(Date.parse(end)) ? end : formatTime(end, zone).replace(/\.000$/, '')
}

/** Milliseconds since 1970 of an end of a range, or undefined for one that is neither absolute nor relative. */
export function resolve(end: string, now: number): number | undefined {
  if (end === 'now') return now
  const relative = /^(?:now)?-(\d+)(ms|[smhdw])$/.exec(end)
  if (relative) return now - Number(relative[1]) * (unitMs[relative[2] ?? ''] ?? 0)
  const at = Date.parse(end)
  return Number.isNaN(at) ? undefined : at
}

/** "2026-11-20 14:03:05.123". What is no time stays as it is. */
export function formatTime(time: string | number, zone: Zone): string {
  const at = typeof time === 'number' ? time : Date.parse(time)
  if (Number.isNaN(at)) return String(time)
  return inZone(at, zone).toISOString().replace('T', ' ').replace('Z', '')
}

/** The zone's name and offset at a moment: "Europe/Prague, UTC+01:00". */
export function zoneLabel(zone: Zone, at = Date.now()): string {
  if (zone === 'utc') return 'UTC'
  const minutes = -new Date(at).getTimezoneOffset()
  const size = Math.abs(minutes)
  const offset = `UTC${minutes < 0 ? '−' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone}, ${offset}`
}

/** Reads "2026-11-20 14:03", with or without seconds or time of day, in the zone. Undefined when it is no time. */
export function parseTime(text: string, zone: Zone): string | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  if (/^(now|(now)?-\d+[smhdw])$/.test(trimmed)) return trimmed
  const parts = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?$/.exec(trimmed)
  if (!parts) return /[zZ]$|[+-]\d\d:\d\d$/.test(trimmed) ? isoOf(Date.parse(trimmed)) : undefined
  const [y, mo, d, h, mi, s] = parts.slice(1, 7).map((part) => Number(part ?? 0))
  const ms = Number((parts[7] ?? '').padEnd(3, '0'))
  const of = [y ?? 0, (mo ?? 1) - 1, d ?? 1, h, mi, s, ms] as const
  const at = zone === 'utc' ? Date.UTC(...of) : new Date(...of).getTime()
  // 2026-02-31 or 25:00 would roll over silently.
  return formatTime(at, zone).startsWith(trimmed.replace('T', ' ')) ? isoOf(at) : undefined
}

function isoOf(at: number): string | undefined {
  return Number.isNaN(at) ? undefined : new Date(at).toISOString()
}

/** A date whose UTC parts are the moment's parts in the zone. */
function inZone(at: number, zone: Zone): Date {
  return new Date(zone === 'utc' ? at : at - new Date(at).getTimezoneOffset() * 60_000)
}

function pad(n: number): string {
  return String(n).padStart(2, '0')
}
