import { describe, expect, it } from 'vitest'
import { formatTime, labelOf, parseTime, resolve, zoneLabel } from './time'

describe('labelOf', () => {
  it.each([
    [{}, 'All time'],
    [{ from: 'now-1h' }, 'Last hour'],
    [{ from: 'now-15m', to: 'now' }, 'Last 15 minutes'],
    [{ from: '-7d' }, 'Last 7 days'],
    [{ from: '2026-01-02T03:04:05Z' }, '2026-01-02 03:04:05 – now'],
    [{ from: '2026-01-02T03:04:05.5Z', to: 'now-1m' }, '2026-01-02 03:04:05.500 – now-1m'],
    [{ to: '2026-01-02T03:04:05Z' }, 'beginning – 2026-01-02 03:04:05'],
  ])('%o is %s', (range, want) => {
    expect(labelOf(range, 'utc')).toBe(want)
  })
})

describe('parseTime', () => {
  it.each([
    ['2026-11-20 14:03', '2026-11-20T14:03:00.000Z'],
    ['2026-11-20T14:03:05.12', '2026-11-20T14:03:05.120Z'],
    ['2026-11-20', '2026-11-20T00:00:00.000Z'],
    ['2026-11-20T14:03:05+01:00', '2026-11-20T13:03:05.000Z'],
    ['now-2h', 'now-2h'],
    ['-2h', '-2h'],
    ['2026-02-31', undefined],
    ['2026-11-20 25:00', undefined],
    ['yesterday', undefined],
    ['', undefined],
  ])('%s is %s', (text, want) => {
    expect(parseTime(text, 'utc')).toBe(want)
  })
  it('reads what formatTime writes, in the local zone too', () => {
    const at = Date.UTC(2026, 5, 7, 8, 9, 10, 11)
    expect(parseTime(formatTime(at, 'local'), 'local')).toBe(new Date(at).toISOString())
  })
})

describe('resolve', () => {
  it.each([
    ['now', 1_000_000],
    ['now-5m', 700_000],
    ['-1s', 999_000],
    ['1970-01-01T00:00:01Z', 1000],
    ['soon', undefined],
  ])('%s is %s', (end, want) => {
    expect(resolve(end, 1_000_000)).toBe(want)
  })
})

it('names the zone', () => {
  expect(zoneLabel('utc')).toBe('UTC')
  expect(zoneLabel('local')).toMatch(/, UTC[+−]\d\d:\d\d$/)
})
