import { expect, it } from 'vitest'
import { serverEvents } from './stream'

async function read(chunks: readonly string[]) {
  const bytes = chunks.map((chunk) => new TextEncoder().encode(chunk))
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      bytes.forEach((b) => controller.enqueue(b))
      controller.close()
    },
  })
  const events = []
  for await (const e of serverEvents(body)) events.push(e)
  return events
}

it('reads events however they are cut', async () => {
  const want = [
    { event: 'state', data: '{"a":1}' },
    { event: 'message', data: 'x\ny' },
  ]
  const text = ': hello\nevent: state\ndata: {"a":1}\n\ndata: x\r\ndata: y\r\n\r\nevent: end\n\n'
  expect(await read([text])).toEqual(want)
  expect(await read(text.split(''))).toEqual(want)
})

it('leaves out an event that was not finished', async () => {
  expect(await read(['event: rows\ndata: {"rows":[]}\n'])).toEqual([])
})
