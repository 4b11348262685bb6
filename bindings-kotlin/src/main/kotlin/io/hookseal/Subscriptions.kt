package io.hookseal

import io.hookseal.internal.Record
import io.hookseal.internal.inSeconds
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days

/**
 * A subscription to make, or to put in the place of another.
 *
 * @param events patterns of event types: `order.paid`, `order.*`, `*`.
 * @param filters metadata that an event must have, all of it.
 * @param tenant whose it is: it gets this tenant's events and no others.
 * @param description a note for people.
 * @param secrets all live secrets, newest first; where there are none, one is generated, or those that the subscription
 *   has are kept.
 * @param headers extra request headers.
 * @param basicAuth user name and password.
 * @param bearer the token.
 * @param identity for mutual TLS: one PEM text with the certificate chain and its private key.
 * @param rateLimit how many attempts it gets from all workers together.
 * @param retry its own policy.
 * @param timeout the deadline of one attempt.
 */
public class SubscriptionOptions @JvmOverloads constructor(
    private val url: String,
    private val events: List<String> = listOf("*"),
    private val filters: Map<String, String> = emptyMap(),
    private val tenant: String? = null,
    private val description: String? = null,
    private val secrets: List<String> = emptyList(),
    private val scheme: Scheme = Scheme.HOOKSEAL,
    private val headers: Map<String, String> = emptyMap(),
    private val basicAuth: Pair<String, String>? = null,
    private val bearer: String? = null,
    private val identity: String? = null,
    private val rateLimit: RateLimit? = null,
    private val retry: RetryPolicy? = null,
    private val timeout: Duration? = null,
) {
    internal fun options(): Map<String, Any?> {
        val endpoint = endpointOptions(url, headers, null, basicAuth, bearer, identity, rateLimit, retry, timeout)
        val own = mapOf("events" to events, "filters" to filters, "tenant" to tenant, "description" to description)
        return endpoint + sealing(secrets, scheme) + own.withoutNulls()
    }
}

/**
 * A subscription as the store has it, without its secrets.
 *
 * @property reason why it is disabled: `gone`, `failing`, or what [Subscriptions.disable] was given.
 */
public data class Subscription(
    public val id: String,
    public val tenant: String?,
    public val url: String,
    public val events: List<String>,
    public val filters: Map<String, String>,
    public val description: String?,
    public val status: Status,
    public val reason: String?,
    public val createdAt: Instant,
) {
    internal constructor(record: Record) : this(
        record.text("id"),
        record.textOrNull("tenant"),
        record.text("url"),
        record.list("events").map { it as String },
        record.texts("filters"),
        record.textOrNull("description"),
        Status.valueOf(record.text("status").uppercase()),
        record.textOrNull("reason"),
        record.time("created_at"),
    )

    public enum class Status {
        ENABLED,

        /** Its deliveries are made and wait. */
        PAUSED,

        /** Events are not for it. */
        DISABLED,
        ;

        /** In lower case, as in every language. */
        override fun toString(): String = name.lowercase()
    }

    /** The path of the URL is confidential. */
    override fun toString(): String = "Subscription(id=$id, events=$events, status=$status)"
}

/** Who gets which events. */
public class Subscriptions internal constructor(private val calls: Calls) {
    /** Makes a subscription, for the events that are published from now on. */
    public suspend fun create(options: SubscriptionOptions): Subscription = read(calls("subscribe", options.options()))

    /** One subscription; `not_found` where there is none. */
    public suspend fun get(id: String): Subscription = read(calls("subscription", id))

    /** The tenant's, or those without one, oldest first; at most 1,000, after the one with the id `after`. */
    public suspend fun list(tenant: String? = null, after: String? = null): List<Subscription> =
        (calls("subscriptions", mapOf("tenant" to tenant, "after" to after)) as List<*>).map(::read)

    /** Puts these options in the place of all that it had; without secrets it keeps its own. */
    public suspend fun update(id: String, options: SubscriptionOptions): Subscription =
        read(calls("update_subscription", mapOf("id" to id, "options" to options.options())))

    /** Deletes it; its unfinished deliveries are cancelled. */
    public suspend fun delete(id: String) {
        calls("unsubscribe", id)
    }

    /** Lets its deliveries wait until [resume]. */
    public suspend fun pause(id: String): Subscription = read(calls("pause", id))

    /** Goes on; the events of a time in which it was disabled are not made up for. */
    public suspend fun resume(id: String): Subscription = read(calls("resume", id))

    /** Stops it: events from now on are not for it. */
    public suspend fun disable(id: String, reason: String): Subscription =
        read(calls("disable", mapOf("id" to id, "reason" to reason)))

    /**
     * Puts a new secret first, generated if absent, and lets the others sign too for `overlap`, so that the receiver can
     * change over. Answers with the new one.
     */
    public suspend fun rotateSecret(id: String, secret: String? = null, overlap: Duration = 1.days): Secret =
        Secret(calls("rotate_secret", mapOf("id" to id, "secret" to secret, "overlap" to overlap.inSeconds())) as String)

    /** Its live secrets, newest first, to hand to the receiver. */
    public suspend fun secrets(id: String): List<Secret> = (calls("secrets", id) as List<*>).map { Secret(it as String) }

    /** Publishes `hookseal.test`, with an empty object, to this subscription alone. */
    public suspend fun sendTest(id: String): Published = Published(Record(calls("send_test", id)))

    private fun read(answer: Any?) = Subscription(Record(answer))
}
