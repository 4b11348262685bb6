import { checkOptions, type Time } from './convert.js'
import { errorOf, StoreError, VerificationError, type WebhookError } from './errors.js'
import { InvalidPayload, type StandardSchema, type WebhookEvent, type WebhookOptions } from './event.js'
import type { HeadersLike } from './headers.js'
import type { Verified } from './verified.js'
import { Verifier } from './verifier.js'

/** An answer that says no more than its status does: the reason is nothing to tell a stranger. */
export class Refusal {
  readonly headers: Readonly<Record<string, string>>
  readonly body = '{"error":"webhook refused"}'

  constructor(readonly status: number) {
    this.headers = {
      'Content-Type': 'application/json',
      ...(status === 413 && { Connection: 'close' }), // the rest of the body is not read
      ...(status === 503 && { 'Retry-After': '60' }),
    }
  }
}

const MIB = 1024 * 1024

/** What all frameworks do alike, once they have the bytes: verify, then validate, and refuse without giving the reason. */
export class Receiver<T, Request> {
  readonly maxBody: number
  readonly #verifier: Verifier
  readonly #schema: StandardSchema<T> | undefined
  readonly #publicUrl: string | undefined
  readonly #now: (() => Time) | undefined
  readonly #onRefused: (error: WebhookError | InvalidPayload, request: Request) => void

  constructor(verifier: Verifier, options: WebhookOptions<T, Request> = {}) {
    if (!(verifier instanceof Verifier)) throw errorOf('invalid_config', 'webhook needs a Verifier')
    checkOptions(options, { schema: 'any', maxBody: 'number', publicUrl: 'string', now: 'function', onRefused: 'function' })
    const { schema, maxBody = MIB, publicUrl, now, onRefused = logRefused } = options
    if (!Number.isSafeInteger(maxBody) || maxBody < 0) throw errorOf('invalid_config', 'maxBody must be a number of bytes')
    if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
      throw errorOf('invalid_config', 'schema must be a Standard Schema, as zod, valibot and arktype make them')
    }
    if (publicUrl === undefined && verifier.scheme.signsUrl) {
      throw errorOf('invalid_config', `the scheme ${verifier.scheme.name} signs the URL: give publicUrl, such as 'https://shop.example.com'`)
    }
    if (publicUrl !== undefined && !/^https?:\/\/[^/?#]+\/*$/.test(publicUrl)) {
      throw errorOf('invalid_config', "publicUrl must be scheme and authority, such as 'https://shop.example.com'")
    }
    this.maxBody = maxBody
    this.#verifier = verifier
    this.#schema = schema
    this.#publicUrl = publicUrl?.replace(/\/+$/, '')
    this.#now = now
    this.#onRefused = onRefused
  }

  /** The event of a body; `target` is the path and query of its request. */
  async accept(body: Uint8Array, headers: HeadersLike, target: string): Promise<WebhookEvent<T>> {
    if (body.length > this.maxBody) throw tooLarge(this.maxBody)
    const url = this.#publicUrl === undefined ? undefined : this.#publicUrl + target
    const verified = this.#verifier.verify(body, headers, { url, now: this.#now?.() })
    const event = eventOf<T>(body, verified)
    if (this.#schema === undefined) return event
    try {
      const value = await validate(this.#schema, event)
      return { ...event, json: <U extends T>() => value as U }
    } catch (error) {
      this.release(event)
      throw error
    }
  }

  /** What to answer for an error, after telling the reason; nothing where the mistake is the server's own. */
  refuse(error: unknown, request: Request): Refusal | undefined {
    const status = statusOf(error)
    if (status === undefined) return undefined
    void this.#tell(error as WebhookError, request)
    return new Refusal(status)
  }

  /** What fails in a report changes no answer, and ends no process. */
  async #tell(error: WebhookError | InvalidPayload, request: Request): Promise<void> {
    try {
      await this.#onRefused(error, request)
    } catch {
      console.error('hookseal: onRefused has thrown')
    }
  }

  /** Runs a handler, and lets the sender try again where it throws or its answer is no success. */
  async handle<Answer>(event: WebhookEvent<T>, run: () => Answer | Promise<Answer>, isSuccess: (answer: Answer) => boolean): Promise<Answer> {
    let done = false
    try {
      const answer = await run()
      done = isSuccess(answer)
      return answer
    } finally {
      if (!done) this.release(event)
    }
  }

  /** Lets the sender try again. */
  release(event: WebhookEvent<T>): void {
    this.#verifier.replay?.release(event.verified)
  }
}

/** A body that comes in pieces. It is kept in one, since a stranger's pieces may be a byte each. */
export class Pieces {
  readonly #limit: number
  #room = new Uint8Array(4096)
  #size = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Whether the piece fits. */
  add(piece: Uint8Array): boolean {
    const size = this.#size + piece.length
    if (size > this.#limit) return false
    if (size > this.#room.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.#room.length))
      larger.set(this.#room.subarray(0, this.#size))
      this.#room = larger
    }
    this.#room.set(piece, this.#size)
    this.#size = size
    return true
  }

  get whole(): Uint8Array<ArrayBuffer> {
    return this.#room.subarray(0, this.#size)
  }
}

export function tooLarge(limit: number): WebhookError {
  return errorOf('body_too_large', `the body is larger than ${limit} bytes`)
}

/** What is thrown where something has read the body before. */
export function consumed(change: string): WebhookError {
  return errorOf('body_not_bytes', `the body of this request was read and parsed before webhook() could verify it. ${change}`)
}

function eventOf<T>(body: Uint8Array, verified: Verified): WebhookEvent<T> {
  const text = (): string => new TextDecoder().decode(body)
  const { id, eventType: type, timestamp } = verified
  return { id, type, timestamp, body, verified, text, json: () => JSON.parse(text()) }
}

async function validate<T>(schema: StandardSchema<T>, event: WebhookEvent): Promise<T> {
  let payload: unknown
  try {
    payload = event.json()
  } catch {
    throw new InvalidPayload([{ message: 'the body is not JSON' }])
  }
  const result = await schema['~standard'].validate(payload)
  if (result.issues) throw new InvalidPayload(result.issues)
  return result.value
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof StoreError) return 503
  if (error instanceof InvalidPayload) return 422
  if (!(error instanceof VerificationError) || error.code === 'body_not_bytes') return undefined
  return { body_too_large: 413, replayed: 425 }[error.code as string] ?? 400
}

function logRefused(error: WebhookError | InvalidPayload): void {
  console.warn(`hookseal: webhook refused: ${error.code}: ${error.message}`)
}
