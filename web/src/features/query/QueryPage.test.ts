import { flushPromises } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import type { Api } from '@/api/client'
import { ApiError } from '@/api/problem'
import type { Ask, Collection, Task } from '@/api/types'
import { aQuery, fakeApi } from '@/testing/fakeApi'
import { mountPage, named } from '@/testing/mountPage'
import QueryPage from './QueryPage.vue'

const sshd: Collection = { name: 'sshd', target: 'local', events: 7, bytes: 9, first: '2026-01-01T00:00:00Z', last: '2026-01-02T00:00:00Z' }
const failed: Task = { target: 'brno', node: 'brno-1', state: 'failed', progress: 0, events_read: 0, bytes_read: 0, rows: 0, queued: '2026-01-01T00:00:00Z', error: 'the disk is gone' }
const rows = [{ _time: '2026-01-01T00:00:00Z', _msg: 'Failed password', 'user.name': 'root' }]

/** An Api that answers every query with the rows, and notes what was asked, histograms aside. */
function answering(some: Partial<Api> = {}) {
  const asked: Ask[] = []
  const api = fakeApi({
    collections: () => Promise.resolve([sshd]),
    ask: (ask) => {
      if (ask.name === undefined) asked.push(ask)
      return Promise.resolve(aQuery({ state: 'done', rows: ask.name ? 0 : rows.length, query: ask.query }))
    },
    rows: () => Promise.resolve({ rows, total: rows.length, complete: true }),
    ...some,
  })
  return { api, asked }
}

describe('QueryPage', () => {
  it('offers the collections to begin with', async () => {
    const { api, asked } = answering()
    const { page, router } = await mountPage(QueryPage, api)
    expect(asked).toEqual([])
    await page.findAll('section button').find((b) => b.text().includes('sshd'))?.trigger('click')
    await flushPromises()
    expect(asked).toEqual([{ query: '_collection:sshd | limit 1000', limit: 1000 }])
    expect(router.currentRoute.value.query).toEqual({ mode: 'simple', collection: 'sshd', from: '' })
  })

  it('does not take a site that is away for one without logs', async () => {
    const away = fakeApi({ targets: () => Promise.resolve([{ name: 'brno', state: 'offline', nodes: [] }]) })
    const { page } = await mountPage(QueryPage, away)
    expect(page.text()).toContain('What brno holds is listed once it is online')
    expect((await mountPage(QueryPage, fakeApi())).page.text()).toContain('No logs yet')
  })

  it('asks what a link says', async () => {
    const { api, asked } = answering()
    const { page } = await mountPage(QueryPage, api, '/query?mode=simple&text=Failed&from=now-1h&targets=a,b&limit=100')
    expect(asked).toEqual([{ query: 'Failed | limit 100', from: 'now-1h', limit: 100, targets: ['a', 'b'] }])
    expect(page.get<HTMLInputElement>('#text').element.value).toBe('Failed')
    expect(page.text()).toContain('1 row')
  })

  it('adds a condition from the field list and asks again', async () => {
    const { api, asked } = answering()
    const { page, router } = await mountPage(QueryPage, api, '/query?mode=simple&text=Failed')
    await named(page, 'button', 'Values of user.name').trigger('click')
    await named(page, 'button', 'root').trigger('click')
    await flushPromises()
    expect(asked.at(-1)?.query).toBe('Failed user.name:="root" | limit 1000')
    router.back()
    await flushPromises()
    expect(asked.at(-1)?.query).toBe('Failed | limit 1000')
  })

  it('says where a query is wrong', async () => {
    const { api } = answering({ ask: () => Promise.reject(new ApiError(400, 'invalid', 'the quote is never closed', 3)) })
    const { page } = await mountPage(QueryPage, api, '/query?mode=logsql&q=a+"')
    expect(page.get('[role=alert]').text()).toBe('Column 3: the quote is never closed')
  })

  it('is never silently partial', async () => {
    const { api } = answering({
      ask: (ask) => Promise.resolve(aQuery({ state: 'partial', rows: ask.name ? 0 : 1, tasks: [failed] })),
    })
    const { page } = await mountPage(QueryPage, api, '/query?mode=simple')
    expect(page.text()).toContain('Not complete: 1 failed: the disk is gone.')
    expect(page.get('ul[aria-label=Targets]').text()).toContain('failed: the disk is gone')
  })

  it('helps when nothing is found', async () => {
    const { api, asked } = answering({
      ask: (ask) => {
        if (!ask.name) asked.push(ask)
        return Promise.resolve(aQuery({ state: 'done', from: '2026-06-01T00:00:00Z' }))
      },
      rows: () => Promise.resolve({ rows: [], total: 0, complete: true }),
    })
    const { page } = await mountPage(QueryPage, api, '/query?mode=simple&from=now-1h')
    expect(page.text()).toContain('after the last event there is, of 2026-01-02')
    await named(page, 'button', 'Search all time').trigger('click')
    await flushPromises()
    expect(asked.at(-1)).toEqual({ query: '* | limit 1000', limit: 1000 })
  })

  it('cancels with Escape', async () => {
    const cancel = vi.fn(() => Promise.resolve())
    const { api } = answering({
      cancel,
      ask: () => Promise.resolve(aQuery()),
      // eslint-disable-next-line require-yield
      follow: async function* (_id, signal) {
        await new Promise((done) => { signal.addEventListener('abort', done) })
      },
    })
    await mountPage(QueryPage, api, '/query?mode=simple')
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))
    expect(cancel).toHaveBeenCalledWith('q1')
  })
})
