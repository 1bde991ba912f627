import { describe, expect, it } from 'vitest'
import { addFilter, computes, fieldIs, fieldName, groupsOf, phrase, splitQuery, tokenize } from './logsql'

const kinds = (text: string) =>
  tokenize(text)
    .filter((t) => t.kind !== 'space')
    .map((t) => `${t.kind}:${t.text}`)

describe('tokenize', () => {
  it('knows the parts of a query', () => {
    expect(kinds('_collection:sshd error | stats by (host.name) count() n | limit 10')).toEqual([
      'field:_collection', 'operator::', 'word:sshd', 'word:error', 'operator:|', 'pipe:stats', 'keyword:by',
      'bracket:(', 'word:host.name', 'bracket:)', 'keyword:count', 'bracket:(', 'bracket:)', 'word:n',
      'operator:|', 'pipe:limit', 'number:10',
    ])
  })
  it.each(['"a | b" x', `'it\\'s'`, '`raw \\` y', '"open', 'a:~"x|y" # why | not\n| limit 1', 'ž:=“', ''])(
    'loses nothing of %s',
    (text) => {
      expect(tokenize(text).map((t) => t.text).join('')).toBe(text)
    },
  )
})

describe('splitQuery', () => {
  it.each([
    ['error | limit 1', 'error', '| limit 1'],
    ['"a | b" c', '"a | b" c', ''],
    ['x:in(a | fields y) z | limit 1 | sort by (_time)', 'x:in(a | fields y) z', '| limit 1 | sort by (_time)'],
    ['| limit 1', '', '| limit 1'],
  ])('%s', (query, filter, rest) => {
    expect(splitQuery(query)).toEqual({ filter, pipes: rest })
  })
})

describe('addFilter', () => {
  it.each([
    ['', 'a:="x"'],
    ['*', 'a:="x"'],
    ['error | limit 1', 'error a:="x" | limit 1'],
    ['a or b', '(a or b) a:="x"'],
    ['"a or b"', '"a or b" a:="x"'],
  ])('to %s', (query, want) => {
    expect(addFilter(query, 'a:="x"')).toBe(want)
  })
})

it('writes conditions', () => {
  expect(fieldIs('host.name', 'g"w\n')).toBe('host.name:="g\\"w\\n"')
  expect(fieldIs('a b', '', true)).toBe('!"a b":=""')
  expect(fieldName('or')).toBe('"or"')
  expect(phrase('error')).toBe('error')
  expect(phrase('Failed password')).toBe('"Failed password"')
  expect(phrase('not')).toBe('"not"')
  expect(phrase('Sum')).toBe('"Sum"')
})

it.each([
  ['error', false],
  ['error | limit 10', false],
  ['error | stats count() n', true],
  ['"stats" | fields stats', false],
  ['x | top 5 by (a)', true],
  ['x | count() n', true],
  ['constructor | fields a', false],
])('computes(%s) is %s', (query, want) => {
  expect(computes(query)).toBe(want)
})

describe('groupsOf', () => {
  it.each([
    ['* | stats by (_time:1h, host.name, "a \\" b") count() n, sum(x) y', ['_time', 'host.name', 'a " b']],
    ['* | stats count() n', []],
    ['"stats by (x)" | top 5 by (y)', []],
    ['* | stats by (a) count() n | stats by (b) sum(n) m | sort by (m)', ['b']],
    ['* | stats by (a', ['a']],
  ])('%s', (query, want) => {
    expect(groupsOf(query)).toEqual(want)
  })
})
