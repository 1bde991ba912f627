import { shallowRef, type ShallowRef } from 'vue'
import { describe } from '@/api/problem'

export type ActState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'failed'; readonly message: string }

/** Runs one thing a person started, and keeps what came of it. A second start while it runs is ignored. */
export function useAct(): { state: ShallowRef<ActState>; run: (act: () => Promise<void>) => Promise<void> } {
  const state = shallowRef<ActState>({ kind: 'idle' })
  async function run(act: () => Promise<void>) {
    if (state.value.kind === 'busy') return
    state.value = { kind: 'busy' }
    try {
      await act()
      state.value = { kind: 'idle' }
    } catch (error) {
      state.value = { kind: 'failed', message: describe(error) }
    }
  }
  return { state, run }
}
