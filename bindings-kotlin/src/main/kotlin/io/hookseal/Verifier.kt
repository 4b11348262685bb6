package io.hookseal

import io.hookseal.internal.Memory
import io.hookseal.internal.NativeClaim
import io.hookseal.internal.NativeVerifierOptions
import io.hookseal.internal.PackedLibrary
import io.hookseal.internal.PackedVerifier
import io.hookseal.internal.UniffiWithHandle
import io.hookseal.internal.count
import io.hookseal.internal.latin1
import io.hookseal.internal.native
import io.hookseal.internal.packed
import io.hookseal.internal.wellFormed
import io.hookseal.internal.wholeSeconds
import java.lang.ref.Reference
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toKotlinDuration

/**
 * Verifies that webhooks are authentic, and recent.
 *
 * Pass the body's bytes as they were received: parsed and printed again they are other bytes.
 *
 * ```kotlin
 * val body = """{"id":42}""".toByteArray()
 * val headers = Signer("whsec_old", scheme = Scheme.STRIPE).sign(body)
 *
 * val verifier = Verifier("whsec_new", "whsec_old", scheme = Scheme.STRIPE, tolerance = 300.seconds)
 * val verified = verifier.verify(body, headers)
 * check(verified.keyIndex == 1 && verified.version == "v1")
 * ```
 *
 * Every refusal is a [VerificationException], or a [StoreException] where the guard is full; answer the sender alike for
 * all of them (400; 413 for `body_too_large`, 425 for `replayed`, 503 for `storage_full`), and log the reason. A verifier
 * is shared by all threads.
 */
public class Verifier
/**
 * Verifies with the live keys of a ring.
 *
 * @param require the weakest version to accept, such as `v2`; closes the way back to weaker ones.
 * @param replay refuses what was accepted before.
 * @param maxBody the largest body, in bytes.
 * @param tolerance how far the timestamp may lie in the past, in whole seconds.
 * @param futureTolerance how far in the future; `tolerance` if absent.
 * @param dangerouslyIgnoreTimestamp accepts authentic messages of any age, so replays too.
 */
