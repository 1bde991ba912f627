import { onScopeDispose, shallowReadonly, shallowRef, type ShallowRef } from 'vue'
import type { Api } from '@/api/client'
import { ApiError, describe } from '@/api/problem'
import { hasEnded, type Ask, type Progress, type Query } from '@/api/types'
import type { Row } from '@/api/value'

export type RunState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'asking' }
  | {
      readonly kind: 'running'
      readonly query: Query
      readonly rows: readonly Row[]
      readonly progress: Progress | undefined
      /** False while the connection to central is lost; it is tried again. */
      readonly connected: boolean
    }
  | { readonly kind: 'ended'; readonly query: Query; readonly rows: readonly Row[] }
  | { readonly kind: 'failed'; readonly message: string; readonly column?: number }

type RunApi = Pick<Api, 'ask' | 'follow' | 'query' | 'rows' | 'cancel'>

const showEveryMs = 120
const retryMs = 1500
const rowsAtOnce = 5000
/** Of a result that was not asked for from here, which may have any number. */
const openedAtMost = 50_000

/**
 * Runs queries, one at a time: a newer one leaves the older. Rows and states show as they come, and at the end every
 * row there is has been fetched, whatever the connection did meanwhile.
 */
export function useRun(api: RunApi): {
  state: Readonly<ShallowRef<RunState>>
  /** Goes on with the query called before instead, while that has not ended. */
  run: (ask: Ask, before?: string) => Promise<void>
  /** Shows a query that was asked before, as far as it is. */
  open: (id: string) => Promise<void>
  cancel: () => Promise<void>
} {
  const state = shallowRef<RunState>({ kind: 'idle' })
  let abort = new AbortController()
  onScopeDispose(() => {
    abort.abort()
  })

  async function run(ask: Ask, before?: string) {
    await leave()
    await follow((signal) => (before === undefined ? api.ask(ask, signal) : goOn(before, ask, signal)))
  }

  async function goOn(id: string, ask: Ask, signal: AbortSignal): Promise<Query> {
    const before = await api.query(id, signal).catch(() => undefined) // it is asked anew then
    return before && !hasEnded(before.state) ? before : api.ask(ask, signal)
  }

  function open(id: string) {
    abort.abort()
    return follow((signal) => api.query(id, signal), openedAtMost)
  }

  async function follow(begin: (signal: AbortSignal) => Promise<Query>, atMost = Infinity) {
    const mine = (abort = new AbortController())
    const show = (next: RunState) => {
      if (!mine.signal.aborted) state.value = next
    }
    show({ kind: 'asking' })
    try {
      await new Follower(api, await begin(mine.signal), mine.signal, show, atMost).run()
    } catch (error) {
      const column = error instanceof ApiError && error.column !== undefined ? { column: error.column } : {}
      show({ kind: 'failed', message: describe(error), ...column })
    }
  }

  /** Stops watching, and stops the nodes' work on what nobody waits for any more. */
  async function leave() {
    const left = state.value
    abort.abort()
    if (left.kind === 'running') await api.cancel(left.query.id).catch(() => undefined) // best effort: it ends by itself
  }

  async function cancel() {
    const current = state.value
    if (current.kind === 'running') await api.cancel(current.query.id)
    else if (current.kind === 'asking') {
      abort.abort()
      state.value = { kind: 'idle' }
    }
  }

  return { state: shallowReadonly(state), run, open, cancel }
}

/** Follows one query to its end. */
class Follower {
  private rows: Row[] = []
  /** The rows are those of the result: what is shown while it runs may change with each node that answers. */
  private final = false
  private progress: Progress | undefined
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly api: RunApi,
    private query: Query,
    private readonly signal: AbortSignal,
    private readonly show: (state: RunState) => void,
    private readonly atMost: number,
  ) {}

  async run(): Promise<void> {
    try {
      this.showRunning(true)
      while (!hasEnded(this.query.state) && !this.signal.aborted) await this.listen()
      await this.finish()
    } finally {
      clearTimeout(this.timer)
    }
  }

  /** Listens until the query or the connection ends. */
  private async listen(): Promise<void> {
    try {
      for await (const event of this.api.follow(this.query.id, this.signal)) {
        if (event.kind === 'end') {
          this.final = event.error === undefined
          break
        }
        if (event.kind === 'state') this.query = event.query
        else if (event.kind === 'progress') this.progress = event.progress
        else this.rows = [...this.rows.slice(0, event.offset), ...event.rows]
        this.showSoon()
      }
      this.query = await this.api.query(this.query.id, this.signal)
    } catch (error) {
      if (this.signal.aborted || (error instanceof ApiError && error.status < 500)) throw error
      this.showRunning(false)
      await pause(retryMs, this.signal)
    }
  }

  /** Fetches what is missing and shows the result as final. */
  private async finish(): Promise<void> {
    if (!this.final) this.rows = []
    for (const want = Math.min(this.query.rows, this.atMost); this.rows.length < want; ) {
      const page = await this.api.rows(this.query.id, this.rows.length, Math.min(rowsAtOnce, want - this.rows.length), this.signal)
      if (page.rows.length === 0) break
      this.rows.push(...page.rows)
      this.showRunning(true)
    }
    this.show({ kind: 'ended', query: this.query, rows: this.rows })
  }

  private showSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      this.showRunning(true)
    }, showEveryMs)
  }

  private showRunning(connected: boolean): void {
    this.show({ kind: 'running', query: this.query, rows: this.rows.slice(), progress: this.progress, connected })
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      done()
    })
  })
}
