import { describe, expect, it } from 'vitest'
import type { Grant } from '@/api/types'
import { describeGrants, mayOf } from './may'

const hers = { owner: 'ana', targets: ['brno'] }
const elsewhere = { owner: 'bo', targets: ['brno', 'porto'] }
const everywhere = { owner: 'bo' }

/** What ana may do with grants: ask, see all, administer, and change what is hers, another's on two targets, another's on all. */
function may(...grants: Grant[]) {
  const m = mayOf('ana', grants)
  return [m.ask, m.seeAll, m.administer, m.change(hers), m.change(elsewhere), m.change(everywhere)].map(Number).join('')
}

describe('mayOf', () => {
  it.each<[string, string, ...Grant[]]>([
    ['nothing', '000000'],
    ['a viewer', '010000', { role: 'viewer' }],
    ['an analyst', '110100', { role: 'analyst' }],
    ['an operator', '110111', { role: 'operator' }],
    ['an admin', '111111', { role: 'admin' }],
    ['a viewer of one target', '000000', { role: 'viewer', target: 'brno' }],
    ['an analyst of one target', '100100', { role: 'analyst', target: 'brno' }],
    ['an admin of one target', '100100', { role: 'admin', target: 'brno' }],
    ['an operator of both targets', '100110', { role: 'operator', target: 'brno' }, { role: 'operator', target: 'porto' }],
    ['an analyst of a group without targets', '000000', { role: 'analyst', group: 'branches' }],
    ['an operator of a group', '100110',
      { role: 'operator', group: 'branches' },
      { role: 'operator', group: 'branches', target: 'brno' },
      { role: 'operator', group: 'branches', target: 'porto' }],
    ['a viewer of all who is an operator of one', '110100', { role: 'viewer' }, { role: 'operator', target: 'brno' }],
  ])('%s', (_, want, ...grants) => {
    expect(may(...grants)).toBe(want)
  })

  it('lets an operator cancel what others asked', () => {
    const query = { user: 'bo', targets: ['brno'] }
    expect(mayOf('ana', [{ role: 'analyst' }]).cancel(query)).toBe(false)
    expect(mayOf('bo', [{ role: 'analyst' }]).cancel(query)).toBe(true)
    expect(mayOf('ana', [{ role: 'operator', target: 'brno' }]).cancel(query)).toBe(true)
  })
})

it('names what was granted, and not what that comes to', () => {
  const grants: Grant[] = [{ role: 'viewer' }, { role: 'operator', group: 'branches' }, { role: 'operator', group: 'branches', target: 'brno' }, { role: 'admin', target: 'porto' }]
  expect(describeGrants(grants)).toBe('viewer on all targets, operator on group branches, admin on porto')
})
