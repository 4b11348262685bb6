import native = require('../native.js')
import { errorOf, unwrap } from './errors.js'
import { handleOf, Owner } from './handle.js'
import { claimOf, type Verified } from './verified.js'

export interface ReplayGuardOptions {
  /** How many messages are remembered; 100,000 unless given. */
  capacity?: number | undefined
}

/** Refuses copies of messages that were accepted before, as `new Verifier({ …, replay: guard })`. */
export class ReplayGuard extends Owner {
  constructor(options: ReplayGuardOptions = {}) {
    const capacity = options.capacity ?? 100_000
    if (typeof capacity !== 'number') throw errorOf('invalid_config', 'capacity must be a number')
    super(unwrap(native.guard(capacity)))
  }

  /** Lets copies of a message in again, because its handler failed. */
  release(verified: Verified): void {
    const claim = claimOf(verified)
    if (claim !== undefined) native.guardRelease(handleOf(this), claim)
  }
}
