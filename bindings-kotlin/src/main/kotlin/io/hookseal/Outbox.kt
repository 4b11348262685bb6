package io.hookseal

import io.hookseal.internal.NativeOutbox
import io.hookseal.internal.Record
import io.hookseal.internal.count
import io.hookseal.internal.inSeconds
import io.hookseal.internal.native
import io.hookseal.internal.outboxStatement
import io.hookseal.internal.parsed
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.seconds

/**
 * Publishes events so that none is lost, and delivers them: what is published is in a database before [publish] returns,
 * and is attempted for every subscription that it fits until it is delivered, dead or cancelled.
 *
 * ```kotlin
 * Outbox.open("sqlite:hookseal.db", retry = RetryPolicy.NONE, delivery = DeliveryOptions(allowPrivate = true)).use { outbox ->
 *     outbox.subscriptions.create(SubscriptionOptions("http://127.0.0.1:9/in", events = listOf("order.*")))
 *     val event = outbox.publish("order.paid", mapOf("id" to 42), id = "evt_1")
 *     outbox.worker().runUntilIdle()
 *     val dead = outbox.deadLetters.list()
 *     check(!event.duplicate && dead.items.map { it.eventId } == listOf("evt_1"))
 * }
 * ```
 *
 * Cancelling a coroutine that waits ends the wait; what it asked for may have happened.
 */
public class Outbox private constructor(private val uri: String, private val native: NativeOutbox) : AutoCloseable {
    private val calls = Calls(native)

    /** Who gets which events. */
    public val subscriptions: Subscriptions = Subscriptions(calls)

    /** What became of each event. */
    public val deliveries: Deliveries = Deliveries(calls)

    /** The deliveries that were given up. */
    public val deadLetters: DeadLetters = DeadLetters(calls)

    /**
     * Accepts an event: when this returns, it is in one committed, synced transaction.
     *
     * An id that the store has already stores nothing and answers with `duplicate`; with another type or payload it is a
     * `conflict`.
     */
    public suspend fun publish(publication: Publication): Published = publish(publication, null)

    /** Accepts a payload: see [Event] for what it may be. */
    public suspend fun publish(
        type: String,
        payload: Any?,
        id: String? = null,
        metadata: Map<String, String> = emptyMap(),
        tenant: String? = null,
        idempotencyKey: String? = null,
        orderingKey: String? = null,
        deliverAt: Instant? = null,
    ): Published =
        publish(Publication(Event(type, payload, id), metadata, tenant, idempotencyKey, orderingKey, deliverAt))

    /**
     * Accepts an event for this endpoint alone, which needs no subscription. It must be made of secrets, and not of a
     * signer, since the store keeps them.
     */
    public suspend fun deliver(endpoint: Endpoint, publication: Publication): Published =
        publish(publication, endpoint.stored())

    /** Accepts a payload for this endpoint alone. */
    public suspend fun deliver(endpoint: Endpoint, type: String, payload: Any?, id: String? = null): Published =
        deliver(endpoint, Publication(Event(type, payload, id)))

    private suspend fun publish(publication: Publication, endpoint: Map<String, Any?>?): Published {
        val options = publication.record(endpoint)
        return Published(Record(parsed(waiting { native.publish(publication.event.payload, options, it) })))
    }

    /**
     * One statement, with its parameters, that publishes an event inside a transaction of your own connection: the event
     * is accepted if and only if you commit.
     *
     * For JDBC the style is [Statement.ParamStyle.QMARK]; without one it is `$1` for PostgreSQL and `?` for SQLite. Where
     * your process uses SQLite itself, take the function of [Outbox]'s companion, which opens nothing, and let workers run
     * in another process: two SQLite libraries on one file in one process undo each other's locks.
     */
    @JvmOverloads
    public fun publishStatement(publication: Publication, style: Statement.ParamStyle? = null): Statement =
        publishStatement(uri, publication, style)

    /** A worker that makes at most so many attempts at once. It does nothing before it is run. */
    @JvmOverloads
    public fun worker(concurrency: Int = 64): OutboxWorker =
        OutboxWorker(native { native.worker(count(concurrency.toLong(), "concurrency")) })

    /** Works on deliveries until the coroutine is cancelled; see [OutboxWorker.run]. */
    public suspend fun run(concurrency: Int = 64) {
        worker(concurrency).run()
    }

