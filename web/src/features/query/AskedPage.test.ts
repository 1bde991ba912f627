import { flushPromises } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import { aQuery, fakeApi, someoneAs } from '@/testing/fakeApi'
import { mountPage, named } from '@/testing/mountPage'
import AskedPage from './AskedPage.vue'
import { histogramName } from './useHistogram'

const queries = [
  aQuery({ id: 'q1', query: 'error', user: 'bo', state: 'running' }),
  aQuery({ id: 'q2', query: 'error', user: 'bo', name: histogramName }),
  aQuery({ id: 'q3', query: 'hay', user: 'ana', state: 'done', rows: 1234 }),
]

describe('AskedPage', () => {
  it('lists what people asked, and where its result is', async () => {
    const { page } = await mountPage(AskedPage, fakeApi({ queries: () => Promise.resolve(queries), session: () => Promise.resolve(someoneAs('viewer')) }))
    expect(page.findAll('tbody tr').map((r) => r.findAll('td')[2]?.text())).toEqual(['error', 'hay'])
    expect(page.findAll('tbody tr')[0]?.text()).toMatch(/bo.*running.*–/) // its rows are not counted yet
    expect(page.findAll('tbody tr')[1]?.text()).toMatch(/ana.*done.*1,234/)
    expect(page.findAll('tbody a').map((a) => a.attributes('href'))).toEqual(['/result/q1', '/result/q3'])
    expect(page.findAll('button')).toEqual([])
  })

  it('lets an operator cancel what others asked, and asks for older ones', async () => {
    const cancel = vi.fn(() => Promise.resolve())
    const asked: number[] = []
    const api = fakeApi({
      cancel, session: () => Promise.resolve(someoneAs('operator')),
      queries: (atMost) => {
        asked.push(atMost)
        return Promise.resolve([...queries, ...Array.from({ length: 97 }, (_, i) => aQuery({ id: String(i), state: 'done' }))])
      },
    })
    const { page } = await mountPage(AskedPage, api)
    await named(page, 'button', 'Show older queries').trigger('click')
    await flushPromises()
    expect(asked).toEqual([100, 200])
    expect(page.text()).not.toContain('Show older')
    await named(page, 'button', 'Cancel error').trigger('click')
    expect(cancel).toHaveBeenCalledWith('q1')
  })
})
