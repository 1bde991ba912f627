import { onScopeDispose, shallowReadonly, shallowRef, type ShallowRef } from 'vue'
import type { Api } from '@/api/client'
import { ApiError, describe } from '@/api/problem'
import type { Stopped } from '@/api/types'
import type { Row } from '@/api/value'

export type TailState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'following'; readonly connected: boolean; readonly rows: readonly Row[]; readonly seen: number; readonly lost: number; readonly stopped: readonly Stopped[] }
  | { readonly kind: 'failed'; readonly message: string }

/** Rows that are kept; older ones go. */
const keep = 1000
const showEveryMs = 200
const retryMs = 2000

/** Follows events as they arrive, the newest first. It connects again when it must, and counts what it was told is lost. */
export function useTail(api: Pick<Api, 'tail'>): {
  state: Readonly<ShallowRef<TailState>>
  follow: (query: string, targets: readonly string[]) => Promise<void>
  stop: () => void
} {
  const state = shallowRef<TailState>({ kind: 'idle' })
  let abort = new AbortController()
  function stop() {
    abort.abort()
  }
  onScopeDispose(stop)

  async function follow(query: string, targets: readonly string[]) {
    stop()
    const { signal } = (abort = new AbortController())
    let rows: readonly Row[] = []
    let [seen, lost] = [0, 0]
    let stopped: readonly Stopped[] = []
    let timer: ReturnType<typeof setTimeout> | undefined
    const show = (connected: boolean) => {
      clearTimeout(timer)
      timer = undefined
      if (!signal.aborted) state.value = { kind: 'following', connected, rows, seen, lost, stopped }
    }
    show(false)
    while (!signal.aborted) {
      try {
        for await (const event of api.tail(query, targets, signal)) {
          if (event.kind === 'open') stopped = []
          else if (event.kind === 'stopped') stopped = [...stopped.filter((one) => one.node !== event.stopped.node), event.stopped]
          else if (event.kind === 'rows') {
            seen += event.rows.length
            rows = [...event.rows.toReversed(), ...rows].slice(0, keep)
          } else if (event.kind === 'lost') lost += event.count
          timer ??= setTimeout(show, showEveryMs, true)
        }
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof ApiError && error.status < 500) {
          clearTimeout(timer)
          state.value = { kind: 'failed', message: describe(error) }
          return
        }
      }
      show(false)
      await new Promise((done) => setTimeout(done, retryMs))
    }
  }
  return { state: shallowReadonly(state), follow, stop }
}
