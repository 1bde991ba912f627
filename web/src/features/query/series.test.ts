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

it('draws nothing without time or number', () => {
  expect(linesOf([{ n: 1 }, { n: 2 }], ['n'])).toBeUndefined()
  expect(linesOf([{ _time: at(1), m: 'x' }, { _time: at(2), m: 'y' }], ['_time', 'm'])).toBeUndefined()
  expect(linesOf([{ _time: 'x', n: 1 }, { _time: 'y', n: 1 }], ['_time', 'n'])).toBeUndefined()
})
