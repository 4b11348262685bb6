import { errorOf } from './errors.js'
import { isArrayBuffer, isUint8Array, utf8Of } from './platform.js'

/** A request body exactly as received: bytes, or text that is sent as UTF-8. */
export type Body = Uint8Array | ArrayBuffer | string

/** A point in time: Unix seconds, rounded down, or a `Date`. */
export type Time = number | Date

const NOT_BYTES =
  'the body is not the raw bytes of the request; a parsed body can not be verified, because writing it out again changes it. ' +
  "Take webhook() of hookseal/express, /fastify, /koa, /hono, /next, /nest or /lambda, which reads the bytes; or, by hand, " +
  "Express: express.raw({ type: '*/*' }) on this route, before any express.json(). " +
  "Fastify: addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => done(null, body)). " +
  'Next: await request.text() in a route handler, or config.api.bodyParser = false in pages/api'

export function bytesOf(body: unknown): Uint8Array {
  if (isUint8Array(body)) return isShared(body.buffer) ? body.slice() : body
  if (typeof body === 'string') {
    if (body.isWellFormed()) return utf8Of(body)
    throw errorOf('body_not_bytes', 'the body is a string with a lone surrogate, which has no UTF-8')
  }
  // One that was transferred away has no bytes any more, and no view either.
  if (isArrayBuffer(body)) return body.byteLength === 0 ? NO_BYTES : new Uint8Array(body)
  if (ArrayBuffer.isView(body)) throw errorOf('body_not_bytes', 'the body is a view of another type; pass new Uint8Array(view.buffer, view.byteOffset, view.byteLength)')
  throw errorOf('body_not_bytes', NOT_BYTES)
}

const NO_BYTES = new Uint8Array()

/** Memory that another thread may write to. */
export function isShared(buffer: unknown): boolean {
  return typeof SharedArrayBuffer === 'function' && buffer instanceof SharedArrayBuffer
}

/** The clock, for the native half. */
const CLOCK = NaN

/** Seconds for the native half. */
export function secondsOf(name: string, time: Time | undefined): number {
  if (time === undefined) return CLOCK
  const seconds = time instanceof Date ? time.getTime() / 1000 : time
  if (Number.isFinite(seconds)) return seconds
  throw errorOf('invalid_config', `${name} must be a finite number of seconds or a valid Date`)
}

export function optionalSecondsOf(name: string, time: Time | undefined): number | undefined {
  return time === undefined ? undefined : secondsOf(name, time)
}

type Kind = 'string' | 'number' | 'boolean' | 'function' | 'object' | 'any'

/** Refuses options that do not exist, and values of another type than listed. */
export function checkOptions(options: unknown, kinds: Record<string, Kind>): void {
  if (typeof options !== 'object' || options === null) throw errorOf('invalid_config', 'the options must be an object')
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
    if (kind === undefined) throw errorOf('invalid_config', `there is no option ${JSON.stringify(name)}`)
    if (kind !== 'any' && value !== undefined && typeof value !== kind) {
      throw errorOf('invalid_config', `${name} must be a ${kind}`)
    }
  }
}

/** Text for the native half, whose strings are UTF-8. */
export function textOf(name: string, text: unknown): string {
  if (typeof text === 'string' && text.isWellFormed()) return text
  throw errorOf('invalid_config', `${name} must be a string without lone surrogates`)
}

/** The same for a name that may be absent. */
export function optionalTextOf(name: string, text: unknown): string | undefined {
  return text === undefined ? undefined : textOf(name, text)
}

/** Whether a text is there, for the native half, which would need longer to find out: `Shape` in `src/convert.rs`. */
export function shapeOf(text: string | null | undefined, place: number): number {
  return text === undefined ? 0 : (text === null ? 2 : 1) << (2 * place)
}
