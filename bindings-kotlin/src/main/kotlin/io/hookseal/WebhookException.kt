package io.hookseal

/**
 * The one exception of this package: a stable [code], and a message for people.
 *
 * ```kotlin
 * try {
 *     Verifier("whsec_demo").verify("{}".toByteArray(), mapOf("Accept" to "*" + "/" + "*"))
 * } catch (refused: VerificationException) {
 *     check(refused.code == ErrorCode.MISSING_HEADER && !refused.retryable)
 * }
 * ```
 *
 * A delivery that fails after attempts is not an exception: it is a [Delivery] whose status says so.
 *
 * @property code the stable name, the same in every language; one of [ErrorCode].
 * @property message what happened and what to do about it; never holds key material, and may change.
 * @property retryable whether the same call may succeed later.
 */
public open class WebhookException internal constructor(
    public val code: String,
    override val message: String,
    public val retryable: Boolean,
    cause: Throwable? = null,
) : RuntimeException(message, cause) {
    override fun toString(): String = "${javaClass.name}: $code: $message"
}

/** A received webhook was refused. */
public class VerificationException internal constructor(code: String, message: String, retryable: Boolean) :
    WebhookException(code, message, retryable)

/** A constructor or an option was given something that cannot work. */
public class ConfigException internal constructor(code: String, message: String, retryable: Boolean = false) :
    WebhookException(code, message, retryable)

/** Refused before any attempt was made. */
public class SendException internal constructor(code: String, message: String, retryable: Boolean = false) :
    WebhookException(code, message, retryable)

/** A store, or the replay guard. */
public class StoreException internal constructor(code: String, message: String, retryable: Boolean) :
    WebhookException(code, message, retryable)
