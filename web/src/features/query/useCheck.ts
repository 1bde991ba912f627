import { shallowReadonly, shallowRef, toValue, watch, type MaybeRefOrGetter, type ShallowRef } from 'vue'
import type { Api } from '@/api/client'
import { ApiError } from '@/api/problem'

export type CheckState =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'right' }
  | { readonly kind: 'wrong'; readonly message: string; readonly column?: number }

const afterMs = 500

/** Asks central whether a query is right, once who writes it pauses. Trouble of any other kind is kept for the run. */
export function useCheck(api: Pick<Api, 'formatQuery'>, query: MaybeRefOrGetter<string>): Readonly<ShallowRef<CheckState>> {
  const state = shallowRef<CheckState>({ kind: 'unknown' })
  watch(
    () => toValue(query).trim(),
    (text, _, onCleanup) => {
      state.value = { kind: 'unknown' }
      if (text === '') return
      const abort = new AbortController()
      const timer = setTimeout(() => void check(text, abort.signal), afterMs)
      onCleanup(() => {
        abort.abort()
        clearTimeout(timer)
      })
    },
    { immediate: true },
  )
  async function check(text: string, signal: AbortSignal) {
    try {
      await api.formatQuery(text, signal)
      if (!signal.aborted) state.value = { kind: 'right' }
    } catch (error) {
      if (signal.aborted || !(error instanceof ApiError) || error.column === undefined) return
      state.value = { kind: 'wrong', message: error.message, column: error.column }
    }
  }
  return shallowReadonly(state)
}
