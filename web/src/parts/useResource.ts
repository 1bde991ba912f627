import { onScopeDispose, shallowReadonly, shallowRef, type ShallowRef } from 'vue'
import { describe } from '@/api/problem'

export type ResourceState<T> =
  | { readonly kind: 'loading' }
  /** With a problem, it is what there was before central could not be asked any more. */
  | { readonly kind: 'done'; readonly value: T; readonly problem?: string }
  | { readonly kind: 'failed'; readonly message: string }

export interface Resource<T> {
  readonly state: Readonly<ShallowRef<ResourceState<T>>>
  /** Loads it again. What was shown stays until then. */
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
      if (abort.signal.aborted) return
      const message = describe(error)
      state.value = state.value.kind === 'done' ? { ...state.value, problem: message } : { kind: 'failed', message }
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

/** What went wrong when it was last loaded. */
export function problemIn(state: ResourceState<unknown>): string | undefined {
  if (state.kind === 'loading') return undefined
  return state.kind === 'failed' ? state.message : state.problem
}

/** What was loaded, or something else until it is. */
export function valueOf<T>({ state }: Resource<T>, otherwise: T): T {
  return state.value.kind === 'done' ? state.value.value : otherwise
}
