import native = require('../native.js')
import { freeWith } from './handle.js'

/** A message that was verified. What its signature does not cover is `undefined`. */
export class Verified {
  /** When it was signed, in Unix seconds. */
  readonly timestamp: number | undefined
  readonly id: string | undefined
  readonly eventType: string | undefined
  /** The scheme's version that matched. */
  readonly version: string
  /** The place of the key that matched, 0 for the newest. */
  readonly keyIndex: number
  /** The name of that key. */
  readonly keyId: string | undefined

  /** @internal */
  constructor(
    timestamp: number | undefined,
    id: string | undefined,
    eventType: string | undefined,
    version: string,
    keyIndex: number,
    keyId: string | undefined,
  ) {
    this.timestamp = timestamp
    this.id = id
    this.eventType = eventType
    this.version = version
    this.keyIndex = keyIndex
    this.keyId = keyId
  }
}

const claims = new WeakMap<Verified, number>()

export function fromDetails(details: native.Details): Verified {
  const { timestamp, id, eventType, version, keyIndex, keyId, claim } = details
  const verified = new Verified(timestamp, id, eventType, version, keyIndex, keyId)
  if (claim !== undefined) {
    claims.set(verified, claim)
    freeWith(verified, claim)
  }
  return verified
}

/** The replay guard's claim on a message. */
export function claimOf(verified: Verified): number | undefined {
  return claims.get(verified)
}
