import { computed, ref, watch, type Ref, type WritableComputedRef } from 'vue'
import type { LocationQuery, RouteLocationNormalizedLoaded, Router } from 'vue-router'
import type { Ask } from '@/api/types'
import { askOf, emptyForm, fromAddress, listed, toAddress, type Form } from './form'

/**
 * Keeps form and address together. Who reloads or comes back goes on with what was asked, while it runs. The address holds what was submitted last, so a link or the back button asks it
 * again; the form holds what is being written.
 */
export function useAddress(
  route: RouteLocationNormalizedLoaded,
  router: Router,
  ask: (ask: Ask, before?: string) => void,
): { form: Ref<Form>; columns: WritableComputedRef<readonly string[]>; submit: () => void } {
  const form = ref<Form>(emptyForm) as Ref<Form>
  const columns = computed<readonly string[]>({
    get: () => listed(typeof route.query.columns === 'string' ? route.query.columns : ''),
    set: (names) => {
      const rest = withoutColumns(route.query)
      void router.replace({ query: names.length > 0 ? { ...rest, columns: names.join(',') } : rest })
    },
  })
  /** What the address asks, columns aside: how it is shown needs no new question. */
  const submitted = computed(() => JSON.stringify(withoutColumns(route.query)))

  function submit() {
    const before = submitted.value
    const kept = columns.value.length > 0 ? { columns: columns.value.join(',') } : {}
    void router.push({ path: '/query', query: { ...toAddress(form.value), ...kept } }).then(() => {
      if (submitted.value === before) ask(askOf(form.value)) // the same again, on purpose
    })
  }

  watch(
    submitted,
    () => {
      const found = route.name === 'query' ? fromAddress(route.query) : undefined
      if (!found) return
      form.value = found
      ask(askOf(found), askedHere())
    },
    { immediate: true },
  )
  return { form, columns, submit }
}

const askedKey = 'asked'

/** Keeps the id of the query that the page of the history was asked by, for when it is reloaded or come back to. */
export function keepAsked(id: string): void {
  window.history.replaceState({ ...(window.history.state as object | null), [askedKey]: id }, '')
}

function askedHere(): string | undefined {
  const id = (window.history.state as Record<string, unknown> | null)?.[askedKey]
  return typeof id === 'string' ? id : undefined
}

function withoutColumns(address: LocationQuery): LocationQuery {
  return Object.fromEntries(Object.entries(address).filter(([name]) => name !== 'columns'))
}
