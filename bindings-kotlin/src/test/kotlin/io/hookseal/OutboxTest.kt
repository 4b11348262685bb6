package io.hookseal

import com.google.gson.Gson
import java.nio.file.Path
import java.time.Instant
import java.util.HexFormat
import java.util.UUID
import java.util.concurrent.TimeUnit
import kotlin.math.abs
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource

/** The outbox on SQLite, and on PostgreSQL where there is one. */
@Timeout(60)
class OutboxTest {
    @TempDir
    lateinit var folder: Path

    enum class Store { SQLITE, POSTGRESQL }

    private val run = UUID.randomUUID().toString()
    private val secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    private val key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
    private val file get() = folder.resolve("outbox.db").toString()

    private fun url(scenario: String = "first-200") = Receiver.url(scenario, run)

    private fun uri(store: Store) = when (store) {
        Store.SQLITE -> "sqlite:$file"
        Store.POSTGRESQL -> {
            val server = System.getenv("HOOKSEAL_TEST_POSTGRES")
            assumeTrue(server != null, "HOOKSEAL_TEST_POSTGRES names no server; tests/postgres/with starts one")
            "$server${if ('?' in server) '&' else '?'}prefix=kotlin_${run.take(8)}"
        }
    }

    private fun on(store: Store, test: suspend CoroutineScope.(Outbox) -> Unit) = runBlocking(Dispatchers.Default) {
        val options = DeliveryOptions(allowPrivate = true)
        Outbox.open(uri(store), key, poll = 50.milliseconds, delivery = options).use { test(it) }
    }

    // What is published

    @ParameterizedTest
    @EnumSource
    fun `what is published is delivered, signed and told of`(store: Store) = on(store) { outbox ->
        val subscription = outbox.subscriptions.create(
            SubscriptionOptions(
                url(), listOf("order.*"), mapOf("shop_id" to "7"), description = "shop \"é\"\n\u0001", secrets = listOf(secret),
                headers = mapOf("X-Shop_Id" to "yes"), timeout = 5.seconds,
            ),
        )
        assertEquals(listOf("order.*") to mapOf("shop_id" to "7"), subscription.events to subscription.filters)
        assertEquals(Subscription.Status.ENABLED to null, subscription.status to subscription.tenant)
        assertEquals("shop \"é\"\n\u0001", subscription.description)
        assertTrue(abs(Instant.now().epochSecond - subscription.createdAt.epochSecond) < 60)
        assertTrue(url() !in "$subscription")

        val metadata = mapOf("shop_id" to "7")
        val order = Publication(Event("order.paid", mapOf("id" to 42), "evt_1"), metadata)
        assertEquals(Published("evt_1", duplicate = false), outbox.publish(order))
        assertEquals(Published("evt_1", duplicate = true), outbox.publish(order))
        val conflict = assertThrows(StoreException::class.java) { runBlocking { outbox.publish("order.paid", "{}", "evt_1") } }
        assertEquals("conflict" to false, conflict.code to conflict.retryable)
        outbox.publish("order.paid", "{}", metadata = mapOf("shop_id" to "8"))
        outbox.publish("user.new", "{}", metadata = metadata)
        val worker = outbox.worker(concurrency = 4)
        assertEquals(1, worker.runUntilIdle().delivered)
        assertEquals(WorkerCounts(1, 1, 0, 0, 0, 0), worker.counts)

        val request = Receiver.requests(run).single()
        val verified = Verifier(secret).verify(request.body, request.headers)
        assertEquals("""{"id":42}""" to "order.paid", String(request.body) to verified.eventType)
        assertEquals("yes", request.header("x-shop_id"))

        val page = outbox.deliveries.list(DeliveryFilter(Delivery.Status.DELIVERED, "order.*", since = Instant.EPOCH))
        val delivery = page.items.single()
        assertEquals(listOf(verified.id, "evt_1", subscription.id), delivery.run { listOf(id, eventId, this.subscription) })
        assertEquals(listOf(1, null, null), listOf(delivery.attempts, delivery.reason, page.cursor))
        assertEquals(delivery, outbox.deliveries.get(delivery.id))
        assertEquals(emptyList<StoredDelivery>(), outbox.deliveries.list(DeliveryFilter(until = Instant.EPOCH)).items)
        val attempt = outbox.deliveries.attempts(delivery.id).single()
        assertEquals(listOf(1, true, 200, null), attempt.run { listOf(number, succeeded, statusCode, error) })
        assertTrue(attempt.responseHeaders.isNotEmpty() && attempt.duration > Duration.ZERO)
        assertEquals(OutboxStatus(0, 0, 1, 0, 0, 1, durable = true), outbox.status())
    }

