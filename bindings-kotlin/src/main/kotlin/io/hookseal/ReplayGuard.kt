package io.hookseal

import io.hookseal.internal.NativeReplayGuard
import io.hookseal.internal.count
import io.hookseal.internal.native

/**
 * Remembers what was accepted until it is too old to be accepted again, so that copies are refused (`replayed`).
 *
 * When it is full it refuses (`storage_full`) rather than forgets. It stops copies; a handler still needs to be
 * idempotent by id, since an honest sender may deliver twice.
 *
 * ```kotlin
 * val replay = ReplayGuard(capacity = 100_000)
 * val verifier = Verifier("whsec_demo", replay = replay)
 * val headers = Signer("whsec_demo").sign("{}".toByteArray())
 *
 * val verified = verifier.verify("{}".toByteArray(), headers)
 * replay.release(verified)                    // handling it failed: let the sender try again
 * verifier.verify("{}".toByteArray(), headers)
 * ```
 */
public class ReplayGuard @JvmOverloads constructor(capacity: Long = 100_000) {
    internal val native: NativeReplayGuard = native { NativeReplayGuard(count(capacity, "capacity")) }

    /** Takes back the claim of a message, so that it is accepted once more. */
    public fun release(verified: Verified) {
        verified.claim?.let { native.release(it) }
    }
}
