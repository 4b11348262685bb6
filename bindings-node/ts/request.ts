import { randomUUID } from 'node:crypto'

import { bytesOf, type Body } from './convert.js'
import { jsonOf } from './json.js'
import type { Secrets } from './ring.js'
import { schemeOf, type SchemeLike } from './scheme.js'
import { Signer, type SignOptions } from './signer.js'

export interface SignedRequestOptions extends SignOptions {
  secrets: Secrets
  /** A built-in scheme's name, or a scheme of your own; `hookseal` unless given. */
  scheme?: SchemeLike | undefined
  /** The body as it is; or `payload` in place of it. */
  body?: Body | undefined
  /** What is written as the body's JSON; `{}` unless given. */
  payload?: unknown
  /** `application/json` unless given. */
  contentType?: string | undefined
}

/** A request as `fetch`, `new Request(url, …)` and the `inject` of frameworks take it. */
export interface SignedRequest {
  readonly method: 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer<ArrayBuffer>
}

/** A clock that stands still until it is moved, for `timestamp`, for `now` and for the option `now` of `webhook()`. */
export class TestClock {
  #seconds: number

  constructor(seconds = 1_700_000_000) {
    this.#seconds = seconds
  }

  /** Unix seconds; bound, so that it can be passed on. */
  readonly now = (): number => this.#seconds

  /** Moves it by so many seconds; back, where they are negative. */
  advance(seconds: number): void {
    this.#seconds += seconds
  }
}

/**
 * A request that verifies. Where the scheme has an id or a type, one is made up unless it is given. The `url` is that
 * of the request, and is signed where the scheme signs it.
 */
export function signedRequest(options: SignedRequestOptions): SignedRequest {
  const { secrets, scheme, body, payload = {}, contentType = 'application/json', ...signing } = options
  const bytes = Buffer.from(bytesOf(body ?? jsonOf(payload, 'invalid_event', 'payload')))
  const { id, type } = schemeOf(scheme).toJSON()
  const url = signing.url ?? 'http://localhost/hooks'
  const headers = new Signer({ secrets, scheme }).sign(bytes, {
    ...(id && { id: `evt_${randomUUID()}` }), ...(type && { eventType: 'test.event' }), ...signing, url,
  })
  return { method: 'POST', url, headers: { 'Content-Type': contentType, ...headers }, body: bytes }
}

/** A request that must be refused, and with which status. */
export interface Forgery {
  readonly name: 'unsigned' | 'wrong signature' | 'altered' | 'truncated' | 'extended' | 're-encoded' | 'stale' | 'oversized'
  readonly request: SignedRequest
  readonly status: 400 | 413
}

const HOUR = 3600
const MIB = 1024 * 1024

/** The same request under attack: what an endpoint must refuse, for a test that sends each. Sending a good one twice is the attack that is not in it. */
export function forgeries(options: SignedRequestOptions): Forgery[] {
  const good = signedRequest(options)
  const { signature, timestamp, content, versions = [] } = schemeOf(options.scheme).toJSON()
  const templates = versions.map((version) => version.content ?? content ?? '')
  const { [signature.header]: value = '', ...unsigned } = good.headers
  const now = options.timestamp instanceof Date ? options.timestamp.getTime() / 1000 : options.timestamp ?? Date.now() / 1000

  const withBody = (body: Uint8Array): SignedRequest => ({ ...good, body: Buffer.from(body) })
  const found: (Forgery | false)[] = [
    { name: 'unsigned', status: 400, request: { ...good, headers: unsigned } },
    { name: 'wrong signature', status: 400, request: { ...good, headers: { ...unsigned, [signature.header]: turned(value) } } },
    timestamp !== undefined && { name: 'stale', status: 400, request: signedRequest({ ...options, timestamp: now - HOUR }) },
    { name: 'oversized', status: 413, request: signedRequest({ ...options, body: Buffer.alloc(MIB + 1, ' ') }) },
  ]
  if (templates.length > 0) {
    const reencoded = reencode(good.body)
    found.push(
      good.body.length > 0 && { name: 'altered', status: 400, request: withBody(good.body.map((byte, at) => (at === 1 ? byte ^ 1 : byte))) },
      good.body.length > 0 && { name: 'truncated', status: 400, request: withBody(good.body.subarray(0, -1)) },
      { name: 'extended', status: 400, request: withBody(Buffer.concat([good.body, Buffer.from('0')])) },
      reencoded !== undefined && !templates.every((template) => template.endsWith('{body:compact-json}'))
        && { name: 're-encoded', status: 400, request: withBody(reencoded) },
    )
  }
  return found.filter((forgery) => forgery !== false)
}

/** A header whose every signature, or whose token, starts with another digit. */
function turned(header: string): string {
  return header.replace(/[A-Za-z0-9+/]{20,}|^[^=, ]+$/g, (value) => (value.startsWith('0') ? '1' : '0') + value.slice(1))
}

/** What a parser and a printer make of JSON. */
function reencode(body: Buffer): Buffer | undefined {
  try {
    return Buffer.from(JSON.stringify(JSON.parse(body.toString()), null, 2).replace(/^\{\}$/, '{ }'))
  } catch {
    return undefined
  }
}
