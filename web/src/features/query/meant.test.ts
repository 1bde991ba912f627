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
  ['url=http://a/b?c=d&e', 'url:="http://a/b?c=d&e"'],
  ['mac=aa:bb:cc | limit 5', 'mac:="aa:bb:cc"'],
  ['(at=2026-11-22T10:00:00Z)', 'at:="2026-11-22T10:00:00Z"'],
  ['ip=fe80::1|limit 5', 'ip:="fe80::1"'],
  ['ip=192.0.2.7 error', 'ip:=192.0.2.7'],
  ['n>=-1.5', 'n:>=-1.5'],
  ['user=Jane,Doe', 'user:="Jane,Doe"'],
  ["name=o'brien", `name:="o'brien"`],
  ['user=not', 'user:="not"'],
  ['url=/api/v1 error', 'url:="/api/v1"'],
  ['url=/api/* error', 'url:="/api/"*'],
  ['url=~^/api.* error', 'url:~"^/api.*"'],
  ['user=root (error or warn)', 'user:=root'],
  [String.raw`path="C:\\a" x`, String.raw`path:="C:\\a"`],
])('knows what %s was meant to be', (query, meant) => {
  expect(meantComparison(query)).toBe(meant)
})
it.each(['user.name:=root', 'status:>=500', 'error', '"a=b"', '* | filter n > 5', '="GET /"*', 'a:b =', '{app="web"}', 'options(concurrency=2) error', 'k=in(a)', 'k=(a or b)', 'k=a[0]', 'k={a}', 'url=/', ''])('leaves %s alone', (query) => {
  expect(meantComparison(query)).toBeUndefined()
})
