import { describe, expect, it } from 'vitest'
import { barsOf, hitsQuery, spanOfBars, stepFor } from './histogram'

const minute = 60_000

it.each([
  [5 * minute, '5s'],
  [60 * minute, '30s'],
  [24 * 60 * minute, '15m'],
  [30 * 24 * 60 * minute, '6h'],
  [100 * 365 * 24 * 60 * minute, '365d'],
])('a range of %d ms has bars of %s', (ms, want) => {
  expect(stepFor({ from: 0, to: ms }).text).toBe(want)
})

it('counts for the filter alone', () => {
  expect(hitsQuery('error "a|b" | limit 5', { text: '1m', ms: minute })).toBe(
    'error "a|b" | stats by (_time:1m) count() hits',
  )
  expect(hitsQuery('', { text: '1m', ms: minute })).toBe('* | stats by (_time:1m) count() hits')
})

describe('barsOf', () => {
  const step = { text: '1m', ms: minute }
  const at = (m: number) => new Date(m * minute).toISOString()
  it('fills what was not counted', () => {
    const bars = barsOf([{ _time: at(3), hits: 2 }, { _time: at(1), hits: '5' }], step, { from: 30_000, to: 5 * minute })
    expect(bars.times).toEqual([0, 1, 2, 3, 4].map((m) => m * minute))
    expect(bars.hits).toEqual([0, 5, 0, 2, 0])
    expect(spanOfBars(bars, 3, 1)).toEqual({ from: minute, to: 4 * minute })
  })
  it('shows what lies outside the range expected', () => {
    const bars = barsOf([{ _time: at(9), hits: 1 }], step, { from: 7 * minute, to: 8 * minute })
    expect(bars.hits).toEqual([0, 0, 1])
    expect(bars.span.to).toBeGreaterThan(9 * minute)
  })
  it('is bounded', () => {
    expect(barsOf([{ _time: at(0), hits: 1 }, { _time: at(1e8), hits: 1 }], step, { from: 0, to: 1 }).times.length).toBe(1200)
  })
})
