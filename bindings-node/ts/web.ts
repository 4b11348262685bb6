import type { WebhookEvent } from './event.js'
import type { HeadersLike } from './headers.js'
import { consumed, Pieces, Refusal, tooLarge, type Receiver } from './receive.js'

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
  const pieces = new Pieces(limit)
  for (;;) {
    const piece = await reader.read().catch(() => undefined)
    if (piece === undefined) return undefined
    if (piece.done) return pieces.whole
    if (pieces.add(piece.value)) continue
    reader.cancel().catch(() => {})
    throw tooLarge(limit)
  }
}
