import { flushPromises } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import type { NewCode, Node, Target } from '@/api/types'
import { fakeApi, someoneAs } from '@/testing/fakeApi'
import { mountPage, named } from '@/testing/mountPage'
import TargetsPage from './TargetsPage.vue'
import { holdings } from './holdings'

const troubled: NonNullable<Node['health']> = {
  state: 'wait', started: '2026-11-01T00:00:00Z', events_per_second: 3, archive_bytes: 1, log_bytes: 1, free_bytes: 10, total_bytes: 1000, clock_skew_ms: -90_000,
  trouble: [{ kind: 'disk', text: '10 B of its disk are free' }, { kind: 'clock', text: 'its clock is behind' }],
}
const targets: Target[] = [
  { name: 'brno', state: 'offline', nodes: [{ id: 'b1', state: 'offline', last_seen: '2020-01-01T00:00:00Z' }] },
  { name: 'local', state: 'online', nodes: [{ id: 'l1', state: 'online', version: '0.1.0', health: troubled }] },
]

describe('TargetsPage', () => {
  it('says which sites are there and which are away', async () => {
    const { page } = await mountPage(TargetsPage, fakeApi({ targets: () => Promise.resolve(targets) }))
    const rows = page.findAll('tbody tr').map((row) => row.text())
    expect(rows[0]).toMatch(/brno.*b1.*offline, last heard of \d+ d.* ago/)
    expect(rows[0]).toContain('not known while it is away')
    expect(rows[1]).toMatch(/local.*l1.*online/)
    expect(rows[1]).toMatch(/10 B of its disk are free.*its clock is behind/)
    page.unmount()
  })

  it('lets an administrator alone add and shut out nodes', async () => {
    const revokeNode = vi.fn(() => Promise.resolve())
    const codes: NewCode[] = []
    const api = fakeApi({
      targets: () => Promise.resolve(targets), revokeNode,
      addCode: (code) => {
        codes.push(code)
        return Promise.resolve({ id: 'c', code: 'llama1_secret', target: code.target, uses: 1, expires: '2030-01-01T00:00:00Z' })
      },
    })
    const hers = (await mountPage(TargetsPage, { ...api, session: () => Promise.resolve(someoneAs('operator')) })).page
    expect(hers.text()).toContain('brno')
    expect(hers.findAll('button')).toEqual([])
    hers.unmount()
    const { page } = await mountPage(TargetsPage, api)
    await named(page, 'button', 'Let a node join').trigger('click')
    await flushPromises()
    const field = document.querySelector<HTMLInputElement>('#code-target')
    if (!field) throw new Error('there is no field for the target')
    field.value = 'porto'
    field.dispatchEvent(new Event('input'))
    await flushPromises()
    document.querySelector<HTMLFormElement>('[role=dialog] form')?.requestSubmit()
    await flushPromises()
    expect(codes).toEqual([{ target: 'porto', uses: 1, seconds: 86_400 }])
    expect(document.querySelector('[role=dialog]')?.textContent).toContain('llama1_secret')
    page.unmount()
  })
})

describe('holdings', () => {
  it('adds up the collections of a target', () => {
    const c = { name: 'a', target: 'x', events: 2, bytes: 10 }
    expect(holdings([c, { ...c, name: 'b' }, { ...c, target: 'y' }]).get('x')).toEqual({ collections: 2, events: 4, bytes: 20 })
  })
})
