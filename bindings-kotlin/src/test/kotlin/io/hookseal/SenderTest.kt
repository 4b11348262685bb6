package io.hookseal

import com.google.gson.JsonObject
import io.hookseal.tool.duration
import io.hookseal.tool.json
import io.hookseal.tool.jsonOf
import io.hookseal.tool.text
import java.util.UUID
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.sync.Semaphore
import kotlinx.coroutines.sync.withPermit
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

@Timeout(60)
class SenderTest {
    private val run = UUID.randomUUID().toString()
    private val later = RetryPolicy.schedule(listOf(1.hours))

    private fun endpoint(scenario: String, headers: Map<String, String> = emptyMap()) =
        Endpoint(Receiver.url(scenario, run), "whsec_demo", headers = headers)

    // Scenarios

    @Test
    fun `every scenario ends as it says`() = play(Receiver)

    @Test
    fun `every scenario over TLS ends as it says`() = play(TlsReceiver)

    private fun play(receiver: ScriptedReceiver) = runBlocking(Dispatchers.Default) {
        val scenarios = readJson(receiver.scenarios).getAsJsonArray("tests").map { it.asJsonObject }
        val roots = listOf(receiver.root())
        val places = Semaphore(4)                                      // some are about a third of a second
        scenarios.map { async { places.withPermit { check(it, receiver, roots) } } }.awaitAll()
        println("scenarios: ${scenarios.size} of ${receiver.scenarios.name}")
        assertTrue(scenarios.isNotEmpty())
    }

    private suspend fun check(scenario: JsonObject, receiver: ScriptedReceiver, roots: List<String>) {
        val (id, run) = scenario["id"].asString to UUID.randomUUID().toString()
        val expected = scenario.getAsJsonObject("expect").deepCopy()
        val requests = expected.remove("requests")?.asInt
        Sender(allowPrivate = true, extraRoots = roots).use { sender ->     // its own: some are about which connection is used
            val endpoint = Endpoint(
                receiver.url(id, run, scenario.text("server")), "whsec_demo",
                retry = policy(scenario.getAsJsonObject("policy") ?: JsonObject()), timeout = scenario.duration("timeout"),
            )
            assertEquals(expected, describe(sender.send(endpoint, "order.paid", mapOf("id" to 42))), id)
        }
        if (requests != null) assertEquals(requests, receiver.requests(run).size, id)
    }

    @Test
    fun `every plan is as it says`() {
        val plans = readJson(checkout.resolve("spec/scenarios/plans.json")).getAsJsonArray("tests").map { it.asJsonObject }
        for (json in plans) {
            val plan = policy(json.getAsJsonObject("policy")).plan(json.duration("outage")!!, json["seed"].asLong)
            val expect = json.getAsJsonObject("expect")
            assertEquals(expect.getAsJsonArray("attempts").map { it.asDouble.seconds }, plan.attempts, "$json")
            assertEquals(expect.text("reason"), plan.reason?.toString(), "$json")
        }
        println("plans: ${plans.size}")
        assertTrue(plans.isNotEmpty())
    }

    private fun describe(delivery: Delivery) = jsonOf(
        "status" to delivery.status.json(),
        "reason" to delivery.reason.json(),
        "attempts" to delivery.attempts.map {
            jsonOf("status_code" to it.statusCode.json(), "error" to it.error.json())
        }.json(),
    )

    private fun policy(json: JsonObject) = RetryPolicy(
        initial = json.duration("initial"),
        factor = json["factor"]?.asDouble,
        max = json.duration("max"),
        maxAttempts = json["max_attempts"]?.asInt,
        maxAge = json.duration("max_age"),
        jitter = json.text("jitter")?.let {
            if (it == "none") RetryPolicy.Jitter.None else RetryPolicy.Jitter.Spread(it.toDouble())
        },
        retryOn = json.text("retry_on")?.let { RetryPolicy.RetryOn.valueOf(it.uppercase()) },
        schedule = json.getAsJsonArray("schedule")?.map { it.asDouble.seconds },
    )

