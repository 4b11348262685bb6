package io.hookseal

import io.hookseal.internal.NativeSecret
import io.hookseal.internal.borrowed
import io.hookseal.internal.native

/**
 * A secret, which is never printed.
 *
 * A plain string stays a string until a scheme says how to read it: the same `whsec_…` text is the whole key for Stripe
 * and base64 for Standard Webhooks. The typed secrets say it at once.
 *
 * ```kotlin
 * val plain = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")             // the scheme decides what it means
 * val typed = Secret.base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")            // always these 24 bytes
 * check("$plain $typed" == "Secret([REDACTED]) Secret([REDACTED])")
 * ```
 */
public class Secret private constructor(private val make: () -> NativeSecret) {
    internal val native: NativeSecret by lazy { native(ErrorCode.MALFORMED_SECRET) { make() } }

    /** Takes a plain string. What is wrong with it is said by whoever uses it: `empty_secret`, `malformed_secret`. */
    public constructor(text: String) : this({ NativeSecret.parse(text) })

    /** The secret as text, for handing it to whoever signs or verifies on the other side. */
    public fun expose(): String = native.expose()

    override fun toString(): String = "Secret([REDACTED])"

    public companion object {
        /** The text's UTF-8 bytes are the key, whatever they look like. */
        @JvmStatic
        public fun utf8(text: String): Secret = typed { NativeSecret.utf8(text) }

        /** Base64 of the key, with or without `whsec_`. */
        @JvmStatic
        public fun base64(text: String): Secret = typed { NativeSecret.base64(text) }

        /** Hexadecimal digits of the key. */
        @JvmStatic
        public fun hex(text: String): Secret = typed { NativeSecret.hex(text) }

        /** These bytes are the key. */
        @JvmStatic
        public fun bytes(key: ByteArray): Secret = typed { borrowed(key) { NativeSecret.bytes(it) } }

        /** An Ed25519 private key: base64 of the seed, or of seed and public key, with or without `whsk_`. */
        @JvmStatic
        public fun ed25519Private(text: String): Secret = typed { NativeSecret.ed25519Private(text) }

        /** An Ed25519 public key: base64 with or without `whpk_`, or 64 hexadecimal digits. */
        @JvmStatic
        public fun ed25519Public(text: String): Secret = typed { NativeSecret.ed25519Public(text) }

        /** Makes a new secret: `whsec_` and the base64 of 32 random bytes. */
        @JvmStatic
        public fun generate(): Secret = typed { NativeSecret.generate() }

        private fun typed(make: () -> NativeSecret) = Secret(make).apply { native }
    }
}
