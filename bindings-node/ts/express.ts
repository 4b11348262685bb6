import type { ServerResponse } from 'node:http'

import type * as express from 'express'

import type { WebhookEvent, WebhookOptions } from './event.js'
import { answer, GONE, receive, type NodeRequest } from './http.js'
import { Receiver, Refusal } from './receive.js'
import type { Verifier } from './verifier.js'

export * from './event.js'

declare global {
  namespace Express {
    interface Request {
      /** Set by `webhook()` of `hookseal/express`. */
      webhook?: WebhookEvent
    }
  }
}

/** An Express request, or one of `node:http`. */
export type WebhookRequest = NodeRequest & { webhook?: WebhookEvent }
export type WebhookHandler<Request, Response> = (request: Request, response: Response, next: (error?: unknown) => void) => unknown

const CONSUMED =
  'Something like a global express.json() comes first: ' +
  'register this route before app.use(express.json()), or give the parser a path or a type that leaves this route out'

/**
 * Reads the raw body of a request, verifies it and sets `request.webhook`; or hands the event to `handle`, typed by the schema.
 *
 * What does not verify is answered here, uniformly: 400, or 413 for the size, 425 for a copy, 422 for what the schema
 * refuses, 503 where the replay guard is full; the reason goes to `onRefused`. A body that another parser has consumed
 * is a mistake of this server: it goes to `next` as `body_not_bytes`, so that Express answers 500 and the sender tries
 * again later.
 */
export function webhook<T = unknown, Request extends WebhookRequest = express.Request, Response extends ServerResponse = express.Response>(
  verifier: Verifier,
  options?: WebhookOptions<T, WebhookRequest>,
  handle?: (event: WebhookEvent<T>, request: Request, response: Response) => unknown,
): WebhookHandler<Request, Response> {
  const receiver = new Receiver(verifier, options)
  return (request, response, next) => {
    receive(receiver, { request, response, told: request, change: CONSUMED }).then((event) => {
      if (event === GONE) return
      if (event instanceof Refusal) return answer(response, event)
      request.webhook = event
      if (handle === undefined) return next()
      Promise.resolve(event).then(() => handle(event, request, response)).catch(next)
    }, next)
  }
}