    // What is sent

    @Test
    fun `what arrives is what was signed`() = runBlocking {
        Sender(allowPrivate = true).use { sender ->
            val to = endpoint("third", headers = mapOf("xTenantID" to "acme"))
            val delivery = sender.send(to, "order.paid", mapOf("url" to "a/b"), id = "evt_1")
            assertEquals("evt_1" to Delivery.Status.DELIVERED, delivery.id to delivery.status)
            assertEquals(listOf(1, 2, 3), delivery.attempts.map { it.number })
            assertTrue(delivery.attempts.last().run { succeeded && error == null && duration > Duration.ZERO })
        }
        val requests = Receiver.requests(run)
        assertEquals(3, requests.size)
        requests.forEachIndexed { index, request ->
            assertEquals("POST" to """{"url":"a/b"}""", request.method to String(request.body))
            assertEquals("${index + 1}" to "acme", request.header("X-Webhook-Attempt") to request.header("xtenantid"))
            val verified = Verifier("whsec_demo").verify(request.body, request.headers)
            assertEquals(listOf("evt_1", "order.paid", "v2"), verified.run { listOf(id, eventType, version) })
        }
    }

    @Test
    fun `bytes and text are sent as they are, the rest as JSON`() = runBlocking {
        Sender(allowPrivate = true).use { sender ->
            val to = endpoint("first-200")
            sender.send(to, "a", byteArrayOf(0, -1))
            sender.send(to, Event("a", "<a>é</a>", contentType = "text/xml"))
            sender.send(to, "a", listOf(1, 2.5, true, null, "\"\\\n/\uD83D\uDD12", mapOf("k" to arrayOf<Any>())))
        }
        val requests = Receiver.requests(run)
        assertEquals(listOf(0, -1), requests[0].body.map { it.toInt() })
        assertEquals("<a>é</a>" to "text/xml", String(requests[1].body) to requests[1].header("content-type"))
        assertEquals("""[1,2.5,true,null,"\"\\\u000a/🔒",{"k":[]}]""", String(requests[2].body))
        assertEquals("application/json", requests[2].header("content-type"))
    }

    @Test
    fun `headers have the names that were asked for`() = runBlocking {
        val parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        val names = HeaderNames(attempt = "Try")
        Sender(allowPrivate = true, headerPrefix = "Acme-", headerNames = names, userAgent = "acme/1").use { sender ->
            sender.send(endpoint("first-200"), "a", "{}", id = "evt_1", traceparent = parent)
            assertEquals("invalid_event", code { sender.send(endpoint("first-200"), "a", "{}", traceparent = "00-0") })
        }
        val request = Receiver.requests(run).single()
        assertEquals(
            listOf("evt_1", "a", "1", "acme/1", parent),
            listOf("Acme-Id", "Acme-Event", "Try", "User-Agent", "traceparent").map(request::header),
        )
    }

    @Test
    fun `many are sent in one call`() = runBlocking {
        Sender(allowPrivate = true).use { sender ->
            val to = endpoint("first-200")
            val deliveries = sender.sendMany(List(20) { to to Event("order.paid", mapOf("n" to it), id = "evt_$it") })
            assertEquals(List(20) { "evt_$it" }, deliveries.map { it.id })
            assertTrue(deliveries.all { it.status == Delivery.Status.DELIVERED })
        }
    }

    @Test
    fun `ten thousand wait at once`() = runBlocking(Dispatchers.Default) {
        Sender(allowPrivate = true, maxQueued = 40_000, maxInFlightPerEndpoint = 64).use { sender ->
            val to = Endpoint(Receiver.url("first-200", run).replace(Regex("/s/.*"), "/sink"), "whsec_demo")
            val deliveries = List(10_000) { async { sender.send(to, "order.paid", "{}") } }.awaitAll()
            assertTrue(deliveries.all { it.status == Delivery.Status.DELIVERED })
            assertEquals(10_000, deliveries.map { it.id }.toSet().size)
        }
    }

