import { flushPromises } from '@vue/test-utils'
import { expect, it } from 'vitest'
import type { Session } from '@/api/types'
import { fakeApi, someoneAs } from '@/testing/fakeApi'
import { mountPage } from '@/testing/mountPage'
import App from './App.vue'

const onBrno: Session = { ...someoneAs('analyst'), roles: [], grants: [{ role: 'analyst', target: 'brno' }] }

it.each([
  ['a viewer', someoneAs('viewer'), ['Asked', 'Schedules', 'Targets'], true, '/asked'],
  ['an analyst', someoneAs('analyst'), ['Query', 'Live', 'Asked', 'Schedules', 'Targets'], true, '/query'],
  ['an analyst of one target', onBrno, ['Query', 'Live', 'Asked', 'Schedules', 'Targets'], false, '/query'],
  ['an admin', someoneAs('admin'), ['Query', 'Live', 'Asked', 'Schedules', 'Targets', 'Administration'], true, '/query'],
])('shows %s the pages that are of use to them', async (_, session, pages, numbers, begins) => {
  const { page, router } = await mountPage(App, fakeApi({ session: () => Promise.resolve(session) }), '/query')
  await flushPromises()
  expect(page.findAll('nav a').map((a) => a.text())).toEqual(pages)
  expect(page.find('[aria-label=System]').exists()).toBe(numbers)
  expect(page.find('header .ml-auto').exists()).toBe(true) // something pushes the menu to the right
  expect(router.currentRoute.value.path).toBe(begins)
})