    /** How many events and deliveries there are. */
    public suspend fun status(): OutboxStatus = OutboxStatus(Record(calls("status")))

    /** Gives up what is too old and forgets what is long finished, as every worker does each minute. */
    public suspend fun cleanUp() {
        calls("clean_up")
    }

    /** Encrypts with the present key what a former one has encrypted; answers with how many rows. */
    public suspend fun reencrypt(): Long = calls.count("reencrypt")

    /** Lets go of the store, once what is under way has ended. A worker keeps it until it is stopped. */
    override fun close() {
        native.letGo()
    }

    public companion object {
        /**
         * Opens the store `sqlite:PATH`, `postgres://…` or `memory:`, each with an optional `?prefix=NAME` for its tables,
         * and makes the tables where they are missing.
         *
         * @param encryptionKey encrypts secrets in the store: 32 random bytes as hex or base64, the same for every program
         *   that uses it. SQLite makes the file `PATH.key` if absent; PostgreSQL needs one.
         * @param formerEncryptionKeys keys that rows may still be encrypted with.
         * @param retry when a failed delivery is attempted again, unless its subscription says otherwise.
         * @param idempotencyTtl for how long an idempotency key means the event that it was first given with.
         * @param retention for how long delivered and cancelled deliveries are kept.
         * @param deadRetention for how long dead ones are.
         * @param lease after how long the work of a lost worker is taken over.
         * @param poll how often a worker looks for work that nobody told it of.
         * @param disableAfter a subscription that has failed for so long is disabled; null for never.
         * @param delivery how workers deliver.
         */
        public suspend fun open(
            uri: String,
            encryptionKey: String? = null,
            formerEncryptionKeys: List<String> = emptyList(),
            retry: RetryPolicy = RetryPolicy.STANDARD,
            idempotencyTtl: Duration = 1.days,
            retention: Duration = 7.days,
            deadRetention: Duration = 30.days,
            lease: Duration = 60.seconds,
            poll: Duration = 1.seconds,
            disableAfter: Duration? = 5.days,
            delivery: DeliveryOptions = DeliveryOptions(),
        ): Outbox {
            val fields = mapOf(
                "encryption_key" to encryptionKey,
                "former_encryption_keys" to formerEncryptionKeys,
                "retry" to retry.options(),
                "idempotency_ttl" to idempotencyTtl.inSeconds(),
                "retention" to retention.inSeconds(),
                "dead_retention" to deadRetention.inSeconds(),
                "lease" to lease.inSeconds(),
                "poll" to poll.inSeconds(),
                "delivery" to delivery.options(),
            )
            val options = options(fields.withoutNulls() + ("disable_after" to disableAfter?.inSeconds()))
            return Outbox(uri, waiting { NativeOutbox.open(uri, options, it) })
        }

        /** [Outbox.publishStatement] for a store that this process does not open; its tables must be there. */
        @JvmStatic
        @JvmOverloads
        public fun publishStatement(
            uri: String, publication: Publication, style: Statement.ParamStyle? = null,
        ): Statement = Statement(
            native {
                outboxStatement(uri, publication.event.payload, publication.record(), style?.name?.lowercase())
            },
        )
    }
}

/**
 * How many rows of each kind there are.
 *
 * @property eventsWaiting events whose deliveries are not all made.
 * @property inFlight deliveries that a worker has taken.
 * @property durable whether what is accepted survives this process.
 */
public data class OutboxStatus(
    public val eventsWaiting: Long,
    public val pending: Long,
    public val delivered: Long,
    public val dead: Long,
    public val inFlight: Long,
    public val subscriptions: Long,
    public val durable: Boolean,
) {
    internal constructor(record: Record) : this(
        record.count("events_waiting"),
        record.count("pending"),
        record.count("delivered"),
        record.count("dead"),
        record.count("in_flight"),
        record.count("subscriptions"),
        record.flag("durable"),
    )
}

/** The core's methods, by name. */
internal class Calls(private val native: NativeOutbox) {
    suspend operator fun invoke(method: String, params: Map<String, Any?> = emptyMap()): Any? {
        val options = options(params.withoutNulls())
        return parsed(waiting { native.call(method, options, it) })
    }

    suspend operator fun invoke(method: String, id: String): Any? = invoke(method, mapOf("id" to id))

    suspend fun count(method: String, params: Map<String, Any?> = emptyMap()): Long =
        (invoke(method, params) as Double).toLong()
}
