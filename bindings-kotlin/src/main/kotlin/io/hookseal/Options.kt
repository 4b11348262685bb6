package io.hookseal

import io.hookseal.internal.inSeconds
import io.hookseal.internal.invalidConfig
import io.hookseal.internal.json
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * How many attempts an endpoint takes per second.
 *
 * @property burst how many may follow each other at once.
 */
public data class RateLimit @JvmOverloads constructor(public val perSecond: Double, public val burst: Int = 1) {
    internal fun options() = mapOf("per_second" to perSecond, "burst" to burst)
}

/**
 * When an endpoint that keeps failing is left alone.
 *
 * @property failures so many failures in a row (of transport, 408, 429, 5xx) open the circuit.
 * @property openFor for so long nothing is attempted.
 * @property successes then one attempt at a time goes through, and so many successes close it.
 */
public data class Breaker(
    public val failures: Int = 5,
    public val openFor: Duration = 60.seconds,
    public val successes: Int = 3,
) {
    internal fun options() =
        mapOf("failures" to failures, "open_for" to openFor.inSeconds(), "successes" to successes)
}

/**
 * What the courier's own request headers are called; what is absent keeps its name.
 *
 * @property id `X-Webhook-Id` if absent.
 */
public data class HeaderNames @JvmOverloads constructor(
    public val id: String? = null,
    public val event: String? = null,
    public val timestamp: String? = null,
    public val attempt: String? = null,
) {
    internal fun options() =
        mapOf("id" to id, "event" to event, "timestamp" to timestamp, "attempt" to attempt).withoutNulls()
}

/** How attempts are made, by the workers of an outbox as by a sender; [Sender] says what each option means. */
public class DeliveryOptions @JvmOverloads constructor(
    private val allowPrivate: Boolean = false,
    private val allowSubnets: List<String> = emptyList(),
    private val allowPorts: List<Int> = emptyList(),
    private val httpsOnly: Boolean = false,
    private val maxInFlightPerEndpoint: Int = 8,
    private val rateLimit: RateLimit? = null,
    private val breaker: Breaker? = Breaker(),
    private val proxy: String? = null,
    private val extraRoots: List<String> = emptyList(),
    private val identity: String? = null,
    private val userAgent: String? = null,
    private val http2: Boolean = false,
    private val headerPrefix: String? = null,
    private val headerNames: HeaderNames? = null,
    private val timeout: Duration = 15.seconds,
    private val connectTimeout: Duration = 5.seconds,
) {
    internal fun options(): Map<String, Any?> = mapOf(
        "allow_private" to allowPrivate,
        "allow_subnets" to allowSubnets,
        "allow_ports" to allowPorts,
        "https_only" to httpsOnly,
        "max_in_flight_per_endpoint" to maxInFlightPerEndpoint,
        "rate_limit" to rateLimit?.options(),
        "proxy" to proxy,
        "extra_roots" to extraRoots,
        "identity" to identity,
        "user_agent" to userAgent,
        "http2" to http2,
        "header_prefix" to headerPrefix,
        "header_names" to headerNames?.options(),
        "timeout" to timeout.inSeconds(),
        "connect_timeout" to connectTimeout.inSeconds(),
    ).withoutNulls() + ("breaker" to breaker?.options())
}

/** Options as they cross to the core, which judges them: JSON in snake_case, times in seconds. */
internal fun options(fields: Map<String, Any?>): String = json(fields) { throw invalidConfig(it) }

internal fun Map<String, Any?>.withoutNulls(): Map<String, Any?> = filterValues { it != null }
