/** What a person has filled in on the query page, as it stands in the address bar and as it is asked. */
import type { LocationQuery, LocationQueryRaw } from 'vue-router'
import type { Ask } from '@/api/types'
import type { TimeRange } from '@/parts/time'
import { addFilter, fieldName, phrase, quote } from './logsql'

export type Mode = 'simple' | 'logsql'

/** The fields of simple mode. Conditions are pieces of LogsQL that were picked from results. */
export interface Simple {
  readonly collection: string
  readonly text: string
  readonly regex: string
  readonly conditions: readonly string[]
  readonly fields: readonly string[]
}

export interface Form {
  readonly mode: Mode
  readonly simple: Simple
  readonly logsql: string
  /** Names of the targets to ask; empty is all. */
  readonly targets: readonly string[]
  readonly range: TimeRange
  readonly limit: number
}

export const limits = [100, 1000, 10_000, 50_000] as const

export const emptyForm: Form = {
  mode: 'simple',
  simple: { collection: '', text: '', regex: '', conditions: [], fields: [] },
  logsql: '',
  targets: [],
  range: { from: 'now-24h' },
  limit: 1000,
}

/** Writes the LogsQL that simple mode stands for. */
export function writeSimple(simple: Simple, limit: number): string {
  const filter = [
    simple.collection && `_collection:${phrase(simple.collection)}`,
    simple.text.trim() && phrase(simple.text.trim()),
    simple.regex && `~${quote(simple.regex)}`,
    ...simple.conditions,
  ].filter((part) => part !== '')
  const shown = simple.fields.length === 0 ? '' : ` | fields ${['_time', ...simple.fields.filter((f) => f !== '_time')].map(fieldName).join(', ')}`
  return `${filter.join(' ') || '*'}${shown} | limit ${String(limit)}`
}

/** The query a form asks, in LogsQL. */
export function queryOf(form: Form): string {
  return form.mode === 'simple' ? writeSimple(form.simple, form.limit) : form.logsql.trim() || '*'
}

/** The time range of a question that was kept. */
export function rangeOf({ from, to }: { readonly from?: string | undefined; readonly to?: string | undefined }): TimeRange {
  return { ...(from && { from }), ...(to && { to }) }
}

/** What is sent to central. */
export function askOf(form: Form): Ask {
  return {
    query: queryOf(form),
    limit: form.limit,
    ...form.range,
    ...(form.targets.length > 0 && { targets: form.targets }),
  }
}

/** A form with one more condition on its events. */
export function withCondition(form: Form, condition: string): Form {
  if (form.mode === 'logsql') return { ...form, logsql: addFilter(form.logsql, condition) }
  const { conditions } = form.simple
  if (conditions.includes(condition)) return form
  return { ...form, simple: { ...form.simple, conditions: [...conditions, condition] } }
}

/** The address bar's part of a form. Only what differs from an empty form is written. */
export function toAddress(form: Form): LocationQueryRaw {
  const { simple, range } = form
  const common = {
    mode: form.mode,
    ...(form.targets.length > 0 && { targets: form.targets.join(',') }),
    from: range.from ?? '',
    ...(range.to !== undefined && { to: range.to }),
    ...(form.limit !== emptyForm.limit && { limit: String(form.limit) }),
  }
  if (form.mode === 'logsql') return { ...common, q: form.logsql }
  return {
    ...common,
    ...(simple.collection && { collection: simple.collection }),
    ...(simple.text && { text: simple.text }),
    ...(simple.regex && { regex: simple.regex }),
    ...(simple.conditions.length > 0 && { with: [...simple.conditions] }),
    ...(simple.fields.length > 0 && { fields: simple.fields.join(',') }),
  }
}

/** The form that an address stands for, or undefined when it asks nothing. Anything odd in it is left out. */
export function fromAddress(address: LocationQuery): Form | undefined {
  const mode = one(address, 'mode')
  if (mode !== 'simple' && mode !== 'logsql') return undefined
  const limit = Number(one(address, 'limit'))
  const from = one(address, 'from')
  const to = one(address, 'to')
  return {
    mode,
    simple: {
      collection: one(address, 'collection'),
      text: one(address, 'text'),
      regex: one(address, 'regex'),
      conditions: all(address, 'with'),
      fields: listed(one(address, 'fields')),
    },
    logsql: one(address, 'q'),
    targets: listed(one(address, 'targets')),
    range: { ...(from !== '' && { from }), ...(to !== '' && { to }) },
    limit: Number.isInteger(limit) && limit > 0 ? limit : emptyForm.limit,
  }
}

function all(address: LocationQuery, name: string): string[] {
  return [address[name] ?? []].flat().filter((v) => v !== null)
}

function one(address: LocationQuery, name: string): string {
  return all(address, name)[0] ?? ''
}

/** Splits "a, b" at commas. */
export function listed(text: string): string[] {
  return text.split(/[,\s]+/).filter((part) => part !== '')
}
