import { effectScope } from 'vue'
import { expect, it, vi } from 'vitest'
import type { Api } from '@/api/client'
import { ApiError } from '@/api/problem'
import { useTail } from './useTail'

function start(tail: Api['tail']) {
  const scope = effectScope()
  const used = scope.run(() => useTail({ tail }))
  if (!used) throw new Error('the scope is gone')
  return { ...used, leave: () => { scope.stop() } }
}

it('shows the newest first, counts, says who stopped, and connects again', async () => {
  vi.useFakeTimers()
  let connections = 0
  const { state, follow, leave } = start(async function* () {
    connections++
    yield { kind: 'open' }
    yield { kind: 'stopped', stopped: { node: 'n1', target: `site ${String(connections)}`, error: 'is away' } }
    yield { kind: 'rows', rows: [{ n: connections }, { n: connections + 0.5 }] }
    yield await Promise.resolve({ kind: 'lost', count: 5 })
    if (connections === 1) throw new TypeError('network error')
    await new Promise(() => undefined)
  })
  void follow('*', [])
  await vi.advanceTimersByTimeAsync(5000)
  expect(state.value).toEqual({
    kind: 'following', connected: true, seen: 4, lost: 10, rows: [{ n: 2.5 }, { n: 2 }, { n: 1.5 }, { n: 1 }],
    stopped: [{ node: 'n1', target: 'site 2', error: 'is away' }],
  })
  leave()
  vi.useRealTimers()
})

it('says what is wrong', async () => {
  // eslint-disable-next-line require-yield
  const { state, follow } = start(async function* () {
    throw await Promise.resolve(new ApiError(400, 'invalid', 'filters only'))
  })
  await follow('* | limit 1', [])
  expect(state.value).toEqual({ kind: 'failed', message: 'filters only' })
})
