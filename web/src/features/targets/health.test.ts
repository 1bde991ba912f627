import { expect, it } from 'vitest'
import type { Node } from '@/api/types'
import { troubles } from './health'

const well: NonNullable<Node['health']> = {
  state: 'good', trouble: [], started: '2026-11-01T00:00:00Z', events_per_second: 3, archive_bytes: 1, log_bytes: 1, free_bytes: 600, total_bytes: 1000, clock_skew_ms: 20,
}
function node(health: Partial<typeof well>): Node {
  return { id: 'n', state: 'online', health: { ...well, ...health } }
}

it('says what there is to see to', () => {
  expect(troubles(node({}))).toEqual([])
  expect(troubles({ id: 'n', state: 'offline' })).toEqual([])
  expect(troubles(node({ state: 'failing', clock_skew_ms: -3_600_000, free_bytes: 10 }))).toEqual(['takes no events', 'clock 1 h behind', '10 B of disk free'])
})
