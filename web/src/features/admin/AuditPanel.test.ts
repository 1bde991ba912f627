import { describe, expect, it } from 'vitest'
import type { Row } from '@/api/value'
import { fakeApi } from '@/testing/fakeApi'
import { mountPage } from '@/testing/mountPage'
import AuditPanel from './AuditPanel.vue'

const left: Row = { _time: '2026-11-22T13:28:48Z', _id: 'central-9', 'event.action': 'node-left', 'event.outcome': 'success', 'llama.object': 'g46b', 'llama.target': 'branch' }
const refused: Row = {
  _time: '2026-11-22T13:24:06Z', _id: 'central-8', 'event.action': 'submit-query', 'event.outcome': 'failure', 'error.code': 'not_found', 'user.name': 'ana',
  'source.ip': '192.0.2.7', 'llama.query': '01a2', 'llama.targets': ['a', 'b'], 'request.query': 'error', 'request.targets': ['a', 'b'],
}
const stranger: Row = { _time: '2026-11-22T13:24:05Z', _id: 'central-7', 'event.action': 'targets', 'event.outcome': 'failure', 'error.code': 'unauthorized', 'source.ip': '192.0.2.8' }

/** The cells of each row of the table. */
async function rowsOf(...rows: Row[]): Promise<string[][]> {
  const { page } = await mountPage(AuditPanel, fakeApi({ audit: () => Promise.resolve(rows) }))
  return page.findAll('tr').map((tr) => tr.findAll('th, td').map((cell) => cell.text()))
}

describe('AuditPanel', () => {
  it('says who did what, how it ended and why', async () => {
    const [, ...rows] = await rowsOf(left, refused, stranger)
    expect(rows.map((cells) => cells.slice(1))).toEqual([
      ['central', '', 'node-left', 'success', 'object: g46b, target: branch'],
      ['ana', '192.0.2.7', 'submit-query', 'failure: not found', 'id: 01a2, targets: a, b, query: error'],
      ['nobody known', '192.0.2.8', 'targets', 'failure: unauthorized', ''],
    ])
  })

  it('shows what pipes made of the log as it is', async () => {
    expect(await rowsOf({ 'event.action': 'sign-in', n: 3 }, { 'event.action': 'rows', n: 1, last: 'x' })).toEqual([
      ['event.action', 'n', 'last'],
      ['sign-in', '3', ''],
      ['rows', '1', 'x'],
    ])
  })
})
