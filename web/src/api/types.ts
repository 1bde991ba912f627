/**
 * The words of the API as the page uses them: those that schema.ts was generated with, under short names, and what the
 * document cannot say of streams.
 */
import type { components } from './schema'
import type { Row } from './value'

type Schemas = components['schemas']

export type Session = Schemas['Session']
export type Target = Schemas['Target']
export type Collection = Schemas['Collection']
export type Query = Schemas['Query']
export type Task = Schemas['Task']
export type TaskState = Task['state']
export type Statistics = Schemas['Statistics']
export type Progress = Schemas['Progress']
export type User = Schemas['User']
export type Grant = Schemas['Grant']
export type Group = Schemas['Group']
export type Schedule = Schemas['ScheduledTask']
export type NewSchedule = Schemas['NewSchedule']
export type ScheduleChange = Schemas['ScheduleChange']
export type ScheduleRun = Schemas['ScheduleRun']
export type SavedQuery = Schemas['SavedQuery']
export type NewSavedQuery = Schemas['NewSavedQuery']
export type Stopped = Schemas['Stopped']
export type Node = Schemas['Node']
export type EnrolmentCode = Schemas['EnrolmentCode']
export type NewCode = Schemas['NewCode']
export type MadeCode = Schemas['MadeCode']
export type MachineToken = Schemas['MachineToken']
export type MadeToken = Schemas['MadeToken']
export type FirstPassword = Schemas['FirstPassword']

/** What is asked. Times are RFC 3339 or relative to now ("now-15m"). */
export interface Ask {
  readonly query: string
  readonly targets?: readonly string[]
  readonly from?: string
  readonly to?: string
  readonly limit?: number
  readonly name?: string
  /** Until when nodes may answer; without it, as long as central lets them. */
  readonly deadline?: string
}

export interface RowPage {
  readonly rows: readonly Row[]
  readonly total: number
  readonly complete: boolean
}

/** What a query says while it runs. Rows are instead of all that were known from the one with the number offset on. */
export type QueryEvent =
  | { readonly kind: 'state'; readonly query: Query }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'rows'; readonly offset: number; readonly rows: readonly Row[] }
  | { readonly kind: 'end'; readonly error?: string }

/** What a live tail says, first of all that it is open. */
export type TailEvent =
  | { readonly kind: 'open' }
  | { readonly kind: 'rows'; readonly rows: readonly Row[] }
  | { readonly kind: 'lost'; readonly count: number }
  /** A node follows no longer; the others go on. */
  | { readonly kind: 'stopped'; readonly stopped: Stopped }
  | { readonly kind: 'end'; readonly error?: string }

const ended: readonly TaskState[] = ['done', 'partial', 'failed', 'refused', 'cancelled', 'expired']

/** Says whether a task or a query in this state will never change again. */
export function hasEnded(state: TaskState): boolean {
  return ended.includes(state)
}
