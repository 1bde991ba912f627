import { onScopeDispose, shallowReadonly, shallowRef, type ShallowRef } from 'vue'
import type { Api } from '@/api/client'
import { describe } from '@/api/problem'
import type { Collection, Query, Target } from '@/api/types'
import { histogramName } from './useHistogram'

export type ListsState =
  | { readonly kind: 'loading' }
  | {
      readonly kind: 'done'
      readonly targets: readonly Target[]
      readonly collections: readonly Collection[]
      readonly recent: readonly Query[]
    }
  | { readonly kind: 'failed'; readonly message: string }

const everyMs = 15_000
/** While no collection is known: somebody waits for the first. */
const firstEveryMs = 2000
const recentAtMost = 15

/** What there is to ask: targets, collections and recent queries, kept fresh while the page is looked at. */
export function useLists(api: Pick<Api, 'targets' | 'collections' | 'queries'>): {
  state: Readonly<ShallowRef<ListsState>>
  refresh: () => Promise<void>
} {
  const state = shallowRef<ListsState>({ kind: 'loading' })
  const abort = new AbortController()

  async function refresh() {
    try {
      const [targets, collections, queries] = await Promise.all([
        api.targets(abort.signal),
        api.collections(abort.signal),
        api.queries(60, abort.signal),
      ])
      state.value = { kind: 'done', targets, collections, recent: recentOf(queries) }
    } catch (error) {
      // What was known stays: an old list is more use than none, and the status line tells of lost connections.
      if (!abort.signal.aborted && state.value.kind !== 'done') state.value = { kind: 'failed', message: describe(error) }
    }
  }

  let timer: ReturnType<typeof setTimeout> | undefined
  async function keepFresh() {
    if (!document.hidden) await refresh()
    if (abort.signal.aborted) return
    const some = state.value.kind === 'done' && state.value.collections.length > 0
    timer = setTimeout(() => void keepFresh(), some ? everyMs : firstEveryMs)
  }
  onScopeDispose(() => {
    clearTimeout(timer)
    abort.abort()
  })
  void keepFresh()
  return { state: shallowReadonly(state), refresh }
}

/** Each query once, the newest first, without those that the page asked for itself. */
function recentOf(queries: readonly Query[]): Query[] {
  const texts = new Set<string>()
  const distinct = queries.filter((q) => q.name !== histogramName && !texts.has(q.query) && texts.add(q.query))
  return distinct.slice(0, recentAtMost)
}
