package io.hookseal

import io.hookseal.internal.PackedLibrary
import io.hookseal.internal.PackedSigner
import io.hookseal.internal.native
import io.hookseal.internal.packed
import io.hookseal.internal.wellFormed
import java.lang.ref.Reference
import java.time.Instant

/**
 * Signs messages under one scheme, or under several at once while receivers move from one to the next.
 *
 * Every live key signs, newest first, so that receivers accept the message on both sides of a rotation.
 *
 * ```kotlin
 * val signer = Signer("whsec_demo")
 * val headers = signer.sign(
 *     """{"id":42}""".toByteArray(), id = "evt_1", eventType = "order.paid", timestamp = Instant.ofEpochSecond(1_700_000_000))
 * check(headers["X-Webhook-Id"] == "evt_1")
 * check(headers.getValue("X-Webhook-Signature").startsWith("t=1700000000,v2="))
 * ```
 *
 * `until` is the last second in which this scheme is signed under; `also` are signers whose schemes are signed under as
 * well. A key that cannot serve the scheme is `malformed_secret`; two schemes that write the same header are
 * `invalid_config`.
 */
public class Signer @JvmOverloads constructor(
    ring: KeyRing,
    scheme: Scheme = Scheme.HOOKSEAL,
    until: Instant? = null,
    also: List<Signer> = emptyList(),
) {
    /** Signs with these secrets, newest first. */
    @JvmOverloads
    public constructor(
        secrets: List<Secret>,
        scheme: Scheme = Scheme.HOOKSEAL,
        until: Instant? = null,
        also: List<Signer> = emptyList(),
    ) : this(KeyRing(secrets.map { Key(it) }), scheme, until, also)

    /** Signs with these secrets, newest first. */
    @JvmOverloads
    public constructor(
        vararg secrets: String,
        scheme: Scheme = Scheme.HOOKSEAL,
        until: Instant? = null,
        also: List<Signer> = emptyList(),
    ) : this(secrets.map { Secret(it) }, scheme, until, also)

    internal val native: PackedSigner = native {
        PackedSigner(ring.native, scheme.native, until?.epochSecond, also.map { it.native })
    }

    /**
     * The headers that `body` travels with, in the scheme's spelling.
     *
     * The id and the event type are written only if given, and required where the scheme signs them (`invalid_event`),
     * as is the URL (`missing_url`). `timestamp` counts in whole seconds, rounded down; now if absent.
     */
    @JvmOverloads
    public fun sign(
        body: ByteArray, id: String? = null, eventType: String? = null, timestamp: Instant? = null, url: String? = null,
    ): Map<String, String> {
        val texts = listOf(id, eventType, url).map { it?.wellFormed()?.toByteArray() }
        try {
            return packed(
                timestamp?.epochSecond, texts, body,
                call = { memory, packed, size, room ->
                    PackedLibrary.hookseal_sign(native.address, memory, packed, size, room)
                },
                read = { buildMap { while (!isEmpty) put(text()!!, text()!!) } },
            )
        } finally {
            Reference.reachabilityFence(this)
        }
    }
}
