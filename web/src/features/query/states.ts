import { hasEnded, type Query, type Task, type TaskState } from '@/api/types'
import type { Tone } from '@/parts/StateDot.vue'
import { formatCompact, formatCount, formatSpan, plural } from '@/parts/format'
import type { RunState } from './useRun'

const tones: Readonly<Record<TaskState, Tone>> = {
  queued: 'none',
  delivered: 'busy',
  running: 'busy',
  done: 'good',
  partial: 'wait',
  failed: 'bad',
  refused: 'bad',
  cancelled: 'wait',
  expired: 'bad',
}

/** From then on an answer is of another time than those of the other sites. */
const lateMs = 60_000

export function toneOf(state: TaskState): Tone {
  return tones[state]
}

/** What there is to say of a task besides its state. */
export function detailOf(task: Task): string {
  if (task.error) return task.error
  if (task.state === 'queued') return 'waits for the site to be online'
  if (task.state === 'running') return `${String(Math.round(task.progress * 100))} %`
  if (task.state === 'delivered') return 'about to run'
  const rows = task.rows > 0 ? plural(task.rows, 'row') : ''
  const read = task.events_read > 0 ? `${rows === '' ? '' : ' of '}${formatCompact(task.events_read)} events` : ''
  const span = task.started && task.ended ? formatSpan(Date.parse(task.ended) - Date.parse(task.started)) : ''
  const waited = task.ended ? Date.parse(task.ended) - Date.parse(task.queued) : 0
  const late = waited > lateMs ? `${formatSpan(waited)} after it was asked` : ''
  return [rows + read, span, late].filter((part) => part !== '').join(', ')
}

/** "2 done, 1 queued": how the tasks of a query stand, worst first. */
export function tally(tasks: readonly Task[]): string {
  const counts = new Map<TaskState, number>()
  for (const { state } of tasks) counts.set(state, (counts.get(state) ?? 0) + 1)
  return worstFirst([...counts.keys()], (state) => state)
    .map((state) => `${formatCount(counts.get(state) ?? 0)} ${state}`)
    .join(', ')
}

const order: readonly TaskState[] = ['failed', 'refused', 'expired', 'partial', 'cancelled', 'queued', 'delivered', 'running', 'done']

export function worstFirst<T>(list: readonly T[], stateOf: (item: T) => TaskState): T[] {
  return [...list].sort((a, b) => order.indexOf(stateOf(a)) - order.indexOf(stateOf(b)))
}

/** What an analyst must know before trusting a result, or undefined when it is whole. */
export function caveat(query: Query, shown: number): string | undefined {
  const bad = query.tasks.filter((t) => t.state !== 'done')
  if (query.state === 'cancelled') return 'Cancelled: these are the rows that had arrived.'
  if (query.state !== 'done') return query.error || `Not complete: ${tally(bad)}${reasonOf(bad)}.`
  if (shown < query.rows) return `Only ${formatCount(shown)} of ${plural(query.rows, 'row')} could be fetched.`
  if (query.limit !== undefined && query.limit > 0 && shown >= query.limit) return `The limit of ${plural(query.limit, 'row')} is reached; there may be more.`
  return undefined
}

/** Says whether all that are there have answered, and the rest waits for its sites to be back. */
export function restIsAway(query: Query): boolean {
  const left = query.tasks.filter((t) => !hasEnded(t.state))
  return left.length < query.tasks.length && left.every((t) => t.state === 'queued')
}

/** Says whether no row has come, and none will before a site is back. */
export function nothingFound(run: RunState): boolean {
  return (run.kind === 'ended' || (run.kind === 'running' && restIsAway(run.query))) && run.rows.length === 0
}

/** Why the tasks went wrong, where all say the same. */
function reasonOf(tasks: readonly Task[]): string {
  const [reason, ...others] = new Set(tasks.map((t) => t.error ?? ''))
  return reason && others.length === 0 ? `: ${reason}` : ''
}
