import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import type { Component } from 'vue'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'
import type { Api } from '@/api/client'
import { apiKey } from '@/app/api'
import { createSession, sessionKey, type SessionKeeper } from '@/app/session'

export interface Mounted {
  readonly page: VueWrapper
  readonly router: Router
  readonly session: SessionKeeper
}

const nothing: Component = { render: () => null }

/** Mounts a component at an address, over an Api, for who is signed in there, attached to the document so that focus works. */
export async function mountPage(component: Component, api: Api, address = '/query'): Promise<Mounted> {
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [{ path: '/query', name: 'query', component: nothing }, { path: '/live', name: 'live', component: nothing }, { path: '/:rest(.*)*', component: nothing }],
  })
  await router.push(address)
  const session = createSession(api)
  await session.load()
  const provide = { [apiKey as symbol]: api, [sessionKey as symbol]: session }
  const page = mount(component, { attachTo: document.body, global: { plugins: [router], provide } })
  await flushPromises()
  return { page, router, session }
}

/** The first element found by selector whose text or label is the one given. */
export function named(page: VueWrapper, selector: string, name: string): ReturnType<VueWrapper['get']> {
  const found = page.findAll(selector).find((e) => e.text() === name || e.attributes('aria-label') === name)
  if (!found) throw new Error(`there is no ${selector} called ${name}`)
  return found
}
