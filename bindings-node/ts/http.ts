import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'

import type { WebhookEvent } from './event.js'
import type { HeadersLike } from './headers.js'
import { consumed, Pieces, type Refusal, tooLarge, type Receiver } from './receive.js'

/** A request of `node:http`, with what frameworks add to it. */
export type NodeRequest = IncomingMessage & {
  /** The whole path and query, where `url` is relative to a router. */
  originalUrl?: string
  /** What a parser has read; as bytes it can be verified. */
  body?: unknown
  /** What Nest, Google Cloud Functions and the `verify` option of body-parser keep. */
  rawBody?: unknown
}

/** The sender has gone away before the end of its request, and nobody waits for an answer. */
export const GONE = Symbol('gone')

/** One request as a framework has it. */
export interface Exchange<R> {
  readonly request: NodeRequest
  readonly response: ServerResponse
  /** What `onRefused` is told. */
  readonly told: R
  /** What to do about a body that something else has read. */
  readonly change: string
  /** The bytes of the body, where something has kept them. */
  readonly kept?: unknown
  /** The body, where it is not the request. */
  readonly stream?: Readable
  /** The whole path and query, where it is not the request's. */
  readonly target?: string
}

/** The verified event of a request. Its replay claim is released unless the response becomes a 2xx and is written in full. */
export async function receive<T, R>(receiver: Receiver<T, R>, exchange: Exchange<R>): Promise<WebhookEvent<T> | Refusal | typeof GONE> {
  const { request, response, told } = exchange
  try {
    const body = await bodyOf(exchange, receiver.maxBody)
    const event = await receiver.accept(body, headersOf(request), exchange.target ?? request.originalUrl ?? request.url ?? '')
    onFailure(response, () => receiver.release(event))
    return event
  } catch (error) {
    if (error === GONE) return GONE
    const refusal = receiver.refuse(error, told)
    if (refusal === undefined) throw error
    return refusal
  }
}

/** Writes a refusal. */
export function answer(response: ServerResponse, { status, headers, body }: Refusal): void {
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(body)
}

/** Node joins repeated headers; only the raw ones show that a header was sent twice. */
function headersOf(request: NodeRequest): HeadersLike {
  return request.rawHeaders?.length > 0 ? request.rawHeaders : request.headers
}

async function bodyOf({ request, change, kept, stream = request }: Exchange<unknown>, limit: number): Promise<Buffer> {
  for (const bytes of [kept, request.rawBody, request.body]) if (Buffer.isBuffer(bytes)) return bytes
  if (stream.readableDidRead || stream.readableEnded) throw consumed(change)
  if (stream.destroyed) throw GONE
  if (Number(request.headers['content-length']) > limit) throw tooLarge(limit)
  return read(stream, limit)
}

function read(stream: Readable, limit: number): Promise<Buffer> {
  const pieces = new Pieces(limit)
  return new Promise((resolve, reject) => {
    const take = (piece: Buffer): void => {
      if (pieces.add(piece)) return
      stream.off('data', take).pause()
      reject(tooLarge(limit))
    }
    const done = (): void => {
      const { buffer, byteLength } = pieces.whole
      resolve(Buffer.from(buffer, 0, byteLength))
    }
    stream.on('data', take).on('end', done)
    stream.on('error', () => reject(GONE)).on('close', () => reject(GONE))
  })
}

function onFailure(response: ServerResponse, release: () => void): void {
  const judge = (): void => {
    response.off('finish', judge).off('close', judge)
    const { writableFinished, statusCode } = response
    if (!writableFinished || statusCode < 200 || statusCode > 299) release()
  }
  response.on('finish', judge).on('close', judge)
}
