package io.hookseal

import io.hookseal.internal.NativeHandle
import io.hookseal.internal.NativeItem
import io.hookseal.internal.NativeSender
import io.hookseal.internal.inSeconds
import io.hookseal.internal.native
import java.util.concurrent.CompletableFuture
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.future.future
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext

/**
 * Delivers events to endpoints: signed, retried, and without one endpoint holding up another.
 *
 * ```kotlin
 * Sender(retry = RetryPolicy(maxAttempts = 1)).use { sender ->
 *     val endpoint = Endpoint("http://127.0.0.1:9/in", "whsec_demo")
 *     try {
 *         val delivery = sender.send(endpoint, "order.paid", mapOf("id" to 42))
 *         println("${delivery.status} after ${delivery.attempts.size}")
 *     } catch (refused: SendException) {
 *         check(refused.code == ErrorCode.BLOCKED_ADDRESS)          // loopback needs allowPrivate = true
 *     }
 * }
 * ```
 *
 * A delivery that fails after attempts is no exception: its [Delivery.status] says so. Cancelling the coroutine that
 * waits ends the wait, not the delivery; [DeliveryHandle.cancel] ends the delivery. A sender that is not closed does not
 * keep the JVM from exiting, and what is left in it is lost then.
 */
public class Sender
/**
 * A sender; it connects to nothing before it is given something to send.
 *
 * @param retry when a failed delivery is attempted again, unless its endpoint says otherwise.
 * @param allowPrivate opens private and loopback addresses, local names and every port: for development.
 * @param allowSubnets opens these subnets.
 * @param allowPorts opens these ports beside 80, 443 and those from 1024 on.
 * @param httpsOnly refuses `http`.
 * @param maxInFlight how many attempts may be in flight.
 * @param maxQueued how many unfinished deliveries are held; one endpoint may have a quarter of them.
 * @param maxQueuedBytes how many bytes their payloads may hold.
 * @param rateLimit how many attempts per second an endpoint gets, unless it says otherwise.
 * @param breaker when an endpoint that keeps failing is left alone; null for never.
 * @param proxy the URL of an HTTP proxy: `http://[user:password@]host:port`.
 * @param extraRoots root certificates beside the system's, as PEM texts.
 * @param identity a client certificate's chain and its private key, as one PEM text, for every endpoint.
 * @param userAgent `hookseal/<version>` if absent.
 * @param http2 offers HTTP/2 on https.
 * @param headerPrefix begins the names of the courier's own headers, in place of `X-Webhook-`.
 * @param headerNames the courier's own headers by name; wins over the prefix.
 * @param timeout the deadline of one attempt, at most 60 s.
 * @param connectTimeout how long a lookup, TCP and TLS may take together.
 */
