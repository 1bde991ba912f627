import { expect, it } from 'vitest'
import { meantComparison } from './meant'

it.each([
  ['user.name=root', 'user.name:=root'],
  ['error user.name = "Jane Doe"', 'user.name:="Jane Doe"'],
  ['user.name == root | limit 5', 'user.name:=root'],
  ['status >= 500', 'status:>=500'],
  ['(user.name!=root)', 'user.name:!=root'],
  ['url=~"^/api"', 'url:~"^/api"'],
  ['options(concurrency=2) {app="web"} user=root', 'user:=root'],
])('knows what %s was meant to be', (query, meant) => {
  expect(meantComparison(query)).toBe(meant)
})
it.each(['user.name:=root', 'status:>=500', 'error', '"a=b"', '* | filter n > 5', '="GET /"*', 'a:b =', '{app="web"}', 'options(concurrency=2) error', ''])('leaves %s alone', (query) => {
  expect(meantComparison(query)).toBeUndefined()
})
