import { expect, it } from 'vitest'
import { nearNames } from './near'

it.each([
  ['', ['sshd', 'nginx', 'cron']],
  ['ssh', ['sshd']],
  ['shsd', ['sshd']],
  ['ngnix', ['nginx']],
  ['kron', ['cron']],
  ['postgres', []],
])('near %s', (typed, want) => {
  expect(nearNames(typed, ['sshd', 'nginx', 'cron'])).toEqual(want)
})
