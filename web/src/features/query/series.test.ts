import { expect, it } from 'vitest'
import { linesOf } from './series'

const at = (s: number) => new Date(s * 1000).toISOString()

it('draws a line for each number', () => {
  const lines = linesOf([{ _time: at(2), n: 1, m: '2.5' }, { _time: at(1), n: 3, m: 4 }], ['_time', 'n', 'm'])
  expect(lines).toEqual({
    times: [1000, 2000],
    lines: [{ name: 'm', values: [4, 2.5] }, { name: 'n', values: [3, 1] }],
    left: 0,
  })
})

it('draws a line for each group, the largest first', () => {
  const rows = [
    { _time: at(1), host: 'a', n: 1 },
    { _time: at(1), host: 'b', n: 5 },
    { _time: at(2), host: 'a', n: 2 },
  ]
  expect(linesOf(rows, ['_time', 'host', 'n'])).toMatchObject({
    times: [1000, 2000],
    lines: [{ name: 'b', values: [5, null] }, { name: 'a', values: [1, 2] }],
  })
})

it('takes what the query groups by for a group, though it looks like a number', () => {
  const rows = [
    { _time: at(1), status: 200, n: 9 },
    { _time: at(1), status: 404, n: 1 },
    { _time: at(2), status: 200, n: 8 },
  ]
  expect(linesOf(rows, ['_time', 'status', 'n'], ['_time', 'status'])).toMatchObject({
    lines: [{ name: '200', values: [9, 8] }, { name: '404', values: [1, null] }],
  })
})

it('draws no line over steps without rows', () => {
  const n = (s: number) => ({ _time: at(s), n: s })
  expect(linesOf([n(10), n(20), n(50), n(60)], ['_time', 'n'])).toMatchObject({
    times: [10_000, 20_000, 30_000, 50_000, 60_000],
    lines: [{ name: 'n', values: [10, 20, null, 50, 60] }],
  })
  expect(linesOf([n(10), n(13), n(17)], ['_time', 'n'])?.times).toEqual([10_000, 13_000, 17_000])
})

it('draws nothing without time or number', () => {
  expect(linesOf([{ n: 1 }, { n: 2 }], ['n'])).toBeUndefined()
  expect(linesOf([{ _time: at(1), m: 'x' }, { _time: at(2), m: 'y' }], ['_time', 'm'])).toBeUndefined()
  expect(linesOf([{ _time: 'x', n: 1 }, { _time: 'y', n: 1 }], ['_time', 'n'])).toBeUndefined()
})
