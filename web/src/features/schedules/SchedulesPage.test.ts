import { flushPromises } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import type { NewSchedule, Schedule, ScheduleChange } from '@/api/types'
import { fakeApi } from '@/testing/fakeApi'
import { mountPage, named } from '@/testing/mountPage'
import SchedulesPage from './SchedulesPage.vue'

const night: Schedule = {
  id: 's1', name: 'Night', query: 'error | stats count() n', language: 'logsql', cron: '30 6 * * 1-5', zone: 'Europe/Prague', frame: 'interval', missed: 'once', overlap: 'skip',
  owner: 'ana', created: '2026-11-01T00:00:00Z', changed: '2026-11-01T00:00:00Z', next: '2030-01-01T05:30:00Z', targets: ['brno'],
}

describe('SchedulesPage', () => {
  it('says what is asked, where and when', async () => {
    const { page } = await mountPage(SchedulesPage, fakeApi({ schedules: () => Promise.resolve([night]) }))
    const row = page.get('tbody tr').text()
    expect(row).toContain('error | stats count() n')
    expect(row).toContain('30 6 * * 1-5 (Europe/Prague)')
    expect(row).toContain('since it was due before')
    expect(row).toContain('brno')
    page.unmount()
  })

  it('pauses and resumes', async () => {
    const changes: [string, ScheduleChange][] = []
    const api = fakeApi({
      schedules: () => Promise.resolve([night]),
      changeSchedule: (id, change) => {
        changes.push([id, change])
        return Promise.resolve(night)
      },
    })
    const { page } = await mountPage(SchedulesPage, api)
    await named(page, 'button', 'Pause Night').trigger('click')
    await flushPromises()
    expect(changes).toEqual([['s1', { paused: true }]])
    page.unmount()
  })

  it('adds one that asks every hour about the hour before', async () => {
    const added: NewSchedule[] = []
    const api = fakeApi({
      addSchedule: (schedule) => {
        added.push(schedule)
        return Promise.resolve(night)
      },
    })
    const { page } = await mountPage(SchedulesPage, api)
    await named(page, 'button', 'Add a schedule').trigger('click')
    await flushPromises()
    for (const [selector, text] of [['#schedule-name', 'Errors'], ['#schedule-query', 'error']] as const) {
      const field = document.querySelector<HTMLInputElement>(selector)
      if (!field) throw new Error(`there is no ${selector}`)
      field.value = text
      field.dispatchEvent(new Event('input'))
    }
    await flushPromises()
    document.querySelector<HTMLFormElement>('[role=dialog] form')?.requestSubmit()
    await flushPromises()
    expect(added).toEqual([
      { name: 'Errors', query: 'error', language: 'logsql', targets: [], frame: 'interval', overlap: 'skip', missed: 'once', every: '1h' },
    ])
    page.unmount()
  })
})
