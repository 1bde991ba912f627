import type { Collection } from '@/api/types'

export interface Holding {
  readonly collections: number
  readonly events: number
  readonly bytes: number
}

/** What each target holds, by its name. */
export function holdings(collections: readonly Collection[]): ReadonlyMap<string, Holding> {
  const held = new Map<string, Holding>()
  for (const c of collections) {
    const before = held.get(c.target) ?? { collections: 0, events: 0, bytes: 0 }
    held.set(c.target, { collections: before.collections + 1, events: before.events + c.events, bytes: before.bytes + c.bytes })
  }
  return held
}
