import { flushPromises } from '@vue/test-utils'
import { effectScope, shallowRef } from 'vue'
import { expect, it } from 'vitest'
import type { Ask, Query } from '@/api/types'
import { aQuery, fakeApi } from '@/testing/fakeApi'
import { useHistogram } from './useHistogram'

it('counts again when a site has answered that was away', async () => {
  const asked: Ask[] = []
  const counts = [1, 3]
  const api = fakeApi({
    ask: (ask) => {
      asked.push(ask)
      return Promise.resolve(aQuery({ id: `h${String(asked.length)}`, state: asked.length === 1 ? 'partial' : 'done', rows: 1 }))
    },
    rows: () => Promise.resolve({ rows: [{ _time: '2026-01-01T00:00:00Z', hits: counts[asked.length - 1] ?? 0 }], total: 1, complete: true }),
  })
  const range = { from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00Z' }
  const query = shallowRef<Query | undefined>(aQuery({ id: 'q', state: 'running', ...range }))
  const scope = effectScope()
  const histogram = scope.run(() => useHistogram(api, query))
  await flushPromises()
  expect(histogram?.value).toMatchObject({ kind: 'done', hits: 1 })
  expect(asked[0]).toMatchObject({ name: 'histogram', deadline: '+10m' })
  query.value = aQuery({ id: 'q', state: 'done', ...range })
  await flushPromises()
  expect(histogram?.value).toMatchObject({ kind: 'done', hits: 3 })
  query.value = aQuery({ id: 'q', state: 'done', rows: 1, ...range })
  await flushPromises()
  expect(asked.length).toBe(2)
  scope.stop()
})
