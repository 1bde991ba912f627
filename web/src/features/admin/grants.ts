import type { Grant } from '@/api/types'
import type { Role } from '@/app/may'

/** What each role may do, in words; each may do all that those before it may. */
export const meaning: Readonly<Record<Role, string>> = {
  viewer: 'sees targets, and queries that were asked',
  analyst: 'asks queries, and follows live',
  operator: 'looks after nodes, schedules and collections',
  admin: 'looks after users, tokens and targets',
}

/** The grant that a choice of role and place stands for; a place is '' for all, or "target:x", or "group:x". */
export function grantOf(role: Role, place: string): Grant {
  if (place.startsWith('target:')) return { role, target: place.slice('target:'.length) }
  if (place.startsWith('group:')) return { role, group: place.slice('group:'.length) }
  return { role }
}

export function placeValue(grant: Grant): string {
  if (grant.target) return `target:${grant.target}`
  return grant.group ? `group:${grant.group}` : ''
}