    @ParameterizedTest
    @EnumSource
    fun `an endpoint needs no subscription, and has its scheme`(store: Store) = on(store) { outbox ->
        val acme = Scheme.fromJson(
            """{ "name": "acme", "signature": { "header": "X-Acme-Signature", "grammar": "pairs" },
                 "timestamp": { "element": "t", "unit": "seconds" }, "content": "{timestamp}.{body}",
                 "versions": [{ "label": "v1", "algorithm": "hmac-sha512", "encoding": "base64" }], "key": "utf8" }""",
        )
        val event = Event("order.paid", "raw", contentType = "text/plain")
        val order = Publication(event, idempotencyKey = "k", orderingKey = "o", deliverAt = Instant.now())
        val endpoint = Endpoint(url(), "whsec_demo", scheme = acme)
        val sent = outbox.deliver(endpoint, order)
        assertEquals(Published(sent.id, duplicate = true), outbox.deliver(endpoint, order))
        outbox.worker().runUntilIdle()
        val request = Receiver.requests(run).single()
        assertEquals("text/plain", request.header("content-type"))
        Verifier("whsec_demo", scheme = acme).verify(request.body, request.headers)
        assertEquals("invalid_config", code { outbox.deliver(Endpoint(url(), Signer("whsec_demo")), "a", "{}") })
    }

    // Subscriptions

    @ParameterizedTest
    @EnumSource
    fun `subscriptions live`(store: Store) = on(store) { outbox ->
        val subscriptions = outbox.subscriptions
        val id = subscriptions.create(SubscriptionOptions(url(), tenant = "acme", retry = RetryPolicy.NONE)).id
        val generated = subscriptions.secrets(id).single().expose()
        assertTrue(generated.startsWith("whsec_"))
        assertEquals(secret, subscriptions.rotateSecret(id, secret, overlap = 60.seconds).expose())
        assertEquals(listOf(secret, generated), subscriptions.secrets(id).map { it.expose() })
        assertEquals(Subscription.Status.PAUSED, subscriptions.pause(id).status)
        assertEquals(Subscription.Status.ENABLED, subscriptions.resume(id).status)
        val disabled = subscriptions.disable(id, "mine")
        assertEquals(Subscription.Status.DISABLED to "mine", disabled.status to disabled.reason)
        subscriptions.resume(id)
        val updated = subscriptions.update(id, SubscriptionOptions("${url()}b", listOf("a.*"), tenant = "acme"))
        assertEquals("${url()}b" to listOf("a.*"), updated.url to updated.events)
        assertEquals(listOf(updated), subscriptions.list("acme"))
        assertEquals(listOf(emptyList<Subscription>(), emptyList()), listOf(subscriptions.list("acme", after = id), subscriptions.list()))
        subscriptions.sendTest(id)
        outbox.worker().runUntilIdle()
        val request = Receiver.requests(run).single()
        assertEquals("hookseal.test", request.header("x-webhook-event"))
        Verifier(secret).verify(request.body, request.headers)
        subscriptions.delete(id)
        assertEquals("not_found", code { subscriptions.get(id) })
    }

