import { expect, it } from 'vitest'
import { severityOf } from './severity'

it.each([
  [{ 'log.level': 'ERROR' }, 'bad'],
  [{ 'log.level': 'info', 'log.syslog.severity.code': 3 }, undefined],
  [{ 'log.syslog.severity.name': 'warning' }, 'wait'],
  [{ 'log.syslog.severity.code': 2 }, 'bad'],
  [{ 'log.syslog.severity.code': 6 }, undefined],
  [{}, undefined],
])('%o is %s', (row, want) => {
  expect(severityOf(row)).toBe(want)
})
