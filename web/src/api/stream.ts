/** One event of a server-sent event stream. */
export interface ServerEvent {
  readonly event: string
  readonly data: string
}

/**
 * Reads server-sent events from a response's body. EventSource is not used: it hides the status of a refusal, and
 * repeats a request on its own.
 */
export async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  let event = 'message'
  let data: string[] = []
  for await (const line of lines(body)) {
    if (line === '') {
      if (data.length > 0) yield { event, data: data.join('\n') }
      event = 'message'
      data = []
    } else if (line.startsWith('event:')) event = line.slice(6).trimStart()
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
  }
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const parts = (rest + decoder.decode(value, { stream: true })).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) yield part.endsWith('\r') ? part.slice(0, -1) : part
    }
  } finally {
    await reader.cancel().catch(() => undefined) // best effort: the stream may have failed already
  }
}
