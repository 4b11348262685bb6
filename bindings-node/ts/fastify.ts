import type { Readable } from 'node:stream'

import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'

import type { WebhookEvent, WebhookOptions } from './event.js'
import { GONE, receive } from './http.js'
import { Receiver, Refusal } from './receive.js'
import type { Verifier } from './verifier.js'

export * from './event.js'

/** A Fastify request after its signature was verified. */
export type WebhookRequest<T = unknown> = FastifyRequest & { webhook: WebhookEvent<T> }

export interface WebhookRoute<T = unknown> extends WebhookOptions<T, FastifyRequest> {
  /** The route's path, below the prefix that the plugin is registered with. */
  url: string
  /** A Fastify handler: what it returns is sent. */
  handler: (this: FastifyInstance, request: WebhookRequest<T>, reply: FastifyReply) => unknown
}

const CONSUMED = 'A hook of this server has read it: leave this route out of the hook'

/**
 * A Fastify plugin with one route, which reads the raw body of a request, verifies it and sets `request.webhook`.
 *
 * Its content type parser lives in the plugin's own scope: other routes keep theirs.
 */
export function webhook<T = unknown>(verifier: Verifier, { url, handler, ...options }: WebhookRoute<T>): FastifyPluginAsync {
  const receiver = new Receiver(verifier, options)

  return async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, stream, done) => done(null, stream))
    scope.decorateRequest('webhook', null)
    scope.post(url, { preValidation }, handler as never)
  }

  async function preValidation(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { body, raw, originalUrl } = request
    const event = await receive(receiver, {
      request: raw, response: reply.raw, told: request, change: CONSUMED, target: originalUrl,
      ...(isStream(body) && { stream: body }),
    })
    if (event === GONE) return reply.hijack()
    if (event instanceof Refusal) return reply.code(event.status).headers(event.headers).send(event.body)
    Object.assign(request, { webhook: event, body: event.body })
    return undefined
  }
}

/** Fastify leaves the body of a request without one undefined. */
function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'readable' in body
}
