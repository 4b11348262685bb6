import type { WebhookEvent } from './event.js'
import type { HeadersLike } from './headers.js'
import { consumed, Refusal, tooLarge, type Receiver } from './receive.js'

/** The verified event of a request of the Fetch API; `change` says what to do about a body that something else has read. */
export async function receive<T, R>(
  receiver: Receiver<T, R>, request: Request, told: R, change: string, headers: HeadersLike = request.headers,
): Promise<WebhookEvent<T> | Refusal> {
  try {
    const body = await bodyOf(request, receiver.maxBody, change)
    if (body === undefined) return new Refusal(400)
    const { pathname, search } = new URL(request.url)
    return await receiver.accept(body, headers, pathname + search)
  } catch (error) {
    const refusal = receiver.refuse(error, told)
    if (refusal === undefined) throw error
    return refusal
  }
}

export function responseOf({ status, headers, body }: Refusal): Response {
  return new Response(body, { status, headers })
}

/** The bytes of a request, or nothing where its sender has gone away before its end. */
async function bodyOf(request: Request, limit: number, change: string): Promise<Uint8Array | undefined> {
  if (request.bodyUsed) throw consumed(change)
  if (Number(request.headers.get('content-length')) > limit) throw tooLarge(limit)
  if (request.body === null) return new Uint8Array()
  const reader = request.body.getReader()
  const chunks: Uint8Array[] = []
  for (let size = 0; size <= limit;) {
    const chunk = await reader.read().catch(() => undefined)
    if (chunk === undefined) return undefined
    if (chunk.done) return joined(chunks, size)
    chunks.push(chunk.value)
    size += chunk.value.length
  }
  reader.cancel().catch(() => {})
  throw tooLarge(limit)
}

function joined(chunks: Uint8Array[], size: number): Uint8Array {
  const body = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.length
  }
  return body
}
