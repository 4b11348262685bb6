import type { Context, MiddlewareHandler } from 'hono'

import type { WebhookEvent, WebhookOptions } from './event.js'
import type { HeadersLike } from './headers.js'
import { Receiver, Refusal } from './receive.js'
import type { Verifier } from './verifier.js'
import { receive, responseOf } from './web.js'

export * from './event.js'

const CONSUMED = 'Put webhook() before any middleware that reads the body, such as validators'

/**
 * Hono middleware that reads the raw body of a request, verifies it and sets the variable `webhook`.
 *
 * What does not verify is answered here, uniformly. A body that was read before is thrown as `body_not_bytes`.
 */
export function webhook<T = unknown>(
  verifier: Verifier, options?: WebhookOptions<T, Context>,
): MiddlewareHandler<{ Variables: { webhook: WebhookEvent<T> } }> {
  const receiver = new Receiver(verifier, options)
  return async (c, next) => {
    const event = await receive(receiver, c.req.raw, c as unknown as Context, CONSUMED, headersOf(c.req.raw, c.env))
    if (event instanceof Refusal) return responseOf(event)
    c.set('webhook', event)
    await receiver.handle(event, next, () => c.error === undefined && c.res.ok)
    return undefined
  }
}

/** On Node the server also has the headers as they were sent, which shows repeated ones; `Headers` joins them. */
function headersOf(request: Request, env: unknown): HeadersLike {
  const { incoming } = (env ?? {}) as { incoming?: { rawHeaders?: string[] } }
  return incoming?.rawHeaders ?? request.headers
}
