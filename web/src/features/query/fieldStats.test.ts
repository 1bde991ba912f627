import { describe, expect, it } from 'vitest'
import { defaultColumns, fieldStats, topValues } from './fieldStats'

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

describe('defaultColumns', () => {
  it('shows time and message of events', () => {
    expect(defaultColumns(rows.slice(0, 2), [])).toEqual(['_time', '_msg'])
    expect(defaultColumns(rows, [])).toEqual(['_time', '_collection', '_msg'])
  })
  it('shows all of computed rows, in the order announced', () => {
    expect(defaultColumns([{ n: 1, a: 'x' }], ['n', 'a'])).toEqual(['n', 'a'])
  })
  it('shows what was asked for', () => {
    expect(defaultColumns([{ _time: 't', _msg: 'a', b: 1 }], ['_time', 'b', '_msg'])).toEqual(['_time', 'b', '_msg'])
  })
})
