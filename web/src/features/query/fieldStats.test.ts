import { describe, expect, it } from 'vitest'
import { columnsFor, fieldStats, topValues } from './fieldStats'

const rows = [
  { _time: 't', _msg: 'a', _collection: 'sshd', 'user.name': 'root', n: 1 },
  { _time: 't', _msg: 'b', _collection: 'sshd', 'user.name': 'root', _id: 'x' },
  { _time: 't', _msg: 'c', _collection: 'cron', 'user.name': 'bob' },
]

it('counts fields', () => {
  expect(fieldStats(rows).map((f) => `${f.name} ${String(f.count)}`)).toEqual([
    '_time 3', '_msg 3', '_collection 3', 'n 1', 'user.name 3', '_id 1',
  ])
})

it('finds the most frequent values', () => {
  expect(topValues(rows, 'user.name', 1)).toEqual({ top: [{ value: 'root', count: 2 }], different: 2 })
  expect(topValues(rows, 'none')).toEqual({ top: [], different: 0 })
})

describe('columnsFor', () => {
  it('shows time and message of events', () => {
    expect(columnsFor([], rows.slice(0, 2), [])).toEqual(['_time', '_msg'])
    expect(columnsFor([], rows, [])).toEqual(['_time', '_collection', '_msg'])
  })
  it('shows all of computed rows, in the order announced', () => {
    expect(columnsFor([], [{ n: 1, a: 'x' }], ['n', 'a'])).toEqual(['n', 'a'])
    expect(columnsFor([], [{ b: 'x', n: 1 }, { b: 'y', a: 1, n: 2 }], [])).toEqual(['b', 'n', 'a'])
  })
  it('shows what was chosen, unless it was for other rows', () => {
    expect(columnsFor(['_time', 'user.name', 'gone'], rows, [])).toEqual(['_time', 'user.name', 'gone'])
    expect(columnsFor(['n'], [{ n: 1, m: 2 }], ['n', 'm'])).toEqual(['n'])
    expect(columnsFor(['_time', '_msg'], [{ n: 1, m: 2 }], ['n', 'm'])).toEqual(['n', 'm'])
  })
  it('shows what was asked for', () => {
    expect(columnsFor([], [{ _time: 't', _msg: 'a', b: 1 }], ['_time', 'b', '_msg'])).toEqual(['_time', 'b', '_msg'])
  })
})
