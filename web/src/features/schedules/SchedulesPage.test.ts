import { flushPromises } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import type { NewSchedule, Schedule, ScheduleChange, ScheduleRun } from '@/api/types'
import { fakeApi, someoneAs } from '@/testing/fakeApi'
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

  it.each([
    ['a viewer looks', someoneAs('viewer'), ['Runs of Night']],
    ['an analyst adds', someoneAs('analyst', 'bo'), ['Add a schedule', 'Runs of Night']],
    ['an operator changes what is others\'', someoneAs('operator', 'bo'), ['Add a schedule', 'Runs of Night', 'Run Night now', 'Pause Night', 'Change Night', 'Remove Night']],
    ['who made it changes it', someoneAs('analyst', 'ana'), ['Add a schedule', 'Runs of Night', 'Run Night now', 'Pause Night', 'Change Night', 'Remove Night']],
  ])('%s', async (_, session, buttons) => {
    const { page } = await mountPage(SchedulesPage, fakeApi({ schedules: () => Promise.resolve([night]), session: () => Promise.resolve(session) }))
    expect(page.findAll('button').map((b) => b.attributes('aria-label') ?? b.text())).toEqual(buttons)
    page.unmount()
  })

  it('shows older runs on demand', async () => {
    const asked: number[] = []
    const run: ScheduleRun = { id: 'r', due: '2026-11-01T00:00:00Z', state: 'done', rows: 1 }
    const api = fakeApi({
      schedules: () => Promise.resolve([night]),
      runs: (_, atMost) => {
        asked.push(atMost)
        return Promise.resolve(Array.from({ length: Math.min(atMost, 150) }, (_, i) => ({ ...run, id: String(i) })))
      },
    })
    const { page } = await mountPage(SchedulesPage, api)
    await named(page, 'button', 'Runs of Night').trigger('click')
    await flushPromises()
    const older = () => [...document.querySelectorAll('button')].find((b) => b.textContent === 'Show older runs')
    older()?.click()
    await flushPromises()
    expect(asked).toEqual([100, 200])
    expect(document.querySelectorAll('[role=dialog] tbody tr')).toHaveLength(150)
    expect(older()).toBeUndefined()
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

  it('leaves what the dialog does not change as it was', async () => {
    const changes: ScheduleChange[] = []
    const all: Schedule = { ...night, frame: 'range', to: 'now-1h' }
    const api = fakeApi({
      schedules: () => Promise.resolve([all]),
      changeSchedule: (_, change) => {
        changes.push(change)
        return Promise.resolve(all)
      },
    })
    const { page } = await mountPage(SchedulesPage, api)
    await named(page, 'button', 'Change Night').trigger('click')
    await flushPromises()
    document.querySelector<HTMLFormElement>('[role=dialog] form')?.requestSubmit()
    await flushPromises()
    expect(changes).toEqual([{
      name: 'Night', query: 'error | stats count() n', targets: ['brno'], frame: 'range', from: '', to: 'now-1h', overlap: 'skip', missed: 'once', cron: '30 6 * * 1-5', zone: 'Europe/Prague',
    }])
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