    @ParameterizedTest
    @EnumSource
    fun `dead letters are retried, counted and purged`(store: Store) = on(store) { outbox ->
        outbox.subscriptions.create(SubscriptionOptions(url("third"), retry = RetryPolicy.NONE))
        outbox.publish("order.paid", "{}", "evt_1")
        outbox.publish("user.new", "{}", "evt_2")
        outbox.worker().runUntilIdle()

        val first = outbox.deadLetters.list(limit = 1)
        assertEquals(Delivery.Reason.ATTEMPTS_EXHAUSTED, first.items.single().reason)
        val rest = outbox.deadLetters.list(limit = 1, cursor = first.cursor)
        assertNull(rest.cursor)
        assertEquals(setOf("evt_1", "evt_2"), (first.items + rest.items).map { it.eventId }.toSet())
        assertEquals(first.items + rest.items, outbox.deadLetters.all().toList())
        assertEquals("invalid_config", code { outbox.deadLetters.list(cursor = "forged") })

        val orders = DeliveryFilter(eventType = "order.*")
        assertEquals(1L to 1L, outbox.deadLetters.retry(orders, dryRun = true) to outbox.deadLetters.retry(orders))
        outbox.worker().runUntilIdle()
        val delivered = outbox.deliveries.all(DeliveryFilter(Delivery.Status.DELIVERED)).toList().single()
        assertEquals("evt_1" to 2, delivered.eventId to delivered.attempts)
        assertEquals(0L to 1L, outbox.deadLetters.purge(1.hours) to outbox.deadLetters.purge(Duration.ZERO))
        assertEquals(Delivery.Status.PENDING, outbox.deliveries.retry(delivered.id).status)
        assertEquals(Delivery.Status.CANCELLED, outbox.deliveries.cancel(delivered.id).status)
        outbox.cleanUp()
        assertEquals(0, outbox.reencrypt())
    }

    // Workers

    @ParameterizedTest
    @EnumSource
    fun `a worker runs until its coroutine is cancelled`(store: Store) = on(store) { outbox ->
        outbox.subscriptions.create(SubscriptionOptions(url()))
        val worker = outbox.worker()
        val running = launch { worker.run() }
        outbox.publish("order.paid", "{}")
        while (outbox.status().delivered == 0L) continue
        running.cancelAndJoin()
        assertEquals(1L to 0L, worker.counts.run { delivered to inHand })
        assertEquals("closed", code { worker.run() })

        launch(start = CoroutineStart.UNDISPATCHED) { outbox.run() }.cancelAndJoin()

        val stopped = outbox.worker()
        val ended = async { code { stopped.run() } }
        stopped.stop()
        assertTrue(ended.await() in listOf(null, "closed"))
    }

    @Test
    fun `a wait that is cancelled ends`() = on(Store.SQLITE) { outbox ->
        outbox.subscriptions.create(SubscriptionOptions(url("silent")))
        outbox.publish("order.paid", "{}")
        val waiting = async { outbox.worker().runUntilIdle() }
        while (outbox.status().inFlight == 0L) continue
        waiting.cancelAndJoin()
        assertThrows(CancellationException::class.java) { runBlocking { waiting.await() } }
    }

    // Your own transaction

    /** In another process: two SQLite libraries on one file in one process undo each other's locks. */
    @Test
    fun `an event is published if and only if your own transaction commits`() = on(Store.SQLITE) { outbox ->
        outbox.subscriptions.create(SubscriptionOptions(url()))
        for ((id, end) in listOf("evt_1" to "ROLLBACK", "evt_2" to "COMMIT")) {
            transact(outbox.publishStatement(Publication(Event("order.paid", mapOf("id" to id), id))), end)
        }
        outbox.worker().runUntilIdle()
        assertEquals(listOf("""{"id":"evt_2"}"""), Receiver.requests(run).map { String(it.body) })
        assertTrue(outbox.publish("order.paid", mapOf("id" to "evt_2"), "evt_2").duplicate)
    }

    private fun transact(statement: Statement, end: String) {
        val params = statement.params.map { if (it is ByteArray) mapOf("hex" to HexFormat.of().formatHex(it)) else it }
        val given = mapOf("path" to file, "sql" to statement.sql, "params" to params, "end" to end)
        val process = ProcessBuilder("python3", "-c", TRANSACTION).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        process.outputWriter().use { it.write(Gson().newBuilder().serializeNulls().create().toJson(given)) }
        assertTrue(process.waitFor(30, TimeUnit.SECONDS))
        assertEquals(0, process.exitValue())
    }

