import { onScopeDispose, shallowReadonly, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import type { Api } from '@/api/client'
import { describe } from '@/api/problem'
import type { Collection, Query } from '@/api/types'
import type { Row } from '@/api/value'
import { barsOf, hitsQuery, stepFor, type Bars, type Span } from './histogram'
import { restIsAway } from './states'
import { useRun, type RunState } from './useRun'

export type HistogramState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'loading' }
  | { readonly kind: 'done'; readonly bars: Bars; readonly hits: number }
  | { readonly kind: 'failed'; readonly message: string }

/** The name of the queries that count for the histogram; the list of recent queries leaves them out. */
export const histogramName = 'histogram'

type HistogramApi = Pick<Api, 'ask' | 'follow' | 'query' | 'rows' | 'cancel' | 'collections'>

/** How long a site that is away may take to be counted. Unlike the rows, the counts can be had again. */
const deadline = '+10m'

/**
 * Counts hits over time for each new query, over the range that central made of what was asked, and again when sites
 * answered it that were not counted.
 */
export function useHistogram(api: HistogramApi, query: Ref<Query | undefined>): Readonly<ShallowRef<HistogramState>> {
  const state = shallowRef<HistogramState>({ kind: 'idle' })
  const counting = useRun(api)
  let current = 0
  let whole = true
  onScopeDispose(() => current++)

  async function count(asked: Query) {
    const mine = ++current
    whole = true
    state.value = { kind: 'loading' }
    try {
      const span = await spanOf(api, asked)
      if (mine !== current) return
      const step = stepFor(span)
      const made = (rows: readonly Row[]) => barsOf(rows, step, span)
      // A site that is away may answer tomorrow; what the others have shows now.
      const stop = watch(counting.state, (run) => {
        if (mine === current && run.kind === 'running' && (run.rows.length > 0 || restIsAway(run.query))) state.value = stateOf(run, made)
      })
      await counting.run({
        query: hitsQuery(asked.query, step),
        name: histogramName,
        targets: asked.targets,
        deadline,
        ...(asked.from && { from: asked.from }),
        ...(asked.to && { to: asked.to }),
      })
      stop()
      if (mine !== current) return
      state.value = stateOf(counting.state.value, made)
      whole = counting.state.value.kind === 'ended' && counting.state.value.query.state === 'done'
    } catch (error) {
      if (mine === current) state.value = { kind: 'failed', message: describe(error) }
    }
  }

  watch(
    () => query.value?.id,
    () => {
      if (query.value) void count(query.value)
      else state.value = { kind: 'idle' }
    },
    { immediate: true },
  )
  watch(
    () => query.value?.state,
    (now) => {
      if (now === 'done' && !whole && query.value) void count(query.value)
    },
  )
  return shallowReadonly(state)
}

function stateOf(run: RunState, bars: (rows: readonly Row[]) => Bars): HistogramState {
  if (run.kind === 'failed') return { kind: 'failed', message: run.message }
  if (run.kind !== 'ended' && run.kind !== 'running') return { kind: 'idle' }
  if (run.query.error && run.rows.length === 0) return { kind: 'failed', message: run.query.error }
  const made = bars(run.rows)
  return { kind: 'done', bars: made, hits: made.hits.reduce((sum, n) => sum + n, 0) }
}

/** The span of a query's range; an open end is where the collections' events end. */
async function spanOf(api: HistogramApi, asked: Query): Promise<Span> {
  const to = asked.to === undefined ? undefined : Date.parse(asked.to)
  const from = asked.from === undefined ? undefined : Date.parse(asked.from)
  if (from !== undefined) return { from, to: to ?? Date.now() }
  const held = (await api.collections()).filter((c) => named(asked, c) && c.first && c.last)
  const first = Math.min(...held.map((c) => Date.parse(c.first ?? '')))
  const last = Math.max(...held.map((c) => Date.parse(c.last ?? '')))
  const end = to ?? (Number.isFinite(last) ? last + 1 : Date.now())
  return { from: Number.isFinite(first) ? Math.min(first, end - 1) : end - 86_400_000, to: end }
}

/** Says whether a query may ask a collection: one that is not named in it can be meant by a wider filter only. */
function named(asked: Query, { name, target }: Collection): boolean {
  if (asked.targets.length > 0 && !asked.targets.includes(target)) return false
  return !asked.query.includes('_collection:') || asked.query.includes(name)
}
