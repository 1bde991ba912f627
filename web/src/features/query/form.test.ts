import { describe, expect, it } from 'vitest'
import { askOf, emptyForm, fromAddress, toAddress, withCondition, writeSimple, type Form } from './form'

describe('writeSimple', () => {
  it.each([
    [{}, '* | limit 100'],
    [{ collection: 'sshd', text: ' error ' }, '_collection:sshd error | limit 100'],
    [{ collection: 'my app', text: 'Failed password' }, '_collection:"my app" "Failed password" | limit 100'],
    [{ regex: '\\d+"' }, '~"\\\\d+\\"" | limit 100'],
    [{ fields: ['_msg', 'source.ip'] }, '* | fields _time, _msg, source.ip | limit 100'],
    [{ conditions: ['a:="b"'] }, 'a:="b" | limit 100'],
  ])('%o', (some, want) => {
    expect(writeSimple({ ...emptyForm.simple, ...some }, 100)).toBe(want)
  })
})

describe('the address', () => {
  const simple: Form = {
    ...emptyForm,
    simple: { collection: 'sshd', text: 'a,b', regex: 'x y', conditions: ['a:="1"', '!b:="2"'], fields: ['a.b', 'c'] },
    targets: ['prague', 'brno'],
    range: { from: '2026-01-01T00:00:00.000Z', to: '2026-01-02T00:00:00.000Z' },
    limit: 100,
  }
  const logsql: Form = { ...emptyForm, mode: 'logsql', logsql: 'error | limit 5', range: {} }
  it.each([simple, logsql])('keeps the form', (form) => {
    expect(fromAddress(toAddress(form) as Record<string, string>)).toEqual(form)
  })
  it('asks nothing when empty or odd', () => {
    expect(fromAddress({})).toBeUndefined()
    expect(fromAddress({ mode: 'x' })).toBeUndefined()
    expect(fromAddress({ mode: 'logsql', q: [null], limit: '-3' })).toEqual({ ...emptyForm, mode: 'logsql', range: {} })
  })
})

it('asks open ranges and all targets by leaving them out', () => {
  expect(askOf({ ...emptyForm, range: {} })).toEqual({ query: '* | limit 1000', limit: 1000 })
  expect(askOf({ ...emptyForm, mode: 'logsql', targets: ['a'] })).toEqual({
    query: '*', limit: 1000, from: 'now-24h', targets: ['a'],
  })
})

it('adds a condition once', () => {
  const more = withCondition(emptyForm, 'a:="b"')
  expect(withCondition(more, 'a:="b"').simple.conditions).toEqual(['a:="b"'])
  expect(withCondition({ ...emptyForm, mode: 'logsql', logsql: 'x | limit 1' }, 'a:="b"').logsql).toBe('x a:="b" | limit 1')
})
