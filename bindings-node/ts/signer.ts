import native = require('../native.js')
import { bytesOf, checkOptions, optionalSecondsOf, optionalTextOf, secondsOf, shapeOf, type Body, type Time } from './convert.js'
import { errorFrom, errorOf, unwrap } from './errors.js'
import { handleOf, Owner } from './handle.js'
import { ringOf, type Secrets } from './ring.js'
import { schemeOf, type SchemeLike } from './scheme.js'

export interface SignerOptions {
  /** All live secrets, newest first. */
  secrets: Secrets
  /** A built-in scheme's name, or a scheme of your own; `hookseal` unless given. */
  scheme?: SchemeLike | undefined
  /** The last moment in which this scheme is signed, where others are signed beside it. */
  until?: Time | undefined
  /** Signers of other schemes, which sign beside this one during a migration. */
  also?: Signer | readonly Signer[] | undefined
}

export interface SignOptions {
  id?: string | undefined
  eventType?: string | undefined
  /** The moment that is signed; the clock when none is given. */
  timestamp?: Time | undefined
  /** The receiver's public URL, for schemes that sign it. */
  url?: string | undefined
}

/** Makes the headers that a message travels with. */
export class Signer extends Owner {
  readonly #names: readonly string[]

  constructor(options: SignerOptions) {
    checkOptions(options, { secrets: 'any', scheme: 'any', until: 'any', also: 'any' })
    const also = [options.also ?? []].flat() as Signer[]
    if (!also.every((signer) => signer instanceof Signer)) throw errorOf('invalid_config', 'also must be signers')
    const record: native.SignerRecord = {
      ring: handleOf(ringOf(options.secrets)),
      scheme: handleOf(schemeOf(options.scheme)),
      also: also.map(handleOf),
    }
    const until = optionalSecondsOf('until', options.until)
    if (until !== undefined) record.until = until
    super(unwrap(native.signer(record)))
    this.#names = native.signerHeaders(handleOf(this))
  }

  /** Signs a body and gives the headers, in the scheme's spelling. */
  sign(body: Body, options?: SignOptions): Record<string, string> {
    const bytes = bytesOf(body)
    const timestamp = secondsOf('timestamp', options?.timestamp)
    const id = optionalTextOf('id', options?.id)
    const eventType = optionalTextOf('eventType', options?.eventType)
    const url = optionalTextOf('url', options?.url)
    const shape = shapeOf(id, 0) | shapeOf(eventType, 1) | shapeOf(url, 2)
    const packed = native.sign(handleOf(this), bytes, timestamp, shape, id, eventType, url)
    if (packed === null) throw errorFrom(native.lastFailure())
    const headers: Record<string, string> = {}
    // Each is the place of its name, the length of its value in three digits, and the value: `packed` in `src/seal.rs`.
    for (let at = 0, end: number; at < packed.length; at = end) {
      const name = this.#names[packed.charCodeAt(at)]!
      end = at + 4 + (packed.charCodeAt(at + 1) << 14 | packed.charCodeAt(at + 2) << 7 | packed.charCodeAt(at + 3))
      headers[name] = packed.slice(at + 4, end)
    }
    return headers
  }
}
