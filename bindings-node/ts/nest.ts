import type { IncomingMessage, ServerResponse } from 'node:http'

import { createParamDecorator, HttpException, type CanActivate, type ExecutionContext } from '@nestjs/common'

import type { WebhookEvent, WebhookOptions } from './event.js'
import { GONE, receive, type NodeRequest } from './http.js'
import { Receiver, Refusal } from './receive.js'
import type { Verifier } from './verifier.js'

export * from './event.js'

/** A request of Express, or of Fastify, which has Node's in `raw`. */
type NestRequest = NodeRequest & { raw?: IncomingMessage; webhook?: WebhookEvent }
type NestResponse = ServerResponse & { raw?: ServerResponse }

const CONSUMED = 'Pass { rawBody: true } to NestFactory.create(), which keeps the bytes beside the parsed body'

/**
 * A guard that verifies a request, for `@Webhook()` to hand its event to the method:
 * `@UseGuards(new WebhookGuard(verifier))`, or a subclass of your own where the secret is injected.
 *
 * What does not verify is refused uniformly. Nest has to keep the bytes: `NestFactory.create(Module, { rawBody: true })`.
 */
export class WebhookGuard<T = unknown> implements CanActivate {
  readonly #receiver: Receiver<T, IncomingMessage>

  constructor(verifier: Verifier, options?: WebhookOptions<T, IncomingMessage>) {
    this.#receiver = new Receiver(verifier, options)
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp()
    const request = http.getRequest<NestRequest>()
    const response = http.getResponse<NestResponse>()
    const raw = response.raw ?? response
    const event = await receive(this.#receiver, {
      request: request.raw ?? request, response: raw, told: request.raw ?? request, change: CONSUMED, kept: request.rawBody,
      ...(request.originalUrl !== undefined && { target: request.originalUrl }),
    })
    if (event === GONE) throw exceptionOf(new Refusal(400))
    if (event instanceof Refusal) {
      const { 'Content-Type': _, ...headers } = event.headers
      for (const [name, value] of Object.entries(headers)) raw.setHeader(name, value)
      throw exceptionOf(event)
    }
    request.webhook = event
    return true
  }
}

/** The parameter that takes the event which a `WebhookGuard` has verified. */
export const Webhook: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<NestRequest>().webhook,
)

function exceptionOf({ status, body }: Refusal): HttpException {
  return new HttpException(JSON.parse(body) as object, status)
}
