import native = require('../native.js')
import { bytesOf, checkOptions, optionalTextOf, secondsOf, shapeOf, type Body, type Time } from './convert.js'
import { errorFrom, errorOf, unwrap } from './errors.js'
import { handleOf, Owner } from './handle.js'
import { HeaderNames, type Found, type HeadersLike } from './headers.js'
import { jsonOf } from './json.js'
import { ReplayGuard } from './replay.js'
import { ringOf, type Secrets } from './ring.js'
import { schemeOf, type Scheme, type SchemeLike } from './scheme.js'
import { fromDetails, Verified } from './verified.js'

export interface VerifierOptions {
  /** All secrets that are accepted, newest first. */
  secrets: Secrets
  /** A built-in scheme's name, or a scheme of your own; `hookseal` unless given. */
  scheme?: SchemeLike | undefined
  /** How many seconds old a message may be; 300 unless given. */
  tolerance?: number | undefined
  /** How many seconds in the future; as `tolerance` unless given. */
  futureTolerance?: number | undefined
  /** The weakest version that is accepted. */
  require?: string | undefined
  /** Refuses copies. */
  replay?: ReplayGuard | undefined
  /** The largest body, in bytes. */
  maxBody?: number | undefined
  /** Accepts messages of any age, and with them every copy. */
  dangerouslyIgnoreTimestamp?: boolean | undefined
}

export interface VerifyOptions {
  /** The moment against which the timestamp is judged; the clock when none is given. */
  now?: Time | undefined
  /** The URL that the sender was given, for schemes that sign it. */
  url?: string | undefined
}

/** Checks that messages come from whoever has the secret, unchanged and fresh. */
export class Verifier extends Owner {
  readonly scheme: Scheme
  /** Refuses copies, where there is one. */
  readonly replay: ReplayGuard | undefined
  readonly #headers: HeaderNames
  readonly #versions: readonly string[]
  /** The places of the id's and of the type's header, where the scheme covers them. */
  readonly #idAt: number
  readonly #typeAt: number

  constructor(options: VerifierOptions) {
    checkOptions(options, {
      secrets: 'any', scheme: 'any', tolerance: 'number', futureTolerance: 'number', require: 'string',
      replay: 'any', maxBody: 'number', dangerouslyIgnoreTimestamp: 'boolean',
    })
    const { replay, tolerance, futureTolerance, maxBody } = options
    if (replay !== undefined && !(replay instanceof ReplayGuard)) {
      throw errorOf('invalid_config', 'replay must be a ReplayGuard')
    }
    const scheme = schemeOf(options.scheme)
    const limits = {
      tolerance, futureTolerance, require: optionalTextOf('require', options.require), maxBody,
      dangerouslyIgnoreTimestamp: options.dangerouslyIgnoreTimestamp ?? false,
    }
    super(unwrap(native.verifier(
      handleOf(scheme), handleOf(ringOf(options.secrets)), replay && handleOf(replay), jsonOf(limits, 'invalid_config', 'options'),
    )))
    this.scheme = scheme
    this.replay = replay
    const names = native.verifierHeaders(handleOf(this))
    const { id, type } = scheme.toJSON()
    this.#headers = new HeaderNames(names)
    this.#versions = native.verifierVersions(handleOf(this))
    this.#idAt = id ? names.indexOf(id.header) : NOWHERE
    this.#typeAt = type ? names.indexOf(type.header) : NOWHERE
  }

  /** The headers that are read, in the scheme's spelling; the signature's first. */
  get headerNames(): string[] {
    return native.verifierHeaders(handleOf(this))
  }

  /**
   * Verifies a body with the headers that it came with.
   *
   * Whatever a sender writes, only a `VerificationError` leaves, or the `StoreError` of a full replay guard.
   */
  verify(body: Body, headers: HeadersLike, options?: VerifyOptions): Verified {
    const bytes = bytesOf(body)
    const now = secondsOf('now', options?.now)
    const url = optionalTextOf('url', options?.url)
    const found = this.#headers.in(headers)
    const first = found[0]
    const second = found[1]
    const third = found[2]
    const shape = shapeOf(first, 0) | shapeOf(second, 1) | shapeOf(third, 2) | shapeOf(url, 3)
    const result = native.verify(handleOf(this), bytes, now, shape, first, second, third, url)
    if (result >= 0) return this.#unpack(result, found)
    const details = result === REFUSED ? null : native.details()
    if (details === null) throw errorFrom(native.lastFailure())
    return fromDetails(details)
  }

  /** The fields' places are those of `pack` in `src/verify.rs`. */
  #unpack(packed: number, found: readonly Found[]): Verified {
    const timestamp = Math.floor(packed / 4096)
    const flags = packed - timestamp * 4096
    return new Verified(
      flags & 0x800 ? timestamp : undefined,
      flags & 0x400 ? (found[this.#idAt] ?? undefined) : undefined,
      flags & 0x200 ? (found[this.#typeAt] ?? undefined) : undefined,
      this.#versions[(flags >> 5) & 15]!,
      flags & 31,
      undefined,
    )
  }
}

const NOWHERE = -1
const REFUSED = -1