    @Test
    fun `a statement is spelled for each driver, and opens nothing`() {
        val publication = Publication(Event("order.paid", "{}", "evt_1"), tenant = "acme")
        val sqlite = Outbox.publishStatement("sqlite:nowhere/a.db?prefix=app", publication)
        assertTrue(sqlite.sql.startsWith("INSERT INTO app_events ") && "VALUES (?, ?" in sqlite.sql, sqlite.sql)
        assertEquals(listOf("evt_1", "order.paid", "{}"), sqlite.params.take(3).map { if (it is ByteArray) String(it) else it })
        assertTrue("acme" in sqlite.params && null in sqlite.params)
        val postgres = "postgres://nobody@nowhere/x"
        assertTrue("$1, $2" in Outbox.publishStatement(postgres, publication).sql)
        assertTrue("%s, %s" in Outbox.publishStatement(postgres, publication, Statement.ParamStyle.FORMAT).sql)
        assertTrue(":p1, :p2" in Outbox.publishStatement("sqlite:a.db", publication, Statement.ParamStyle.NAMED).sql)
        assertEquals("invalid_config", code { Outbox.publishStatement("memory:", publication) })
    }

    // Wrong use

    @Test
    fun `wrong use has its code`() = on(Store.SQLITE) { outbox ->
        suspend fun refused(expected: String?, call: suspend () -> Any?) = assertEquals(expected, code { call() })

        refused("invalid_config") { Outbox.open("mysql://u:CANARY@h/d") }
        refused("invalid_config") { Outbox.open("sqlite:a\uD800.db") }
        refused("invalid_config") { Outbox.open("memory:", encryptionKey = "short") }
        refused("invalid_config") { Outbox.open("memory:", lease = 1.seconds) }
        refused("invalid_config") { Outbox.open("memory:", retention = (-1).seconds) }
        refused(null) { Outbox.open("memory:", disableAfter = null, delivery = DeliveryOptions(breaker = null)).close() }
        refused("storage_unavailable") { Outbox.open("sqlite:/nowhere/none/a.db") }
        refused("storage_unavailable") { Outbox.open("postgres://nobody@127.0.0.1:1/x", key) }

        refused("invalid_event") { outbox.publish("", "{}") }
        refused("invalid_event") { outbox.publish("a\uD800", "{}") }
        refused("invalid_event") { outbox.publish("a", Double.NaN) }
        refused("invalid_event") { outbox.publish("a", "{}", "a b") }
        refused("invalid_config") { outbox.publish("a", "{}", tenant = "") }
        refused("invalid_config") { outbox.publish("a", "{}", metadata = mapOf("a\uD800" to "b")) }

        refused("invalid_url") { outbox.subscriptions.create(SubscriptionOptions("")) }
        refused("invalid_config") { outbox.subscriptions.create(SubscriptionOptions(url(), listOf("a*"))) }
        refused("invalid_header") { outbox.subscriptions.create(SubscriptionOptions(url(), headers = mapOf("Host" to "b"))) }
        refused("empty_secret") { outbox.subscriptions.create(SubscriptionOptions(url(), secrets = listOf(""))) }
        refused("not_found") { outbox.subscriptions.get("none") }
        refused("not_found") { outbox.deliveries.get("none") }
        refused("invalid_config") { outbox.deliveries.list(limit = 0) }
        refused("invalid_config") { outbox.deliveries.list(limit = -1) }
        refused("invalid_config") { outbox.deadLetters.purge((-1).seconds) }
        refused("invalid_config") { outbox.worker(0) }
        refused("invalid_config") { outbox.worker(-1) }

        Outbox.open("memory:").use { guarded ->
            refused("blocked_address") { guarded.subscriptions.create(SubscriptionOptions(url())) }
        }
        outbox.close()
        refused("closed") { outbox.publish("a", "{}") }
        refused("closed") { outbox.worker() }
    }

    private companion object {
        const val TRANSACTION = """
import json, sqlite3, sys
given = json.load(sys.stdin)
database = sqlite3.connect(given["path"], isolation_level=None)
database.execute("BEGIN")
database.execute(given["sql"], [bytes.fromhex(it["hex"]) if isinstance(it, dict) else it for it in given["params"]])
database.execute(given["end"])
"""
    }
}
