import type Koa from 'koa'

import type { WebhookEvent, WebhookOptions } from './event.js'
import { GONE, receive } from './http.js'
import { Receiver, Refusal } from './receive.js'
import type { Verifier } from './verifier.js'

export * from './event.js'

const CONSUMED =
  'Something like a global koa-bodyparser comes first: put webhook() before app.use(bodyParser()), or leave this path out of the parser'

/**
 * Koa middleware that reads the raw body of a request, verifies it and sets `ctx.state.webhook`.
 *
 * What does not verify is answered here, uniformly. A body that another parser has consumed is thrown as
 * `body_not_bytes`, so that Koa answers 500.
 */
export function webhook<T = unknown>(
  verifier: Verifier, options?: WebhookOptions<T, Koa.Context>,
): Koa.Middleware<{ webhook: WebhookEvent<T> }> {
  const receiver = new Receiver(verifier, options)
  return async (ctx, next) => {
    const event = await receive(receiver, {
      request: ctx.req, response: ctx.res, told: ctx as unknown as Koa.Context, change: CONSUMED, target: ctx.originalUrl,
    })
    if (event === GONE) {
      ctx.respond = false
    } else if (event instanceof Refusal) {
      ctx.status = event.status
      ctx.set({ ...event.headers })
      ctx.body = event.body
    } else {
      ctx.state.webhook = event
      await next()
    }
  }
}
