import type { IncomingMessage, ServerResponse } from 'node:http'

import { checkOptions, optionalTextOf } from './convert.js'
import { errorOf, StoreError, VerificationError, WebhookError } from './errors.js'
import type { Verified } from './verified.js'
import { Verifier } from './verifier.js'

export interface WebhookOptions {
  /** The largest body, in bytes; 1 MiB unless given. */
  maxBody?: number | undefined
  /** Scheme and authority as registered at the provider, such as `https://shop.example.com`, for schemes that sign the URL. */
  publicUrl?: string | undefined
  /** Is told why a request was refused; writes one line to standard error unless given. */
  onRefused?: ((error: WebhookError, request: IncomingMessage) => void) | undefined
}

/** A verified request. `id` and `type` are set only where the signature covers them. */
export interface Webhook {
  readonly id: string | undefined
  readonly type: string | undefined
  /** The body as received. */
  readonly body: Buffer
  readonly verified: Verified
  /** The body parsed as JSON; throws a `SyntaxError` where it is none. */
  json<T = unknown>(): T
}

declare global {
  namespace Express {
    interface Request {
      /** Set by `webhook()` of `hookseal/express`. */
      webhook?: Webhook
    }
  }
}

/** An Express request, or one of `node:http`. */
export type WebhookRequest = IncomingMessage & { webhook?: Webhook; originalUrl?: string; body?: unknown }
export type WebhookHandler = (request: WebhookRequest, response: ServerResponse, next: (error?: unknown) => void) => void

const MIB = 1024 * 1024

const CONSUMED =
  'the body of this request was read and parsed before webhook() could verify it, as by a global express.json(). ' +
  "Register this route before app.use(express.json()), or give the parser a path or a type that leaves this route out"

/**
 * Reads the raw body of a request, verifies it and sets `request.webhook`.
 *
 * What does not verify is answered here, uniformly: 400, or 413 for the size, 425 for a copy, 503 where the replay
 * guard is full; the reason goes to `onRefused`. A body that another parser has consumed is a mistake of this server:
 * it goes to `next` as `body_not_bytes`, so that Express answers 500 and the sender tries again later.
 */
export function webhook(verifier: Verifier, options: WebhookOptions = {}): WebhookHandler {
  if (!(verifier instanceof Verifier)) throw errorOf('invalid_config', 'webhook needs a Verifier')
  checkOptions(options, { maxBody: 'number', publicUrl: 'string', onRefused: 'function' })
  const { maxBody = MIB, onRefused = logRefused } = options
  const publicUrl = optionalTextOf('publicUrl', options.publicUrl)?.replace(/\/+$/, '')
  if (!Number.isSafeInteger(maxBody) || maxBody < 0) throw errorOf('invalid_config', 'maxBody must be a number of bytes')

  const accept = (body: Buffer, request: WebhookRequest): Webhook => {
    const url = publicUrl === undefined ? undefined : publicUrl + (request.originalUrl ?? request.url ?? '')
    const verified = verifier.verify(body, rawHeadersOf(request), { url })
    return { id: verified.id, type: verified.eventType, body, verified, json: () => JSON.parse(body.toString('utf8')) }
  }

  return (request, response, next) => {
    readBody(request, maxBody).then(
      (body) => {
        try {
          request.webhook = accept(body, request)
        } catch (error) {
          return fail(error)
        }
        next()
      },
      fail,
    )

    function fail(error: unknown): void {
      if (error === ABORTED) return
      const status = statusOf(error)
      if (status === undefined) return next(error)
      refuse(response, status)
      try {
        onRefused(error as WebhookError, request)
      } catch {
        process.emitWarning('onRefused has thrown', 'HooksealWarning')
      }
    }
  }
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof StoreError) return 503
  if (!(error instanceof VerificationError) || error.code === 'body_not_bytes') return undefined
  return { body_too_large: 413, replayed: 425 }[error.code as string] ?? 400
}

/** Node joins repeated headers; only the raw ones show that a header was sent twice. */
function rawHeadersOf(request: WebhookRequest): readonly string[] | WebhookRequest['headers'] {
  return request.rawHeaders.length > 0 ? request.rawHeaders : request.headers
}

/** The sender has gone away before the end of its request, and nobody waits for an answer. */
const ABORTED = Symbol('aborted')

async function readBody(request: WebhookRequest, limit: number): Promise<Buffer> {
  if (Buffer.isBuffer(request.body)) return checkSize(request.body, limit) // express.raw()
  if (request.readableDidRead || request.readableEnded) throw errorOf('body_not_bytes', CONSUMED)
  if (request.destroyed) throw ABORTED
  if (Number(request.headers['content-length']) > limit) throw tooLarge(limit)
  const chunks: Buffer[] = []
  let size = 0
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      chunks.push(chunk)
      size += chunk.length
      if (size <= limit) return
      request.off('data', take).pause()
      reject(tooLarge(limit))
    }
    request.on('data', take).on('end', resolve)
    request.on('error', () => reject(ABORTED)).on('close', () => reject(ABORTED))
  })
  return Buffer.concat(chunks, size)
}

function checkSize(body: Buffer, limit: number): Buffer {
  if (body.length > limit) throw tooLarge(limit)
  return body
}

function tooLarge(limit: number): WebhookError {
  return errorOf('body_too_large', `the body is larger than ${limit} bytes`)
}

/** Says no more than the status does: the reason is nothing to tell a stranger. */
function refuse(response: ServerResponse, status: number): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json')
  if (status === 413) response.setHeader('Connection', 'close') // the rest of the body is not read
  if (status === 503) response.setHeader('Retry-After', '60')
  response.end('{"error":"webhook refused"}')
}

function logRefused(error: WebhookError): void {
  console.warn(`hookseal: webhook refused: ${error.code}: ${error.message}`)
}
