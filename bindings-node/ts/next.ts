import type { WebhookEvent, WebhookOptions } from './event.js'
import { Receiver, Refusal } from './receive.js'
import type { Verifier } from './verifier.js'
import { receive, responseOf } from './web.js'

export * from './event.js'

const CONSUMED = 'Call neither request.json() nor request.text() before it'

/**
 * A route handler, from `Request` to `Response`: `export const POST = webhook(verifier, async (event) => { … })`.
 *
 * What does not verify is answered here, uniformly. A handler that returns nothing answers 204; one that throws, or
 * answers other than 2xx, has its event released from the replay guard.
 */
export function webhook<T = unknown, R extends Request = Request, C = unknown>(
  verifier: Verifier,
  handle: (event: WebhookEvent<T>, request: R, context: C) => Response | void | Promise<Response | void>,
  options?: WebhookOptions<T, R>,
): (request: R, context: C) => Promise<Response> {
  const receiver = new Receiver(verifier, options)
  return async (request, context) => {
    const event = await receive(receiver, request, request, CONSUMED)
    if (event instanceof Refusal) return responseOf(event)
    const run = async (): Promise<Response> => (await handle(event, request, context)) ?? new Response(null, { status: 204 })
    return receiver.handle(event, run, ({ ok }) => ok)
  }
}