@JvmOverloads
constructor(
    retry: RetryPolicy = RetryPolicy(),
    allowPrivate: Boolean = false,
    allowSubnets: List<String> = emptyList(),
    allowPorts: List<Int> = emptyList(),
    httpsOnly: Boolean = false,
    maxInFlight: Int = 256,
    maxInFlightPerEndpoint: Int = 8,
    maxQueued: Int = 100_000,
    maxQueuedBytes: Long = 64L * 1024 * 1024,
    rateLimit: RateLimit? = null,
    breaker: Breaker? = Breaker(),
    proxy: String? = null,
    extraRoots: List<String> = emptyList(),
    identity: String? = null,
    userAgent: String? = null,
    http2: Boolean = false,
    headerPrefix: String? = null,
    headerNames: HeaderNames? = null,
    timeout: Duration = 15.seconds,
    connectTimeout: Duration = 5.seconds,
) : AutoCloseable {
    private val native: NativeSender = native {
        val delivery = DeliveryOptions(
            allowPrivate, allowSubnets, allowPorts, httpsOnly, maxInFlightPerEndpoint, rateLimit, breaker, proxy,
            extraRoots, identity, userAgent, http2, headerPrefix, headerNames, timeout, connectTimeout,
        )
        val fields = mapOf(
            "retry" to retry.options(),
            "max_in_flight" to maxInFlight,
            "max_queued" to maxQueued,
            "max_queued_bytes" to maxQueuedBytes,
        )
        NativeSender(options(delivery.options() + fields))
    }

    private val closed = Job()

    /**
     * Delivers an event and waits for the end: delivered, dead or cancelled. Waits for room where the queue is full.
     *
     * Throws a [WebhookException] for what is refused before queueing.
     */
    public suspend fun send(endpoint: Endpoint, event: Event): Delivery =
        Delivery(waiting { native.send(endpoint.native, event.native(), it) })

    /** Delivers a payload: see [Event] for what it may be. */
    public suspend fun send(
        endpoint: Endpoint, type: String, payload: Any?, id: String? = null, traceparent: String? = null,
    ): Delivery = send(endpoint, Event(type, payload, id, traceparent = traceparent))

    /** [send] for Java. Cancelling the future ends the wait, not the delivery. */
    public fun sendAsync(endpoint: Endpoint, event: Event): CompletableFuture<Delivery> =
        waits.future { send(endpoint, event) }

    /**
     * Delivers many events in one call and waits for the end of all; the answers are in the order of the items.
     *
     * All are checked before any is sent; the exception's message names the item.
     */
    public suspend fun sendMany(items: List<Pair<Endpoint, Event>>): List<Delivery> {
        val natives = items.map { (endpoint, event) -> NativeItem(endpoint.native, event.native()) }
        return waiting { native.sendMany(natives, it) }.map(::Delivery)
    }

    /** Accepts an event for delivery and returns at once; `queue_full` when there is no room. */
    public fun enqueue(endpoint: Endpoint, event: Event): DeliveryHandle =
        DeliveryHandle(native { native.enqueue(endpoint.native, event.native()) })

    /** Accepts a payload for delivery and returns at once. */
    @JvmOverloads
    public fun enqueue(
        endpoint: Endpoint, type: String, payload: Any?, id: String? = null, traceparent: String? = null,
    ): DeliveryHandle = enqueue(endpoint, Event(type, payload, id, traceparent = traceparent))

    /** Waits until nothing is left to deliver; false when that takes longer than the timeout. */
    public suspend fun flush(timeout: Duration? = null): Boolean = waiting { native.flush(timeout?.inSeconds(), it) }

    /**
     * Stops: takes and starts nothing more, gives the attempts in flight this long to end, and returns every delivery
     * that is not finished. It runs to its end in a cancelled coroutine too.
     */
    public suspend fun close(grace: Duration): List<Delivery> = withContext(NonCancellable) {
        waiting { native.close(grace.coerceAtLeast(Duration.ZERO).inSeconds(), it) }.map(::Delivery)
            .also { closed.complete() }
    }

    /** Stops with a grace of 30 seconds, and blocks until it has. */
    override fun close() {
        runBlocking { close(30.seconds) }
    }

    /** How many accepted deliveries are not finished. */
    public val unfinished: Long get() = native.unfinished().toLong()

    /**
     * What happens in the sender from the moment of collection on, until it is closed. The sender never waits for a slow
     * collector, who loses the oldest beyond 1,024.
     *
     * ```kotlin
     * Sender().use { sender ->
     *     val log = launch { sender.events.collect { println("${it.kind} ${it.endpoint}") } }
     *     log.cancel()
     * }
     * ```
     */
    public val events: Flow<Notice> = flow {
        native.subscribe().use { notices ->
            while (true) emit(Notice(waiting(closed) { notices.next(it) } ?: break))
        }
    }
}

/**
 * An accepted delivery. Dropping it changes nothing for the delivery.
 *
 * ```kotlin
 * Sender(retry = RetryPolicy.NONE, allowPrivate = true).use { sender ->
 *     val handle = sender.enqueue(Endpoint("http://127.0.0.1:9/in", "whsec_demo"), "order.paid", mapOf("id" to 42))
 *     val delivery = handle.result()
 *     check(delivery.status == Delivery.Status.DEAD)
 *     check(delivery.attempts.last().error == ErrorCode.CONNECTION_REFUSED)
 * }
 * ```
 */
public class DeliveryHandle internal constructor(private val native: NativeHandle) {
    public val id: String = native.id()

    /** How it stands now. */
    public val delivery: Delivery get() = Delivery(native.delivery())

    /** Waits for the end: delivered, dead or cancelled, or pending where [Sender.close] handed it back. */
    public suspend fun result(): Delivery = Delivery(waiting { native.result(it) })

    /** [result] for Java. */
    public fun resultAsync(): CompletableFuture<Delivery> = waits.future { result() }

    /**
     * Makes no further attempt. One that is in flight is finished and recorded, and may still deliver.
     *
     * False when the delivery was finished already.
     */
    public fun cancel(): Boolean = native.cancel()
}

/** Where Java's futures wait: on threads that do not keep the JVM from exiting. */
private val waits = CoroutineScope(Dispatchers.Default)
