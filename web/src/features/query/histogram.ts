/** How the hits over time are asked for and laid out in bars. */
import type { Row } from '@/api/value'
import { splitQuery } from './logsql'

/** Spans a bar may stand for, as LogsQL writes them and in milliseconds. */
const steps: readonly (readonly [string, number])[] = [
  ['1ms', 1], ['10ms', 10], ['100ms', 100],
  ['1s', 1000], ['2s', 2000], ['5s', 5000], ['10s', 10_000], ['15s', 15_000], ['30s', 30_000],
  ['1m', 60_000], ['2m', 120_000], ['5m', 300_000], ['10m', 600_000], ['15m', 900_000], ['30m', 1_800_000],
  ['1h', 3_600_000], ['2h', 7_200_000], ['3h', 10_800_000], ['6h', 21_600_000], ['12h', 43_200_000],
  ['1d', 86_400_000], ['2d', 172_800_000], ['7d', 604_800_000], ['30d', 2_592_000_000], ['365d', 31_536_000_000],
]
const mostBars = 120

export interface Span {
  readonly from: number
  readonly to: number
}

export interface Step {
  readonly text: string
  readonly ms: number
}

export interface Bars {
  /** Milliseconds since 1970 at which each bar begins, without gaps. */
  readonly times: readonly number[]
  readonly hits: readonly number[]
  readonly step: Step
  readonly span: Span
}

/** The finest step that needs no more bars than can be told apart. */
export function stepFor({ from, to }: Span): Step {
  const found = steps.find(([, ms]) => (to - from) / ms <= mostBars) ?? steps.at(-1)
  return { text: found?.[0] ?? '1h', ms: found?.[1] ?? 3_600_000 }
}

/** The query that counts hits for another query. */
export function hitsQuery(query: string, step: Step): string {
  return `${splitQuery(query).filter || '*'} | stats by (_time:${step.text}) count() hits`
}

/** Lays counted rows out in bars; where nothing was counted is a bar of none. */
export function barsOf(rows: readonly Row[], step: Step, span: Span): Bars {
  const counted = new Map<number, number>()
  for (const row of rows) {
    const at = Date.parse(String(row._time))
    if (!Number.isNaN(at)) counted.set(at, (counted.get(at) ?? 0) + Number(row.hits))
  }
  const first = Math.min(floor(span.from, counted, step.ms), ...counted.keys())
  const last = Math.max(span.to - 1, ...counted.keys())
  const times: number[] = []
  for (let at = first; at <= last && times.length < 10 * mostBars; at += step.ms) times.push(at)
  return { times, hits: times.map((at) => counted.get(at) ?? 0), step, span: { from: first, to: Math.max(span.to, last + 1) } }
}

/** The beginning of the bar that holds at, on the grid of those counted. */
function floor(at: number, counted: ReadonlyMap<number, number>, ms: number): number {
  const [origin = 0] = counted.keys()
  return origin + Math.floor((at - origin) / ms) * ms
}

/** The span of the bars from one index to another, both inside. */
export function spanOfBars(bars: Bars, first: number, last: number): Span {
  const from = bars.times[Math.min(first, last)] ?? bars.span.from
  const to = (bars.times[Math.max(first, last)] ?? bars.span.to) + bars.step.ms
  return { from, to }
}
