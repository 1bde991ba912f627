import { expect, it } from 'vitest'
import { completions } from './complete'

const known = { fields: ['_collection', 'host.name', 'user name'], collections: ['sshd', 'my app'] }

function labels(text: string) {
  const found = completions(text, text.length, known)
  return found && { from: found.from, eager: found.eager, apply: found.options.map((o) => o.apply) }
}

it('offers collections', () => {
  expect(labels('_collection:s')).toEqual({ from: 12, eager: true, apply: ['sshd', '"my app"'] })
})
it('offers pipes after a bar', () => {
  expect(labels('error | ')?.apply).toContain('stats ')
  expect(labels('error | li')).toMatchObject({ from: 8, eager: true })
})
it('offers fields in filters and pipes', () => {
  expect(labels('error ho')).toEqual({ from: 6, eager: false, apply: ['_collection:', 'host.name:', '"user name":'] })
  expect(labels('error | fields ho')).toEqual({ from: 15, eager: false, apply: ['_collection', 'host.name', '"user name"'] })
})
it('offers functions in stats', () => {
  expect(labels('* | stats co')?.apply).toContain('count(')
})
it('offers nothing in strings', () => {
  expect(labels('"err')).toBeUndefined()
})