    // What is refused

    @Test
    fun `what cannot be sent is refused at once`() = runBlocking {
        Sender().use { guarded ->
            val local = endpoint("first-200")
            assertEquals("blocked_address", code { guarded.send(local, "a", "{}") })
            assertEquals("blocked_address", code { guarded.sendMany(listOf(local to Event("a", "{}"))) })
            assertEquals("invalid_event", code { guarded.enqueue(local, "a b", "{}") })
            assertEquals("invalid_event", code { guarded.enqueue(local, "a\uD800", "{}") })
            assertEquals("invalid_event", code { guarded.enqueue(local, "a", "{}", id = "a.b") })
            assertEquals("invalid_header", code { guarded.enqueue(local, Event("a", "{}", contentType = "a\n")) })
            assertEquals("payload_too_large", code { guarded.enqueue(local, "a", ByteArray((1 shl 20) + 1)) })
        }
        assertEquals("invalid_url", code { Endpoint("ftp://a.example/", "whsec_demo") })
        assertEquals("empty_secret", code { Endpoint("https://a.example/", "") })
        assertEquals("invalid_header", code { Endpoint("https://a.example/", "k", headers = mapOf("Host" to "b")) })
        assertEquals("invalid_config", code { Endpoint("https://a.example/", "k", timeout = 61.seconds) })
    }

    @Test
    fun `options are judged by the core`() {
        assertEquals("invalid_config", code { Sender(timeout = Duration.ZERO) })
        assertEquals("invalid_config", code { Sender(timeout = (-1).seconds) })
        assertEquals("invalid_config", code { Sender(timeout = Duration.INFINITE) })
        assertEquals("invalid_config", code { Sender(maxInFlight = 0) })
        assertEquals("invalid_config", code { Sender(maxQueued = -1) })
        assertEquals("invalid_config", code { Sender(allowPorts = listOf(65_536)) })
        assertEquals("invalid_config", code { Sender(rateLimit = RateLimit(Double.NaN)) })
        assertEquals("invalid_config", code { Sender(retry = RetryPolicy(factor = 0.0)) })
        assertEquals("invalid_config", code { Sender(breaker = Breaker(failures = 0)) })
        assertEquals("invalid_config", code { Sender(proxy = "socks5://127.0.0.1:1") })
        assertEquals("invalid_config", code { Sender(identity = "no certificate") })
        assertEquals("invalid_config", code { Endpoint("https://a.example/", "k", identity = "no certificate") })
        assertEquals("invalid_config", code { Sender(extraRoots = listOf("no certificate")) })
        assertEquals("invalid_config", code { Sender(headerPrefix = "a b") })
        assertNull(code { Sender(breaker = null, http2 = true, proxy = "http://user:password@127.0.0.1:1").close() })
    }

    @Test
    fun `what is no JSON names its place`() {
        val cyclic = mutableListOf<Any>().apply { add(this) }
        for ((payload, path) in listOf(
            mapOf("prices" to listOf(1, Double.NaN)) to "prices[1]", listOf(Any()) to "[0]", mapOf(1 to 2) to "the top",
            cyclic to "[0][0]",
        )) {
            val refused = assertThrows(SendException::class.java) { Event("a", payload) }
            assertEquals("invalid_event", refused.code)
            assertTrue(path in refused.message, refused.message)
        }
    }

    @Test
    fun `a full queue is said`() = runBlocking {
        val sender = Sender(retry = later, allowPrivate = true, maxQueued = 4)
        sender.enqueue(endpoint("silent"), "a", "{}")
        val refused = assertThrows(SendException::class.java) { sender.enqueue(endpoint("silent"), "a", "{}") }
        assertEquals("queue_full" to true, refused.code to refused.retryable)
        assertEquals(1, sender.close(Duration.ZERO).size)
    }

    // Waiting, cancelling, closing

