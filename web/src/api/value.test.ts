import { describe, expect, it } from 'vitest'
import { ExactNumber, nest, parseExact, printJSON, textOf, type Row, type Value } from './value'

/** Node tells a number's text from version 21 on; every browser does. */
let tellsText = false
JSON.parse('1', (_name: string, value: unknown, context?: { source?: string }) => {
  tellsText = context?.source !== undefined
  return value
})

describe('parseExact', () => {
  it.runIf(tellsText)('keeps the text of numbers that would change', () => {
    const row = parseExact('{"a":1.0,"b":12345678901234567890,"c":7,"d":[1e3]}') as Row
    expect(row.c).toBe(7)
    expect(printJSON(row, '')).toBe('{"a":1.0,"b":12345678901234567890,"c":7,"d":[1e3]}')
    expect(Number(row.b)).toBeGreaterThan(1e19)
  })
})

describe('textOf', () => {
  it.each<[Value | undefined, string]>([
    ['x', 'x'],
    [undefined, ''],
    [null, ''],
    [false, 'false'],
    [new ExactNumber('1.0'), '1.0'],
    [['a', 1], '["a",1]'],
  ])('%o is %o', (value, want) => expect(textOf(value)).toBe(want))
})

describe('printJSON', () => {
  it('prints as JSON.stringify does', () => {
    const value = { a: [1, { b: 'x' }], c: {}, d: [], e: null, f: 'q"' }
    expect(printJSON(value)).toBe(JSON.stringify(value, null, 2))
    expect(printJSON(value, '')).toBe(JSON.stringify(value))
  })
})

describe('nest', () => {
  it('nests dotted names', () => {
    expect(printJSON(nest({ 'a.b': 1, 'a.c.d': 2, e: 3 }), '')).toBe('{"a":{"b":1,"c":{"d":2}},"e":3}')
  })
  it('leaves names that collide', () => {
    expect(printJSON(nest({ a: 1, 'a.b': 2, '.x': 3, '__proto__.y': 4 }), '')).toBe(
      '{"a":1,"a.b":2,".x":3,"__proto__":{"y":4}}',
    )
  })
})
