import { describe, expect, it } from 'vitest'
import type { Task, TaskState } from '@/api/types'
import type { Row } from '@/api/value'
import { aQuery } from '@/testing/fakeApi'
import { caveat, detailOf, nothingFound, tally } from './states'

const task = (state: TaskState, some: Partial<Task> = {}): Task => ({
  target: 't', node: 'n', state, progress: 0.42, events_read: 0, bytes_read: 0, rows: 3, queued: '2026-01-01T00:00:00Z', ...some,
})

it('tells tasks, the worst first', () => {
  expect(tally([task('done'), task('queued'), task('done'), task('failed')])).toBe('1 failed, 1 queued, 2 done')
  expect(detailOf(task('failed', { error: 'the disk is gone' }))).toBe('the disk is gone')
  expect(detailOf(task('running'))).toBe('42 %')
  expect(detailOf(task('done', { started: '2026-01-01T00:00:00Z', ended: '2026-01-01T00:00:01.5Z' }))).toBe('3 rows, 1.5 s')
  expect(detailOf(task('done', { rows: 0 }))).toBe('')
  expect(detailOf(task('done', { events_read: 20_000 }))).toBe('3 rows of 20K events')
  expect(detailOf(task('done', { rows: 0, events_read: 20_000 }))).toBe('20K events')
  const back = { started: '2026-01-01T03:00:00Z', ended: '2026-01-01T03:00:00Z' }
  expect(detailOf(task('done', back))).toBe('3 rows, 0 ms, 3 h after it was asked')
})

it('knows when nothing comes before a site is back', () => {
  const running = (tasks: Task[], rows: Row[] = []) => nothingFound({ kind: 'running', query: aQuery({ state: 'running', tasks }), rows, progress: undefined, connected: true })
  expect(running([task('done'), task('queued')])).toBe(true)
  expect(running([task('done'), task('queued')], [{ n: 1 }])).toBe(false)
  expect(running([task('done'), task('running')])).toBe(false)
  expect(running([task('queued')])).toBe(false)
  expect(nothingFound({ kind: 'ended', query: aQuery({ state: 'done' }), rows: [] })).toBe(true)
})

describe('caveat', () => {
  it.each([
    ['a whole result has none', aQuery({ state: 'done', rows: 5 }), 5, undefined],
    ['the limit', aQuery({ state: 'done', rows: 10, limit: 10 }), 10, 'The limit of 10 rows is reached; there may be more.'],
    ['rows not fetched', aQuery({ state: 'done', rows: 10 }), 4, 'Only 4 of 10 rows could be fetched.'],
    ['cancelled', aQuery({ state: 'cancelled' }), 0, 'Cancelled: these are the rows that had arrived.'],
    ['a reason', aQuery({ state: 'partial', error: 'brno: out of memory' }), 1, 'brno: out of memory'],
    ['a reason of all', aQuery({ state: 'failed', tasks: [task('failed', { error: 'no such collection' })] }), 0, 'Not complete: 1 failed: no such collection.'],
    ['tasks', aQuery({ state: 'partial', tasks: [task('done'), task('expired')] }), 1, 'Not complete: 1 expired.'],
  ] as const)('%s', (_name, query, shown, want) => {
    expect(caveat(query, shown)).toBe(want)
  })
})
