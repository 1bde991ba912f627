import { expect, it } from 'vitest'
import { createApi } from './client'

it('exports CSV so that a spreadsheet runs no formula in it', () => {
  const api = createApi('/api/v1', () => undefined)
  expect(api.exportURL('q1', 'csv')).toBe('/api/v1/query/q1/rows?format=csv&spreadsheet=true')
  expect(api.exportURL('q1', 'ndjson')).toBe('/api/v1/query/q1/rows?format=ndjson')
})
