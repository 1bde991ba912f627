import { flushPromises } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import type { Grant, User } from '@/api/types'
import { ApiError } from '@/api/problem'
import { fakeApi } from '@/testing/fakeApi'
import { mountPage, named } from '@/testing/mountPage'
import UsersPanel from './UsersPanel.vue'

const ana: User = {
  name: 'ana', created: '2026-11-01T10:00:00Z', must_change_password: true,
  grants: [{ role: 'analyst', target: 'brno' }, { role: 'viewer', group: 'branches' }],
}

/** What is shown above the page: dialogs are put at the end of the document. */
function dialog(): HTMLElement {
  const found = document.querySelector<HTMLElement>('[role=dialog], [role=alertdialog]')
  if (!found) throw new Error('there is no dialog')
  return found
}
function press(label: string) {
  const button = [...dialog().querySelectorAll('button')].find((b) => b.textContent.trim() === label)
  if (!button) throw new Error(`there is no button ${label}`)
  button.click()
  return flushPromises()
}

describe('UsersPanel', () => {
  it('says who may do what', async () => {
    const { page } = await mountPage(UsersPanel, fakeApi({ users: () => Promise.resolve([ana]) }))
    expect(page.text()).toContain('analyst on brno, viewer on group branches')
    expect(page.text()).toContain('first password not changed yet')
  })

  it('adds a user and shows the first password once', async () => {
    const added: [string, readonly Grant[]][] = []
    const api = fakeApi({
      addUser: (user, grants) => {
        added.push([user, grants])
        return Promise.resolve({ user, password: 'drawn by central' })
      },
    })
    const { page } = await mountPage(UsersPanel, api)
    await named(page, 'button', 'Add a user').trigger('click')
    await flushPromises()
    const name = dialog().querySelector<HTMLInputElement>('#user-name')
    if (!name) throw new Error('there is no field for the name')
    name.value = 'bo'
    name.dispatchEvent(new Event('input'))
    await flushPromises()
    await press('Add')
    expect(added).toEqual([['bo', [{ role: 'analyst' }]]])
    expect(dialog().textContent).toContain('drawn by central')
    await press('Done')
    page.unmount()
  })

  it('asks before a user is removed, and says what went wrong', async () => {
    const removeUser = vi.fn(() => Promise.reject(new ApiError(409, 'conflict', 'ana is the last administrator')))
    const { page } = await mountPage(UsersPanel, fakeApi({ users: () => Promise.resolve([ana]), removeUser }))
    await named(page, 'button', 'Remove ana').trigger('click')
    await flushPromises()
    expect(removeUser).not.toHaveBeenCalled()
    await press('Remove')
    expect(removeUser).toHaveBeenCalledWith('ana')
    expect(page.get('[role=alert]').text()).toBe('ana is the last administrator')
    page.unmount()
  })
})
