import { onScopeDispose, shallowReadonly, shallowRef, type ShallowRef } from 'vue'
import type { Api } from '@/api/client'
import { describe } from '@/api/problem'
import type { Statistics } from '@/api/types'

export type StatisticsState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'done'; readonly statistics: Statistics }
  | { readonly kind: 'failed'; readonly message: string }

const everyMs = 10_000

/** What central holds, kept fresh while the page is looked at. */
export function useStatistics(api: Pick<Api, 'statistics'>): Readonly<ShallowRef<StatisticsState>> {
  const state = shallowRef<StatisticsState>({ kind: 'loading' })
  const abort = new AbortController()
  async function refresh() {
    try {
      state.value = { kind: 'done', statistics: await api.statistics(abort.signal) }
    } catch (error) {
      if (!abort.signal.aborted) state.value = { kind: 'failed', message: describe(error) }
    }
  }
  const timer = setInterval(() => {
    if (!document.hidden) void refresh()
  }, everyMs)
  onScopeDispose(() => {
    clearInterval(timer)
    abort.abort()
  })
  void refresh()
  return shallowReadonly(state)
}
