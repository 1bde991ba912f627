import { flushPromises } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import type { Api } from '@/api/client'
import { ApiError } from '@/api/problem'
import { fakeApi, session as someone } from '@/testing/fakeApi'
import { mountPage, named } from '@/testing/mountPage'
import App from './App.vue'

const refused = () => Promise.reject(new ApiError(401, 'unauthorized', 'user or password is wrong'))

vi.mock('./PageFrame.vue', () => ({ default: { template: '<p>the page</p>' } }))

describe('App', () => {
  it('signs in, and makes who is new change the password', async () => {
    const changePassword = vi.fn<Api['changePassword']>(() => Promise.resolve())
    let changed = false
    const { page } = await mountPage(
      App,
      fakeApi({
        session: () => (changed ? Promise.resolve(someone) : refused()),
        signIn: () => Promise.resolve({ ...someone, must_change_password: true }),
        changePassword: async (old, next) => {
          await changePassword(old, next)
          changed = true
        },
      }),
    )
    await page.get('#user').setValue('admin')
    await page.get('#password').setValue('first')
    await page.get('form').trigger('submit')
    await flushPromises()
    expect(page.text()).toContain('Choose your password')

    await page.get('#old').setValue('first')
    await page.get('#next').setValue('short')
    expect(page.text()).toContain('12 characters or more')
    await page.get('#next').setValue('long enough to keep')
    await page.get('#again').setValue('long enough to kept')
    expect(page.text()).toContain('differ')
    await page.get('#again').setValue('long enough to keep')
    await page.get('form').trigger('submit')
    await flushPromises()
    expect(changePassword.mock.calls).toEqual([['first', 'long enough to keep']])
    expect(page.text()).toBe('the page')
  })

  it('says why it does not let in', async () => {
    const { page } = await mountPage(App, fakeApi({ session: refused, signIn: refused }))
    await page.get('form').trigger('submit')
    await flushPromises()
    expect(page.get('[role=alert]').text()).toBe('user or password is wrong')
  })

  it('asks to sign in again when the session ends', async () => {
    const { page, session } = await mountPage(App, fakeApi())
    expect(page.text()).toBe('the page')
    session.expire()
    await flushPromises()
    expect(page.text()).toContain('Your session has ended')
  })

  it('says when central is out of reach, and tries again', async () => {
    let up = false
    const { page } = await mountPage(
      App,
      fakeApi({ session: () => (up ? Promise.resolve(someone) : Promise.reject(new TypeError('fetch'))) }),
    )
    expect(page.text()).toContain('Central cannot be reached')
    up = true
    await named(page, 'button', 'Try again').trigger('click')
    await flushPromises()
    expect(page.text()).toBe('the page')
  })
})
