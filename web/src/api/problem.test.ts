import { expect, it } from 'vitest'
import { problemOf } from './problem'

it.each([
  ['a sentence', { detail: 'there is no user "ana"' }, 'there is no user "ana"'],
  ['places', { detail: 'validation failed', errors: [{ location: 'body.grants[0].role', message: 'is none' }, { location: 'body', message: 'is empty' }] }, 'grants[0].role: is none; body: is empty'],
  ['no words', { title: 'Gone' }, 'Gone'],
])('tells of %s', async (_, body, want) => {
  expect((await problemOf(new Response(JSON.stringify(body), { status: 422 }))).message).toBe(want)
})

it('tells of an answer that is none of ours', async () => {
  const response = new Response('<html>', { status: 502, statusText: 'Bad Gateway' })
  expect((await problemOf(response)).message).toBe('The server answered 502 Bad Gateway.')
})
