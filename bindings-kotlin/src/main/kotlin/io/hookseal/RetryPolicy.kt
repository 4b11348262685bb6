package io.hookseal

import io.hookseal.internal.inSeconds
import io.hookseal.internal.native
import io.hookseal.internal.retryPlan
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.seconds

/**
 * How often, how long and after which failures a delivery is attempted again.
 *
 * What is absent has its default: 1 s, 2, 60 s, 5 attempts within 10 minutes, ±20 %, transient failures.
 *
 * ```kotlin
 * val patient = RetryPolicy(initial = 2.seconds, maxAttempts = 8, maxAge = 1.hours)
 * val fixed = RetryPolicy.schedule(listOf(5.seconds, 5.minutes))            // three attempts
 * check(patient.maxAttempts == 8 && fixed.maxAttempts == null)
 * ```
 *
 * @property initial the delay after the first failure.
 * @property factor by how much each delay exceeds the one before.
 * @property max the longest delay, before jitter.
 * @property schedule the delays, in place of the three above.
 * @property maxAttempts the number of attempts, the first one included.
 * @property maxAge how long after its acceptance a delivery may still be attempted.
 */
public data class RetryPolicy @JvmOverloads constructor(
    public val maxAttempts: Int? = null,
    public val retryOn: RetryOn? = null,
    public val jitter: Jitter? = null,
    public val initial: Duration? = null,
    public val factor: Double? = null,
    public val max: Duration? = null,
    public val maxAge: Duration? = null,
    public val schedule: List<Duration>? = null,
) {
    /** How far a delay is moved at random, so that deliveries that failed together do not return together. */
    public sealed class Jitter {
        public object None : Jitter()

        /** By up to this share of the delay, either way. */
        public data class Spread(public val share: Double) : Jitter()

        /** To anywhere between zero and the delay. */
        public object Full : Jitter()

        internal fun option(): Any = when (this) {
            None -> "none"
            Full -> "full"
            is Spread -> share
        }
    }

    /** Which failures are worth another attempt. */
    public enum class RetryOn {
        /** Those that pass by themselves: transport errors, 408, 425, 429 and 5xx. */
        TRANSIENT,

        /** All but 410 and 413. */
        ANY_FAILURE,
    }

    /**
     * What a policy does through an outage.
     *
     * @property attempts the moments of the attempts, counted from the acceptance.
     * @property reason why the delivery died; null when the last attempt delivered it.
     */
    public data class Plan(public val attempts: List<Duration>, public val reason: Delivery.Reason?)

    /**
     * Acts out the policy against an endpoint that answers 503 until `outage` has passed, and 200 from then on.
     *
     * ```kotlin
     * val plan = RetryPolicy(jitter = RetryPolicy.Jitter.None).plan(outage = 5.seconds)
     * check(plan.attempts == listOf(0, 1, 3, 7).map { it.seconds } && plan.reason == null)
     * ```
     */
    public fun plan(outage: Duration, seed: Long = 0): Plan {
        val plan = native { retryPlan(options(options()), outage.inSeconds(), seed.toULong()) }
        return Plan(plan.attempts.map { it.seconds }, plan.reason?.let(Delivery.Reason::of))
    }

    internal fun options(): Map<String, Any?> = mapOf(
        "initial" to initial?.inSeconds(),
        "factor" to factor,
        "max" to max?.inSeconds(),
        "schedule" to schedule?.map { it.inSeconds() },
        "max_attempts" to maxAttempts,
        "max_age" to maxAge?.inSeconds(),
        "jitter" to jitter?.option(),
        "retry_on" to retryOn?.name?.lowercase(),
    ).withoutNulls()

    public companion object {
        /** These delays, each counted from the failure before it; one attempt more than delays. */
        public fun schedule(delays: List<Duration>): RetryPolicy = RetryPolicy(schedule = delays)

        /** One attempt. */
        @JvmField
        public val NONE: RetryPolicy = RetryPolicy(maxAttempts = 1)

        /** Ten attempts over three days, after any failure. */
        @JvmField
        public val STANDARD: RetryPolicy = RetryPolicy(
            schedule = listOf(5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400).map { it.seconds },
            maxAge = 4.days,
            retryOn = RetryOn.ANY_FAILURE,
        )
    }
}