@JvmOverloads
constructor(
    ring: KeyRing,
    scheme: Scheme = Scheme.HOOKSEAL,
    require: String? = null,
    replay: ReplayGuard? = null,
    maxBody: Long? = null,
    tolerance: Duration = 300.seconds,
    futureTolerance: Duration? = null,
    dangerouslyIgnoreTimestamp: Boolean = false,
) {
    /** Verifies with these secrets, newest first. */
    @JvmOverloads
    public constructor(
        secrets: List<Secret>,
        scheme: Scheme = Scheme.HOOKSEAL,
        require: String? = null,
        replay: ReplayGuard? = null,
        maxBody: Long? = null,
        tolerance: Duration = 300.seconds,
        futureTolerance: Duration? = null,
        dangerouslyIgnoreTimestamp: Boolean = false,
    ) : this(
        KeyRing(secrets.map { Key(it) }), scheme, require, replay, maxBody, tolerance, futureTolerance,
        dangerouslyIgnoreTimestamp,
    )

    /** Verifies with these secrets, newest first. */
    @JvmOverloads
    public constructor(
        vararg secrets: String,
        scheme: Scheme = Scheme.HOOKSEAL,
        require: String? = null,
        replay: ReplayGuard? = null,
        maxBody: Long? = null,
        tolerance: Duration = 300.seconds,
        futureTolerance: Duration? = null,
        dangerouslyIgnoreTimestamp: Boolean = false,
    ) : this(
        secrets.map { Secret(it) }, scheme, require, replay, maxBody, tolerance, futureTolerance,
        dangerouslyIgnoreTimestamp,
    )

    /** Verifies with the live keys of a ring and a tolerance of one's own, from Java. */
    public constructor(ring: KeyRing, scheme: Scheme, tolerance: java.time.Duration) :
        this(ring, scheme, tolerance = tolerance.toKotlinDuration())

    private val native: PackedVerifier = native {
        PackedVerifier(
            ring.native,
            NativeVerifierOptions(
                scheme = scheme.native,
                tolerance = wholeSeconds(tolerance, "tolerance"),
                futureTolerance = futureTolerance?.let { wholeSeconds(it, "futureTolerance") },
                require = require,
                replay = replay?.native,
                maxBody = maxBody?.let { count(it, "maxBody") },
                dangerouslyIgnoreTimestamp = dangerouslyIgnoreTimestamp,
            ),
        )
    }

    /** The headers that verification reads, at most three: all that a program has to hand over. */
    public val headerNames: List<String> = scheme.native.headerNames()
    private val packedNames = headerNames.map { it.toByteArray() }

    /**
     * Verifies a request whose headers are a map.
     *
     * `url` is the public URL as it is registered at the provider, for the schemes that sign it. A message that waited in
     * a queue is judged by its arrival: pass that as `now`.
     */
    @JvmOverloads
    @Throws(WebhookException::class)
    public fun verify(
        body: ByteArray, headers: Map<String, String>, now: Instant? = null, url: String? = null,
    ): Verified = verify(body, now, url) { keep -> headers.forEach { (name, value) -> keep(name, value) } }

    /** Verifies a request whose headers are a map of lists, as those of the JDK, Servlet, Spring and Ktor are. */
    @JvmOverloads
    @JvmName("verifyMulti")
    @Throws(WebhookException::class)
    public fun verify(
        body: ByteArray, headers: Map<String, List<String>>, now: Instant? = null, url: String? = null,
    ): Verified = verify(body, now, url) { keep ->
        headers.forEach { (name, values) -> values.forEach { keep(name, it) } }
    }

    /** Verifies a request whose headers are pairs, in which a name can occur twice. */
    @JvmOverloads
    @Throws(WebhookException::class)
    public fun verify(
        body: ByteArray, headers: Iterable<Pair<String, String>>, now: Instant? = null, url: String? = null,
    ): Verified = verify(body, now, url) { keep -> headers.forEach { (name, value) -> keep(name, value) } }

    /** Verifies with the bare value of the signature header, for the schemes that need no other. */
    @JvmOverloads
    @Throws(WebhookException::class)
    public fun verify(body: ByteArray, signature: String, now: Instant? = null, url: String? = null): Verified =
        verify(body, listOf(url.packed(), null, signature.latin1().toByteArray()), now)

    /** Only the headers that the scheme reads cross to the core. */
    private inline fun verify(
        body: ByteArray, now: Instant?, url: String?, each: (keep: (String, String) -> Unit) -> Unit,
    ): Verified {
        val texts = ArrayList<ByteArray?>(1 + 2 * headerNames.size)
        texts += url.packed()
        each { name, value ->
            val index = headerNames.indexOfFirst { it.equals(name, ignoreCase = true) }
            if (index >= 0) {
                texts += packedNames[index]
                texts += value.latin1().toByteArray()
            }
        }
        return verify(body, texts, now)
    }

    private fun verify(body: ByteArray, texts: List<ByteArray?>, now: Instant?): Verified {
        try {
            return packed(
                now?.epochSecond, texts, body,
                call = { memory, packed, size, room ->
                    PackedLibrary.hookseal_verify(native.address, memory, packed, size, room)
                },
                read = { Verified(this) },
            )
        } finally {
            Reference.reachabilityFence(this)
        }
    }

    private fun String?.packed() = this?.wellFormed()?.toByteArray()
}

/**
 * What verification established.
 *
 * @property timestamp when the message was signed, where the scheme signs that.
 * @property id the message's id, only where the signature covers it.
 * @property eventType the event type, only where the signature covers it.
 * @property version the version of the scheme that was judged.
 * @property keyIndex the place of the key that matched, 0 for the newest.
 */
public class Verified internal constructor(packed: Memory) {
    public val timestamp: Instant? = packed.number()?.let(Instant::ofEpochSecond)
    public val keyIndex: Int = packed.number()!!.toInt()
    public val version: String = packed.text()!!
    public val id: String? = packed.text()
    public val eventType: String? = packed.text()
    public val keyId: String? = packed.text()

    internal val claim: NativeClaim? = if (packed.isEmpty) null else NativeClaim(UniffiWithHandle, packed.number()!!)

    override fun toString(): String =
        "Verified(version=$version, timestamp=$timestamp, id=$id, eventType=$eventType, keyIndex=$keyIndex, keyId=$keyId)"
}
