package io.hookseal

import io.hookseal.internal.NativeParam
import io.hookseal.internal.NativeStatement
import io.hookseal.internal.Record
import io.hookseal.internal.wellFormed
import java.time.Instant

/**
 * An event with what an outbox needs to know of it.
 *
 * ```kotlin
 * val order = Publication(Event("order.paid", mapOf("id" to 42)), metadata = mapOf("region" to "eu"), orderingKey = "order-42")
 * check(order.event.type == "order.paid" && order.tenant == null)
 * ```
 *
 * @property metadata what the filters of subscriptions are compared with.
 * @property tenant whose event it is: only this tenant's subscriptions get it.
 * @property idempotencyKey a second event with this key is the first one, for as long as the outbox remembers keys.
 * @property orderingKey each subscription gets the events of one key in order: the next when the one before is
 *   delivered or dead.
 * @property deliverAt it is delivered no earlier than this, to the second.
 */
public class Publication @JvmOverloads constructor(
    public val event: Event,
    public val metadata: Map<String, String> = emptyMap(),
    public val tenant: String? = null,
    public val idempotencyKey: String? = null,
    public val orderingKey: String? = null,
    public val deliverAt: Instant? = null,
) {
    /** All but the payload; with an endpoint, a delivery to there. */
    internal fun record(endpoint: Map<String, Any?>? = null): String = options(
        mapOf(
            "event_type" to event.type.wellFormed(),
            "id" to event.id?.wellFormed(),
            "content_type" to event.contentType.wellFormed(),
            "traceparent" to event.traceparent?.wellFormed(),
            "metadata" to metadata,
            "tenant" to tenant,
            "idempotency_key" to idempotencyKey,
            "ordering_key" to orderingKey,
            "deliver_at" to deliverAt?.epochSecond,
            "endpoint" to endpoint,
        ).withoutNulls(),
    )
}

/**
 * An event that the store has.
 *
 * @property id the event's id.
 * @property duplicate whether the store had it before.
 */
public data class Published(public val id: String, public val duplicate: Boolean) {
    internal constructor(record: Record) : this(record.text("id"), record.flag("duplicate"))
}

/**
 * A statement for your own connection to the database.
 *
 * @property params in order, each a `String`, a `Long`, a `ByteArray` or null; in the style [ParamStyle.NAMED] the first
 *   is `:p1`, the second `:p2`.
 */
public class Statement internal constructor(native: NativeStatement) {
    public val sql: String = native.sql
    public val params: List<Any?> = native.params.map {
        when (it) {
            is NativeParam.Null -> null
            is NativeParam.Integer -> it.value
            is NativeParam.Text -> it.value
            is NativeParam.Blob -> it.value
        }
    }

    /** How a driver writes parameters. */
    public enum class ParamStyle {
        /** `?`, as JDBC takes them. */
        QMARK,

        /** `$1` */
        NUMERIC,

        /** `%s` */
        FORMAT,

        /** `:p1` */
        NAMED,
    }
}
