import { onScopeDispose, shallowReadonly, shallowRef, type ShallowRef } from 'vue'
import { describe } from '@/api/problem'

export type ResourceState<T> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly message: string }

export interface Resource<T> {
  readonly state: Readonly<ShallowRef<ResourceState<T>>>
  /** Loads it again. What was shown stays until then, and also when that fails. */
  refresh: () => Promise<void>
}

/** Something central has: loaded now, and every so often while the page is looked at, if everyMs is given. */
export function useResource<T>(load: (signal: AbortSignal) => Promise<T>, everyMs?: number): Resource<T> {
  const state = shallowRef<ResourceState<T>>({ kind: 'loading' })
  const abort = new AbortController()

  async function refresh() {
    try {
      state.value = { kind: 'done', value: await load(abort.signal) }
    } catch (error) {
      if (!abort.signal.aborted && state.value.kind !== 'done') state.value = { kind: 'failed', message: describe(error) }
    }
  }

  const timer = everyMs === undefined ? undefined : setInterval(() => void (document.hidden || refresh()), everyMs)
  onScopeDispose(() => {
    clearInterval(timer)
    abort.abort()
  })
  void refresh()
  return { state: shallowReadonly(state), refresh }
}
