import { createAdmin, type AdminApi } from './admin'
import { createFleet, type FleetApi } from './fleet'
import { createPlanning, type PlanningApi } from './planning'
import { createCaller, search } from './call'
import { serverEvents, type ServerEvent } from './stream'
import type { Ask, Collection, Progress, Query, QueryEvent, RowPage, Session, Statistics, Stopped, TailEvent, Target } from './types'
import { parseExact, type Row } from './value'

export type ExportFormat = 'ndjson' | 'csv'

/** Central's API as the page calls it. Every method throws an ApiError where central refuses. */
export interface Api extends AdminApi, FleetApi, PlanningApi {
  signIn(user: string, password: string): Promise<Session>
  signOut(): Promise<void>
  session(): Promise<Session>
  changePassword(old: string, next: string): Promise<void>
  targets(signal?: AbortSignal): Promise<readonly Target[]>
  collections(signal?: AbortSignal): Promise<readonly Collection[]>
  statistics(signal?: AbortSignal): Promise<Statistics>
  ask(ask: Ask, signal?: AbortSignal): Promise<Query>
  /** Queries that were asked, the newest first. */
  queries(atMost: number, signal?: AbortSignal): Promise<readonly Query[]>
  query(id: string, signal?: AbortSignal): Promise<Query>
  rows(id: string, offset: number, limit: number, signal?: AbortSignal): Promise<RowPage>
  follow(id: string, signal: AbortSignal): AsyncIterable<QueryEvent>
  cancel(id: string): Promise<void>
  /** Where a result can be downloaded. */
  exportURL(id: string, format: ExportFormat): string
  tail(query: string, targets: readonly string[], signal: AbortSignal): AsyncIterable<TailEvent>
  /** Returns the query in its normal form, or throws where it is wrong. */
  formatQuery(query: string, signal?: AbortSignal): Promise<string>
}

/** Calls the API below base. A refused session is told to onSignedOut, whoever asked. */
export function createApi(base: string, onSignedOut: () => void): Api {
  const caller = createCaller(base, onSignedOut)
  const { call, json, list } = caller
  async function events(path: string, signal: AbortSignal): Promise<AsyncIterable<ServerEvent>> {
    const { body } = await call('GET', path, undefined, signal)
    return serverEvents(body ?? new ReadableStream())
  }

  return {
    ...createAdmin(caller),
    ...createFleet(caller),
    ...createPlanning(caller),
    signIn: (user, password) => json('POST', '/session', { user, password }),
    signOut: async () => void (await call('DELETE', '/session')),
    session: () => json('GET', '/session'),
    changePassword: async (old, next) => void (await call('POST', '/session/password', { old, new: next })),
    targets: (signal) => list('/targets', 'targets', signal),
    collections: (signal) => list('/collections', 'collections', signal),
    statistics: (signal) => json('GET', '/statistics', undefined, signal),
    ask: (ask, signal) => json('POST', '/queries', ask, signal),
    queries: (atMost, signal) => list('/queries', 'queries', signal, atMost),
    query: (id, signal) => json('GET', `/query/${id}`, undefined, signal),
    rows: async (id, offset, limit, signal) => {
      const response = await call('GET', `/query/${id}/rows${search({ offset, limit })}`, undefined, signal)
      const page = parseExact(await response.text()) as { rows: Row[] | null; total: number; complete: boolean }
      return { rows: page.rows ?? [], total: Number(page.total), complete: page.complete }
    },
    async *follow(id, signal) {
      for await (const { event, data } of await events(`/query/${id}/events`, signal)) {
        if (event === 'rows') yield { kind: 'rows', ...rowsOf(data) }
        else if (event === 'state') yield { kind: 'state', query: JSON.parse(data) as Query }
        else if (event === 'progress') yield { kind: 'progress', progress: JSON.parse(data) as Progress }
        else if (event === 'end') yield { kind: 'end', ...(JSON.parse(data) as { error?: string }) }
      }
    },
    cancel: async (id) => void (await call('DELETE', `/query/${id}`)),
    // Most CSV is opened in a spreadsheet, which would run what looks like a formula.
    exportURL: (id, format) => `${base}/query/${id}/rows${search(format === 'csv' ? { format, spreadsheet: 'true' } : { format })}`,
    async *tail(query, targets, signal) {
      const path = `/tail${search({ query, targets: targets.join(',') })}`
      const stream = await events(path, signal)
      yield { kind: 'open' }
      for await (const { event, data } of stream) {
        if (event === 'rows') yield { kind: 'rows', rows: rowsOf(data).rows }
        else if (event === 'lost') yield { kind: 'lost', count: (JSON.parse(data) as { count: number }).count }
        else if (event === 'stopped') yield { kind: 'stopped', stopped: JSON.parse(data) as Stopped }
        else if (event === 'end') yield { kind: 'end', ...(JSON.parse(data) as { error?: string }) }
      }
    },
    formatQuery: async (query, signal) =>
      (await json<{ query: string }>('POST', '/format-query', { query }, signal)).query,
  }
}

function rowsOf(data: string): { offset: number; rows: readonly Row[] } {
  const { offset, rows } = parseExact(data) as { offset?: number; rows: Row[] | null }
  return { offset: offset ?? 0, rows: rows ?? [] }
}
