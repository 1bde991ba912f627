import { search, type Caller } from './call'
import type { NewSavedQuery, NewSchedule, SavedQuery, Schedule, ScheduleChange, ScheduleRun } from './types'
import { parseExact, type Row } from './value'

/** What is kept of questions: under names, to be asked again and again, and who asked what. */
export interface PlanningApi {
  saved(signal?: AbortSignal): Promise<readonly SavedQuery[]>
  save(query: NewSavedQuery): Promise<SavedQuery>
  removeSaved(id: string): Promise<void>
  schedules(signal?: AbortSignal): Promise<readonly Schedule[]>
  addSchedule(schedule: NewSchedule): Promise<Schedule>
  changeSchedule(id: string, change: ScheduleChange): Promise<Schedule>
  removeSchedule(id: string): Promise<void>
  runSchedule(id: string): Promise<void>
  /** What came of a schedule, the newest first. */
  runs(id: string, atMost: number, signal?: AbortSignal): Promise<readonly ScheduleRun[]>
  /** Answers a question in LogsQL about the audit log. */
  audit(query: string, limit: number, signal?: AbortSignal): Promise<readonly Row[]>
}

export function createPlanning({ call, json, list }: Caller): PlanningApi {
  return {
    saved: (signal) => list('/saved-queries', 'saved_queries', signal),
    save: (query) => json('POST', '/saved-queries', query),
    removeSaved: async (id) => void (await call('DELETE', `/saved-queries/${id}`)),
    schedules: (signal) => list('/scheduled-tasks', 'schedules', signal),
    addSchedule: (schedule) => json('POST', '/scheduled-tasks', schedule),
    changeSchedule: (id, change) => json('PATCH', `/scheduled-tasks/${id}`, change),
    removeSchedule: async (id) => void (await call('DELETE', `/scheduled-tasks/${id}`)),
    runSchedule: async (id) => void (await call('POST', `/scheduled-tasks/${id}/run`)),
    runs: (id, atMost, signal) => list(`/scheduled-tasks/${id}/runs`, 'runs', signal, atMost),
    audit: async (query, limit, signal) => {
      const text = await (await call('GET', `/audit${search({ query, limit })}`, undefined, signal)).text()
      return text.split('\n').filter((line) => line !== '').map((line) => parseExact(line) as Row)
    },
  }
}