    @Test
    fun `cancelling the wait does not cancel the delivery`() = runBlocking {
        Sender(allowPrivate = true).use { sender ->
            val end = async(start = CoroutineStart.UNDISPATCHED) {
                sender.events.first { it.kind == "delivery.succeeded" || it.kind == "delivery.dead" }
            }
            val waiter = async(start = CoroutineStart.UNDISPATCHED) { sender.send(endpoint("third"), "a", "{}", id = "evt_1") }
            waiter.cancelAndJoin()
            assertTrue(waiter.isCancelled)

            assertEquals(listOf("delivery.succeeded", "evt_1", "a"), end.await().run { listOf(kind, delivery, eventType) })
            assertTrue(sender.flush(10.seconds))
            assertEquals(0, sender.unfinished)
        }
    }

    @Test
    fun `a timeout around a wait ends it`() = runBlocking {
        val sender = Sender(retry = later, allowPrivate = true)
        val handle = sender.enqueue(endpoint("third"), "a", "{}")
        assertThrows(CancellationException::class.java) { runBlocking { withTimeout(1) { handle.result() } } }
        assertEquals(Delivery.Status.PENDING, handle.delivery.status)
        assertEquals(listOf(handle.id), sender.close(10.seconds).map { it.id })
    }

    @Test
    fun `a handle cancels the delivery`() = runBlocking {
        Sender(retry = later, allowPrivate = true).use { sender ->
            val retrying = async(start = CoroutineStart.UNDISPATCHED) { sender.events.first { it.kind == "delivery.retrying" } }
            val handle = sender.enqueue(endpoint("third"), "a", "{}")
            assertTrue(retrying.await().retryIn!! > 2000.seconds)
            assertEquals(Delivery.Status.PENDING, handle.delivery.status)

            assertTrue(handle.cancel())
            val delivery = handle.result()
            assertEquals(listOf(Delivery.Status.CANCELLED, 1, handle.id), delivery.run { listOf(status, attempts.size, id) })
            assertFalse(handle.cancel())
        }
    }

    @Test
    fun `close hands back what is not finished`() = runBlocking {
        val sender = Sender(retry = later, allowPrivate = true)
        val handle = sender.enqueue(endpoint("third"), "a", "{}")
        assertFalse(sender.flush(Duration.ZERO))
        val events = async(start = CoroutineStart.UNDISPATCHED) { sender.events.toList() }
        val waiter = async(start = CoroutineStart.UNDISPATCHED) { handle.result().status }
        val unfinished = sender.close(10.seconds)

        assertEquals(listOf(handle.id to Delivery.Status.PENDING), unfinished.map { it.id to it.status })
        assertEquals(Delivery.Status.PENDING, waiter.await())
        assertTrue(events.await().none { it.kind == "delivery.succeeded" })
        assertEquals("closed", code { sender.enqueue(endpoint("third"), "a", "{}") })
        assertEquals("closed", code { sender.send(endpoint("third"), "a", "{}") })
        assertTrue(sender.close(Duration.ZERO).isEmpty())
        sender.close()
    }

    @Test
    fun `close runs to its end in a cancelled coroutine`() = runBlocking {
        val sender = Sender(retry = later, allowPrivate = true)
        sender.enqueue(endpoint("third"), "a", "{}")
        var unfinished = emptyList<Delivery>()
        val closing = launch(start = CoroutineStart.UNDISPATCHED) { unfinished = sender.close(10.seconds) }
        closing.cancelAndJoin()
        assertEquals(1, unfinished.size)
    }

    @Test
    fun `a policy can be acted out`() {
        val plan = RetryPolicy.STANDARD.plan(outage = 30.days)
        assertEquals(10 to Delivery.Reason.ATTEMPTS_EXHAUSTED, plan.attempts.size to plan.reason)
        assertEquals(Delivery.Reason.ATTEMPTS_EXHAUSTED, RetryPolicy.NONE.plan(outage = 1.seconds).reason)
        assertEquals("invalid_config", code { RetryPolicy(factor = Double.POSITIVE_INFINITY).plan(Duration.ZERO) })
    }
}
