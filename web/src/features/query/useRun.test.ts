import { effectScope } from 'vue'
import { describe, expect, it, vi } from 'vitest'
import type { Api } from '@/api/client'
import { ApiError } from '@/api/problem'
import type { QueryEvent } from '@/api/types'
import { aQuery, events, fakeApi } from '@/testing/fakeApi'
import { useRun } from './useRun'

function start(some: Partial<Api>) {
  const scope = effectScope()
  const used = scope.run(() => useRun(fakeApi(some)))
  if (!used) throw new Error('the scope is gone')
  return { ...used, leave: () => { scope.stop() } }
}

const row = (n: number) => ({ n })

describe('useRun', () => {
  it('shows rows as they come, and all of them at the end', async () => {
    const { state, run } = start({
      ask: () => Promise.resolve(aQuery()),
      follow: () => events<QueryEvent>({ kind: 'rows', offset: 0, rows: [row(1)] }, { kind: 'end' }),
      query: () => Promise.resolve(aQuery({ state: 'done', rows: 3 })),
      rows: (_id, offset) => Promise.resolve({ rows: [row(offset + 1)], total: 3, complete: true }),
    })
    await run({ query: '*' })
    expect(state.value).toEqual({
      kind: 'ended', query: aQuery({ state: 'done', rows: 3 }), rows: [row(1), row(2), row(3)],
    })
  })

  it('goes on with what was asked before, while it runs, and asks anew when it has ended', async () => {
    const asked: string[] = []
    const states = ['running', 'done', 'done', 'done'] as const
    let looks = 0
    const { state, run } = start({
      ask: ({ query }) => {
        asked.push(query)
        return Promise.resolve(aQuery({ id: 'new' }))
      },
      follow: () => events<QueryEvent>({ kind: 'end' }),
      query: (id) => Promise.resolve(aQuery({ id, state: states[looks++] ?? 'done' })),
      rows: () => Promise.resolve({ rows: [], total: 0, complete: true }),
    })
    await run({ query: '*' }, 'old')
    expect(asked).toEqual([])
    expect(state.value).toMatchObject({ kind: 'ended', query: { id: 'old' } })
    await run({ query: '*' }, 'old')
    expect(asked).toEqual(['*'])
    expect(state.value).toMatchObject({ kind: 'ended', query: { id: 'new' } })
  })

  it('takes what nodes that answer later make of the rows', async () => {
    const { state, run } = start({
      ask: () => Promise.resolve(aQuery()),
      follow: () =>
        events<QueryEvent>(
          { kind: 'rows', offset: 0, rows: [row(5), row(6), row(7)] }, { kind: 'rows', offset: 0, rows: [row(8), row(9)] }, { kind: 'end' },
        ),
      query: () => Promise.resolve(aQuery({ state: 'done', rows: 2 })),
    })
    await run({ query: '* | stats by (a) count() n' })
    expect(state.value).toMatchObject({ kind: 'ended', rows: [row(8), row(9)] })
  })

  it('fetches the rows anew when it did not hear the end', async () => {
    const { state, run } = start({
      ask: () => Promise.resolve(aQuery()),
      follow: () => events<QueryEvent>({ kind: 'rows', offset: 0, rows: [row(5)] }),
      query: () => Promise.resolve(aQuery({ state: 'done', rows: 1 })),
      rows: () => Promise.resolve({ rows: [row(8)], total: 1, complete: true }),
    })
    await run({ query: '* | stats count() n' })
    expect(state.value).toMatchObject({ kind: 'ended', rows: [row(8)] })
  })

  it('opens a result that is kept, and no more of it than can be looked at', async () => {
    const fetched: [number, number][] = []
    const { state, open } = start({
      query: () => Promise.resolve(aQuery({ id: 'kept', state: 'done', rows: 1_000_000 })),
      rows: (_id, offset, limit) => {
        fetched.push([offset, limit])
        return Promise.resolve({ rows: Array.from({ length: limit }, (_, i) => row(offset + i)), total: 1_000_000, complete: true })
      },
    })
    await open('kept')
    expect(state.value).toMatchObject({ kind: 'ended', query: { id: 'kept' } })
    expect(fetched.at(-1)).toEqual([45_000, 5000])
  })

  it('goes on after a lost connection, without a row twice', async () => {
    vi.useFakeTimers()
    let connections = 0
    const { state, run } = start({
      ask: () => Promise.resolve(aQuery()),
      async *follow() {
        connections++
        yield { kind: 'rows', offset: 0, rows: [row(1), row(2)] }
        if (connections === 1) throw new TypeError('network error')
        yield { kind: 'rows', offset: 2, rows: [row(3)] }
        yield { kind: 'end' }
      },
      query: () => Promise.resolve(aQuery({ state: 'done', rows: 3 })),
    })
    const ran = run({ query: '*' })
    await vi.advanceTimersByTimeAsync(100)
    expect(state.value).toMatchObject({ kind: 'running', connected: false })
    await vi.advanceTimersByTimeAsync(2000)
    await ran
    expect(state.value).toMatchObject({ kind: 'ended', rows: [row(1), row(2), row(3)] })
    vi.useRealTimers()
  })

  it('says where a query is wrong', async () => {
    const { state, run } = start({ ask: () => Promise.reject(new ApiError(400, 'invalid', 'quote is never closed', 7)) })
    await run({ query: 'x' })
    expect(state.value).toEqual({ kind: 'failed', message: 'quote is never closed', column: 7 })
  })

  it('cancels what a newer query replaces', async () => {
    const cancel = vi.fn(() => Promise.resolve())
    const { run, leave } = start({
      ask: ({ query }) => Promise.resolve(aQuery({ id: query })),
      // eslint-disable-next-line require-yield
      follow: async function* (_id, signal) {
        await new Promise((done) => { signal.addEventListener('abort', done) })
      },
      cancel,
    })
    void run({ query: 'old' })
    await Promise.resolve()
    await Promise.resolve()
    void run({ query: 'new' })
    await Promise.resolve()
    expect(cancel.mock.calls).toEqual([['old']])
    leave()
  })
})
