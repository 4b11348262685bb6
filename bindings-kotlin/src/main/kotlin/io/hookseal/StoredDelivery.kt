package io.hookseal

import io.hookseal.internal.NativeAttempt
import io.hookseal.internal.NativeHeader
import io.hookseal.internal.Record
import io.hookseal.internal.inSeconds
import java.time.Instant
import kotlin.time.Duration
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow

/**
 * A delivery as the store has it.
 *
 * @property id the same at every attempt, and in the header `X-Webhook-Id`.
 * @property subscription the subscription's id, where it has one.
 * @property reason why it is dead.
 * @property attempts how many are on record.
 * @property dueAt when it is attempted next; for one that a worker has taken, when its lease ends.
 */
public data class StoredDelivery(
    public val id: String,
    public val eventId: String,
    public val eventType: String,
    public val subscription: String?,
    public val status: Delivery.Status,
    public val reason: Delivery.Reason?,
    public val attempts: Int,
    public val dueAt: Instant,
    public val acceptedAt: Instant,
    public val finishedAt: Instant?,
) {
    internal constructor(record: Record) : this(
        record.text("id"),
        record.text("event_id"),
        record.text("event_type"),
        record.textOrNull("subscription"),
        Delivery.Status.valueOf(record.text("status").uppercase()),
        record.textOrNull("reason")?.let(Delivery.Reason::of),
        record.count("attempts").toInt(),
        record.time("due_at"),
        record.time("accepted_at"),
        record.timeOrNull("finished_at"),
    )
}

/**
 * Which deliveries are meant: those that fit all that it says.
 *
 * @property eventType a pattern: `order.paid`, `order.*`, `*`.
 * @property subscription the subscription's id.
 * @property since accepted then or later, to the second.
 * @property until accepted before.
 */
public data class DeliveryFilter @JvmOverloads constructor(
    public val status: Delivery.Status? = null,
    public val eventType: String? = null,
    public val subscription: String? = null,
    public val eventId: String? = null,
    public val tenant: String? = null,
    public val since: Instant? = null,
    public val until: Instant? = null,
) {
    internal fun options() = mapOf(
        "status" to status?.toString(),
        "event_type" to eventType,
        "subscription" to subscription,
        "event_id" to eventId,
        "tenant" to tenant,
        "since" to since?.epochSecond,
        "until" to until?.epochSecond,
    ).withoutNulls()
}

/**
 * A part of a list.
 *
 * @property cursor what to ask for the next part with; none at the end.
 */
public data class Page<T>(public val items: List<T>, public val cursor: String?)

/** What became of each event. */
public class Deliveries internal constructor(private val calls: Calls) {
    /** Newest first, at most `limit` (1 to 1,000); the page's cursor asks for more. */
    public suspend fun list(
        filter: DeliveryFilter = DeliveryFilter(), limit: Int = 100, cursor: String? = null,
    ): Page<StoredDelivery> {
        val page = Record(calls("deliveries", mapOf("filter" to filter.options(), "limit" to limit, "cursor" to cursor)))
        return Page(page.list("items").map(::read), page.textOrNull("cursor"))
    }

    /**
     * All, newest first, asked for as they are collected.
     *
     * ```kotlin
     * Outbox.open("memory:").use { outbox ->
     *     outbox.deliveries.all(DeliveryFilter(Delivery.Status.DEAD)).collect { println("${it.id} ${it.reason}") }
     * }
     * ```
     */
    public fun all(filter: DeliveryFilter = DeliveryFilter()): Flow<StoredDelivery> = flow {
        var cursor: String? = null
        do {
            val page = list(filter, limit = 1000, cursor)
            page.items.forEach { emit(it) }
            cursor = page.cursor
        } while (cursor != null)
    }

    /** One delivery; `not_found` where there is none. */
    public suspend fun get(id: String): StoredDelivery = read(calls("delivery", id))

    /** Its attempts, oldest first. In what the receiver answered, bytes that are no UTF-8 are replaced. */
    public suspend fun attempts(id: String): List<Attempt> =
        (calls("attempts", id) as List<*>).map { Attempt(attempt(Record(it))) }

    /** Attempts a finished delivery again, now and with a fresh schedule. */
    public suspend fun retry(id: String): StoredDelivery = read(calls("retry", id))

    /** Gives an unfinished delivery up. An attempt that is under way may still arrive. */
    public suspend fun cancel(id: String): StoredDelivery = read(calls("cancel", id))

    private fun read(answer: Any?) = StoredDelivery(Record(answer))

    private fun attempt(record: Record) = NativeAttempt(
        record.count("number").toUInt(),
        record.count("started_at"),
        record.text("outcome") == "succeeded",
        record.textOrNull("error"),
        record.optional("status_code") { (it as Double).toInt().toUShort() },
        record.text("phase"),
        record.number("duration"),
        record.optional("retry_after") { it as Double },
        record.list("response_headers").map { (it as List<*>).let { (name, value) -> NativeHeader(name as String, value as String) } },
        record.text("response_body").toByteArray(),
    )
}

/** The deliveries that were given up. A filter's status means nothing here. */
public class DeadLetters internal constructor(private val calls: Calls) {
    private val deliveries = Deliveries(calls)

    /** Newest first, at most `limit` (1 to 1,000); the page's cursor asks for more. */
    public suspend fun list(
        filter: DeliveryFilter = DeliveryFilter(), limit: Int = 100, cursor: String? = null,
    ): Page<StoredDelivery> = deliveries.list(filter.dead(), limit, cursor)

    /** All, newest first, asked for as they are collected. */
    public fun all(filter: DeliveryFilter = DeliveryFilter()): Flow<StoredDelivery> = deliveries.all(filter.dead())

    /** Attempts those that the filter means again; answers with how many. A dry run only counts. */
    public suspend fun retry(filter: DeliveryFilter = DeliveryFilter(), dryRun: Boolean = false): Long =
        calls.count("retry_dead", mapOf("filter" to filter.options(), "dry_run" to dryRun))

    /** Deletes those that were given up so long ago; answers with how many. */
    public suspend fun purge(olderThan: Duration): Long =
        calls.count("purge_dead", mapOf("older_than" to olderThan.inSeconds()))

    private fun DeliveryFilter.dead() = copy(status = Delivery.Status.DEAD)
}
