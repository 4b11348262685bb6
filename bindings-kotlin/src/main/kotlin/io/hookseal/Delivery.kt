package io.hookseal

import io.hookseal.internal.NativeAttempt
import io.hookseal.internal.NativeDelivery
import io.hookseal.internal.NativeNotice
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * What became of an event, and every attempt that was made.
 *
 * @property id the same at every attempt, and in the header `X-Webhook-Id`.
 * @property endpoint the endpoint's id.
 * @property reason why it was given up.
 * @property attempts oldest first.
 */
public data class Delivery(
    public val id: String,
    public val eventType: String,
    public val endpoint: String,
    public val status: Status,
    public val reason: Reason?,
    public val attempts: List<Attempt>,
) {
    internal constructor(native: NativeDelivery) : this(
        native.id,
        native.eventType,
        native.endpoint,
        Status.valueOf(native.status.uppercase()),
        native.reason?.let(Reason::of),
        native.attempts.map(::Attempt),
    )

    public enum class Status {
        /** Not finished. */
        PENDING,

        /** The receiver took it. */
        DELIVERED,

        /** It was given up. */
        DEAD,
        CANCELLED,
        ;

        /** In lower case, as in every language. */
        override fun toString(): String = name.lowercase()
    }

    /** Why a delivery was given up. */
    public enum class Reason {
        ATTEMPTS_EXHAUSTED,
        MAX_AGE,

        /** The receiver answered 410: send it nothing more. */
        GONE,

        /** The receiver answered 413. */
        PAYLOAD_REJECTED,
        REJECTED,
        BLOCKED_ADDRESS,
        INTERNAL,
        ;

        /** In lower case, as in every language. */
        override fun toString(): String = name.lowercase()

        internal companion object {
            fun of(text: String): Reason = entries.find { it.toString() == text } ?: INTERNAL
        }
    }
}

/**
 * The record of one attempt.
 *
 * @property number counted from 1.
 * @property startedAt when it was signed, to the second.
 * @property error what went wrong: one of [ErrorCode].
 * @property statusCode of the answer, if its head came.
 * @property retryAfter how long the receiver asked to wait, in a way that counts.
 * @property responseHeaders as they came: a name can occur twice.
 * @property responseBody the first 16 KiB, not decompressed.
 */
public class Attempt internal constructor(native: NativeAttempt) {
    public val number: Int = native.number.toInt()
    public val startedAt: Instant = Instant.ofEpochSecond(native.startedAt)
    public val succeeded: Boolean = native.succeeded
    public val error: String? = native.error
    public val statusCode: Int? = native.statusCode?.toInt()
    public val phase: Phase = Phase.valueOf(native.phase.uppercase())
    public val duration: Duration = native.duration.seconds
    public val retryAfter: Duration? = native.retryAfter?.seconds
    public val responseHeaders: List<Pair<String, String>> = native.responseHeaders.map { it.name to it.value }
    public val responseBody: ByteArray = native.responseBody

    /** How far an attempt came. */
    public enum class Phase {
        RESOLVE,

        /** TCP and TLS. */
        CONNECT,
        EXCHANGE,
        BODY,
        ;

        /** In lower case, as in every language. */
        override fun toString(): String = name.lowercase()
    }

    override fun toString(): String =
        "Attempt(number=$number, statusCode=$statusCode, error=$error, phase=$phase, duration=$duration)"
}

/**
 * Something that happened in a sender.
 *
 * @property kind its stable name: `delivery.queued`, `delivery.attempt`, `delivery.succeeded`, `delivery.retrying`,
 *   `delivery.dead`, `endpoint.disabled`, `circuit.opened`, `circuit.half_open` or `circuit.closed`.
 * @property endpoint the endpoint's id.
 * @property delivery the delivery's id, if it is about one.
 * @property attempt the attempt that was made.
 * @property retryIn how long until the next attempt.
 */
public class Notice internal constructor(native: NativeNotice) {
    public val kind: String = native.kind
    public val endpoint: String = native.endpoint
    public val delivery: String? = native.delivery
    public val eventType: String? = native.eventType
    public val attempt: Attempt? = native.attempt?.let(::Attempt)
    public val retryIn: Duration? = native.retryIn?.seconds
    public val reason: Delivery.Reason? = native.reason?.let(Delivery.Reason::of)

    override fun toString(): String = "Notice(kind=$kind, endpoint=$endpoint, delivery=$delivery)"
}
