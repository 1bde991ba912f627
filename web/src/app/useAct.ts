import { computed, shallowRef, type ComputedRef, type ShallowRef } from 'vue'
import { describe } from '@/api/problem'
import type { Resource } from '@/parts/useResource'

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

/** What a person started and did not go well, in words. */
export function problemOf(state: ActState): string | undefined {
  return state.kind === 'failed' ? state.message : undefined
}

/** Runs acts that change something of a list, which is loaded again after each. */
export function useChange(list: Pick<Resource<unknown>, 'refresh'>): {
  problem: ComputedRef<string | undefined>
  change: (what: () => Promise<unknown>) => Promise<void>
} {
  const { state, run } = useAct()
  const change = (what: () => Promise<unknown>) =>
    run(async () => {
      await what()
      await list.refresh()
    })
  return { problem: computed(() => problemOf(state.value)), change }
}
