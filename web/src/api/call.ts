import { problemOf } from './problem'

/** Calls one path of the API, and returns what it answers, or throws an ApiError. */
export interface Caller {
  call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response>
  json<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T>
  /** Reads all pages of a list, which the answer has under name, or those of its first atMost. */
  list<T>(path: string, name: string, signal?: AbortSignal, atMost?: number): Promise<readonly T[]>
}

/** The longest page of a list that central gives. */
const mostAtOnce = 1000

/** Calls the API below base. A refused session is told to onSignedOut, whoever asked. */
export function createCaller(base: string, onSignedOut: () => void): Caller {
  async function call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const init: RequestInit = { method, credentials: 'same-origin', signal: signal ?? null }
    if (body !== undefined) {
      init.body = JSON.stringify(body)
      init.headers = { 'Content-Type': 'application/json' }
    }
    const response = await fetch(base + path, init)
    if (response.ok) return response
    if (response.status === 401 && path !== '/session') onSignedOut()
    throw await problemOf(response)
  }
  async function json<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const response = await call(method, path, body, signal)
    return (await response.json()) as T
  }
  async function list<T>(path: string, name: string, signal?: AbortSignal, atMost = Infinity): Promise<readonly T[]> {
    const all: T[] = []
    for (let after = ''; ;) {
      const limit = Math.min(atMost - all.length, mostAtOnce)
      const page = await json<Record<string, unknown>>('GET', path + search({ after, limit }, path), undefined, signal)
      all.push(...((page[name] ?? []) as T[]))
      if (typeof page.next !== 'string' || page.next === '' || all.length >= atMost) return all
      after = page.next
    }
  }
  return { call, json, list }
}

/** The parameters that are not empty, as the end of an address; path may have some already. */
export function search(values: Readonly<Record<string, string | number>>, path = ''): string {
  const given = Object.entries(values).filter(([, value]) => value !== '')
  if (given.length === 0) return ''
  return (path.includes('?') ? '&' : '?') + new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
}
