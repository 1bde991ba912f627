import { expect, it } from 'vitest'
import { formatBytes, formatCompact, formatSpan, plural } from './format'

it.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [3210, '3.2 s'],
  [65_000, '1 min 5 s'],
  [7_200_000, '2 h'],
  [90_000_000, '1 d 1 h'],
])('%d ms is %s', (ms, want) => {
  expect(formatSpan(ms)).toBe(want)
})

it.each([
  [0, '0 B'],
  [1536, '1.5 KiB'],
  [150 * 1024 * 1024, '150 MiB'],
])('%d bytes are %s', (n, want) => {
  expect(formatBytes(n)).toBe(want)
})

it('counts', () => {
  expect(formatCompact(9999)).toBe('9,999')
  expect(formatCompact(1_234_567)).toBe('1.2M')
  expect(plural(1, 'row')).toBe('1 row')
  expect(plural(2000, 'query', 'queries')).toBe('2,000 queries')
})
