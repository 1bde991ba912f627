import { computed, type ComputedRef } from 'vue'
import type { Grant } from '@/api/types'
import { useSession } from './session'

export const roles = ['viewer', 'analyst', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]

interface Owned {
  readonly owner: string
  /** None are all. */
  readonly targets?: readonly string[]
}

/**
 * What who is signed in may do. Central decides; the page leaves out what would be refused. Each role may do all that
 * those before it may, as internal/auth says.
 */
export interface May {
  /** Ask, follow live, save and plan, on one target at least. */
  readonly ask: boolean
  /** See numbers over all targets. */
  readonly seeAll: boolean
  /** Users, tokens, nodes and the audit log. */
  readonly administer: boolean
  /** Change, run and remove what was saved or planned: one's own, and as an operator of its targets that of others. */
  change(one: Owned): boolean
  cancel(query: { readonly user: string; readonly targets: readonly string[] }): boolean
}

export function mayOf(user: string, grants: readonly Grant[]): May {
  const as = (role: Role) => grants.filter((g) => roles.indexOf(g.role) >= roles.indexOf(role))
  const everywhere = (role: Role) => as(role).some((g) => !g.target && !g.group)
  const on = (role: Role, targets: readonly string[]) =>
    everywhere(role) || (targets.length > 0 && targets.every((name) => as(role).some((g) => g.target === name)))
  const ask = as('analyst').some((g) => g.target || !g.group)
  const change = ({ owner, targets = [] }: Owned) => ask && (owner === user || on('operator', targets))
  return {
    ask,
    change,
    seeAll: everywhere('viewer'),
    administer: everywhere('admin'),
    cancel: (query) => change({ owner: query.user, targets: query.targets }),
  }
}

/** What who is signed in may do; nothing while nobody is. */
export function useMay(): ComputedRef<May> {
  const { state } = useSession()
  return computed(() => (state.value.kind === 'signedIn' ? mayOf(state.value.session.user, state.value.session.grants ?? []) : mayOf('', [])))
}

/** "analyst on brno, viewer on group branches"; what a grant on a group comes to is left out. */
export function describeGrants(grants: readonly Grant[]): string {
  return grants.filter((g) => !g.target || !g.group).map((g) => `${g.role} on ${placeOf(g)}`).join(', ')
}

function placeOf(grant: Grant): string {
  if (grant.target) return grant.target
  return grant.group ? `group ${grant.group}` : 'all targets'
}
