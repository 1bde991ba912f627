import type { Api } from '@/api/client'
import { ApiError } from '@/api/problem'
import type { Grant, Query, QueryEvent, Session } from '@/api/types'

export const session: Session = { user: 'admin', roles: ['admin'], grants: [{ role: 'admin' }], must_change_password: false, expires: '2030-01-01T00:00:00Z' }

/** Somebody with one role on all targets. */
export function someoneAs(role: Grant['role'], user = 'ana'): Session {
  return { ...session, user, roles: [role], grants: [{ role }] }
}

/** A query as central tells it, with what the test cares about. */
export function aQuery(some: Partial<Query> = {}): Query {
  return {
    id: 'q1', query: '*', normal: '*', targets: ['local'], user: 'admin', state: 'running', created: '2026-11-20T12:00:00Z',
    expires: '2026-11-21T12:00:00Z', deadline: '2026-11-21T12:00:00Z', limit: 1000, rows: 0, columns: [], tasks: [], ...some,
  }
}

/** A stream of events that a test has written down. */
export async function* events<E>(...list: readonly E[]): AsyncGenerator<E> {
  for (const event of list) yield await Promise.resolve(event)
}

/** An Api that knows nobody and holds nothing, but for what the test gives it. */
export function fakeApi(some: Partial<Api> = {}): Api {
  const unknown = () => Promise.reject(new ApiError(404, 'not_found', 'there is no such query'))
  return {
    signIn: () => Promise.resolve(session),
    signOut: () => Promise.resolve(),
    session: () => Promise.resolve(session),
    changePassword: () => Promise.resolve(),
    targets: () => Promise.resolve([]),
    collections: () => Promise.resolve([]),
    statistics: () =>
      Promise.resolve({
        events: 0, bytes: 0, collections: 0, queries: { total: 0, running: 0, failed: 0, today: 0 },
        nodes: { online: 1, offline: 0 }, ingest: { events_per_second: 0 },
      }),
    ask: () => Promise.resolve(aQuery({ state: 'done' })),
    queries: () => Promise.resolve([]),
    query: unknown,
    rows: () => Promise.resolve({ rows: [], total: 0, complete: true }),
    follow: () => events<QueryEvent>({ kind: 'end' }),
    cancel: () => Promise.resolve(),
    exportURL: (id, format) => `/api/v1/query/${id}/rows?format=${format}`,
    tail: () => events(),
    users: () => Promise.resolve([]),
    addUser: (user) => Promise.resolve({ user, password: 'a first password' }),
    changeUser: unknown,
    resetPassword: (user) => Promise.resolve({ user, password: 'another password' }),
    removeUser: () => Promise.resolve(),
    groups: () => Promise.resolve([]),
    putGroup: () => Promise.resolve(),
    removeGroup: () => Promise.resolve(),
    saved: () => Promise.resolve([]),
    save: unknown,
    removeSaved: () => Promise.resolve(),
    schedules: () => Promise.resolve([]),
    addSchedule: unknown,
    changeSchedule: unknown,
    removeSchedule: () => Promise.resolve(),
    runSchedule: () => Promise.resolve(),
    runs: () => Promise.resolve([]),
    audit: () => Promise.resolve([]),
    codes: () => Promise.resolve([]),
    addCode: ({ target, uses = 1 }) => Promise.resolve({ id: 'c1', code: 'llama1_code', target, uses, expires: '2030-01-01T00:00:00Z' }),
    removeCode: () => Promise.resolve(),
    revokeNode: () => Promise.resolve(),
    tokens: () => Promise.resolve([]),
    addToken: (name, _grants, expires) => Promise.resolve({ name, token: 'a token', expires }),
    removeToken: () => Promise.resolve(),
    formatQuery: (query) => Promise.resolve(query),
    ...some,
  }
}
