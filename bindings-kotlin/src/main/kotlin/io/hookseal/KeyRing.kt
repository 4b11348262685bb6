package io.hookseal

import io.hookseal.internal.NativeKey
import io.hookseal.internal.NativeKeyRing
import io.hookseal.internal.NativeKeyStats
import io.hookseal.internal.native
import io.hookseal.internal.wholeSeconds
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * A secret with the time in which it is live, to the second.
 *
 * @property id its name, for [KeyRing.revoke], [KeyRing.stats] and [Verified.keyId].
 */
public class Key @JvmOverloads constructor(
    public val secret: Secret,
    public val id: String? = null,
    public val notBefore: Instant? = null,
    public val notAfter: Instant? = null,
) {
    @JvmOverloads
    public constructor(
        secret: String, id: String? = null, notBefore: Instant? = null, notAfter: Instant? = null,
    ) : this(Secret(secret), id, notBefore, notAfter)

    internal fun native() = NativeKey(secret.native, id, notBefore?.epochSecond, notAfter?.epochSecond)

    override fun toString(): String = "Key($secret, id=$id, notBefore=$notBefore, notAfter=$notAfter)"
}

/**
 * 1 to 16 keys, newest first, shared by every signer and verifier that is made with it.
 *
 * To exchange a secret: rotate in the new one with an overlap, watch [stats] until the old one matches nothing any more,
 * revoke it. A ring serves one scheme: the first signer or verifier that it is given to fixes which.
 *
 * ```kotlin
 * val ring = KeyRing(Key("whsec_old", id = "old"))
 * val signer = Signer(ring)
 * val verifier = Verifier(ring)
 * val before = signer.sign("{}".toByteArray())
 *
 * ring.rotate(Key("whsec_new", id = "new"), overlap = 1.days)
 * check(verifier.verify("{}".toByteArray(), before).keyId == "old")
 * ring.revoke("old")
 * check(ring.stats().map { it.id } == listOf("new"))
 * ```
 *
 * The constructor refuses no keys, more than 16, and an id that is given twice (`invalid_config`).
 */
public class KeyRing(keys: List<Key>) {
    public constructor(vararg keys: Key) : this(keys.asList())

    internal val native: NativeKeyRing = native { NativeKeyRing(keys.map { it.native() }) }

    /** Puts a new key first and lets the others live on for `overlap`, in whole seconds. */
    public fun rotate(key: Key, overlap: Duration, now: Instant? = null) {
        native { native.rotate(key.native(), wholeSeconds(overlap, "overlap"), now?.epochSecond) }
    }

    /** Puts a new key first and lets the others live on for `overlapSeconds`: [rotate] for Java. */
    public fun rotate(key: Key, overlapSeconds: Long) {
        rotate(key, overlapSeconds.seconds)
    }

    /** Takes the key of that id out, at once; `not_found` when there is none, `invalid_config` when it is the only one. */
    public fun revoke(id: String) {
        native { native.revoke(id) }
    }

    /** Each key's use so far, newest first: how an operator sees that an old key is safe to revoke. */
    public fun stats(): List<KeyStats> = native.stats().map(::KeyStats)
}

/** How often a key has matched. */
public data class KeyStats(
    public val id: String?,
    public val notBefore: Instant?,
    public val notAfter: Instant?,
    /** How many deliveries it has verified. */
    public val matches: Long,
    public val lastMatch: Instant?,
) {
    internal constructor(native: NativeKeyStats) : this(
        native.id,
        native.notBefore?.let(Instant::ofEpochSecond),
        native.notAfter?.let(Instant::ofEpochSecond),
        native.matches.toLong(),
        native.lastMatch?.let(Instant::ofEpochSecond),
    )
}
