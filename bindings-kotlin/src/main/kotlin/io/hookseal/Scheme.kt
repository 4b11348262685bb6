package io.hookseal

import io.hookseal.internal.NativeScheme
import io.hookseal.internal.native
import io.hookseal.internal.schemeNames

/**
 * How a provider signs: which headers, what is signed, with which algorithms.
 *
 * A scheme is data. The constants are the built-in ones; a scheme of your own is a JSON document:
 *
 * ```kotlin
 * val acme = Scheme.fromJson("""
 *     { "name": "acme",
 *       "signature": { "header": "X-Acme-Signature", "grammar": "pairs" },
 *       "timestamp": { "element": "t", "unit": "seconds" },
 *       "content": "{timestamp}.{body}",
 *       "versions": [{ "label": "v1", "algorithm": "hmac-sha512", "encoding": "base64" }],
 *       "key": "utf8" }
 * """)
 * val headers = Signer("a shared secret", scheme = acme).sign("{}".toByteArray())
 * Verifier("a shared secret", scheme = acme).verify("{}".toByteArray(), headers)
 * ```
 */
public class Scheme private constructor(private val refusal: String, private val make: () -> NativeScheme) {
    internal val native: NativeScheme by lazy { native(refusal) { make() } }

    public val name: String get() = native.name()

    /** One sentence about it. */
    public val summary: String get() = native.summary()

    /** The page that it was taken from. */
    public val source: String get() = native.source()

    override fun toString(): String = "Scheme($name)"

    public companion object {
        /** The built-in scheme of that name; `unknown_scheme` if there is none. */
        @JvmStatic
        public fun named(name: String): Scheme = builtIn(name).apply { native }

        /** A scheme from a JSON document; `invalid_scheme` names the field to correct. */
        @JvmStatic
        public fun fromJson(document: String): Scheme =
            Scheme(ErrorCode.INVALID_SCHEME) { NativeScheme.fromJson(document) }.apply { native }

        /** The names of the built-in schemes, sorted. */
        @JvmStatic
        public fun names(): List<String> = native { schemeNames() }

        private fun builtIn(name: String) = Scheme(ErrorCode.UNKNOWN_SCHEME) { NativeScheme.named(name) }

        /** The default. */
        @JvmField
        public val HOOKSEAL: Scheme = builtIn("hookseal")

        @JvmField
        public val CONVOY: Scheme = builtIn("convoy")

        @JvmField
        public val CONVOY_SIMPLE: Scheme = builtIn("convoy-simple")

        @JvmField
        public val DISCORD: Scheme = builtIn("discord")

        @JvmField
        public val GITHUB: Scheme = builtIn("github")

        @JvmField
        public val GITLAB: Scheme = builtIn("gitlab")

        @JvmField
        public val GO_HOOKD: Scheme = builtIn("go-hookd")

        @JvmField
        public val INTERCOM: Scheme = builtIn("intercom")

        @JvmField
        public val LINEAR: Scheme = builtIn("linear")

        @JvmField
        public val LINK: Scheme = builtIn("link")

        @JvmField
        public val OUTPOST: Scheme = builtIn("outpost")

        @JvmField
        public val PADDLE: Scheme = builtIn("paddle")

        @JvmField
        public val PAGERDUTY: Scheme = builtIn("pagerduty")

        @JvmField
        public val RUSTANGO: Scheme = builtIn("rustango")

        @JvmField
        public val RUSTANGO_BASE64: Scheme = builtIn("rustango-base64")

        @JvmField
        public val RUSTANGO_HEX: Scheme = builtIn("rustango-hex")

        @JvmField
        public val SHOPIFY: Scheme = builtIn("shopify")

        @JvmField
        public val SLACK: Scheme = builtIn("slack")

        @JvmField
        public val SQUARE: Scheme = builtIn("square")

        @JvmField
        public val STANDARD_WEBHOOKS: Scheme = builtIn("standard-webhooks")

        @JvmField
        public val STRIPE: Scheme = builtIn("stripe")

        @JvmField
        public val SVIX: Scheme = builtIn("svix")

        @JvmField
        public val TOGO: Scheme = builtIn("togo")

        @JvmField
        public val TWILIO: Scheme = builtIn("twilio")

        @JvmField
        public val WORKOS: Scheme = builtIn("workos")

        @JvmField
        public val ZENDESK: Scheme = builtIn("zendesk")

        @JvmField
        public val ZOOM: Scheme = builtIn("zoom")
    }
}
