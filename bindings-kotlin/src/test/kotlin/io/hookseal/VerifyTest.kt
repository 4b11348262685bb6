package io.hookseal

import java.time.Instant
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class VerifyTest {
    private val body = """{"id":42}""".toByteArray()
    private val now = Instant.ofEpochSecond(1_700_000_000)
    private val signer = Signer("whsec_demo")
    private val verifier = Verifier("whsec_demo")
    private val headers = signer.sign(body, "evt_1", "order.paid", now)

    // What goes in

    @Test
    fun `headers are any collection`() {
        val pairs = headers.toList() + ("Accept" to "*/*") + ("Accept" to "text/plain")
        val lower = headers.mapKeys { it.key.lowercase() }
        val lists = headers.mapKeys { it.key.uppercase() }.mapValues { listOf(it.value) }
        assertEquals("order.paid", verifier.verify(body, lower, now).eventType)
        assertEquals("order.paid", verifier.verify(body, lists, now).eventType)
        assertEquals("order.paid", verifier.verify(body, pairs, now).eventType)
    }

    @Test
    fun `the bare header serves where no other is needed`() {
        val signature = headers.getValue("X-Webhook-Signature")
        assertEquals("v1", verifier.verify(body, signature, now).version)
        val strict = Verifier("whsec_demo", require = "v2")
        assertEquals("missing_header", code { strict.verify(body, signature, now) })
    }

    @Test
    fun `a doubled header is refused`() {
        val doubled = headers.mapValues { listOf(it.value, it.value) }
        assertEquals("malformed_header", code { verifier.verify(body, headers.toList() + headers.toList(), now) })
        assertEquals("malformed_header", code { verifier.verify(body, doubled, now) })
        assertEquals("malformed_header", code { verifier.verify(body, headers + ("x-webhook-signature" to "t=1,v1=00"), now) })
    }

    @Test
    fun `a header beyond printable ascii is refused`() {
        for (header in listOf("t=1,v1=é", "t=1,v1=\u2603", "t=1,v1=\u0000", "t=1\n,v1=00", "t=1,v1=\uD800", "\uD83D\uDD12")) {
            assertEquals("malformed_header", code { verifier.verify(body, header) }, header)
            assertEquals("malformed_header", code { verifier.verify(body, mapOf("X-Webhook-Signature" to header)) }, header)
        }
    }

    @Test
    fun `half a surrogate pair never leaves as another exception`() {
        val half = "a\uD800"
        assertEquals("malformed_secret", code { Verifier(half) })
        assertEquals("malformed_secret", code { Secret.utf8(half) })
        assertEquals("unknown_scheme", code { Scheme.named(half) })
        assertEquals("invalid_scheme", code { Scheme.fromJson(half) })
        assertEquals("invalid_event", code { signer.sign(body, id = half) })
        assertEquals("invalid_event", code { Event("order.paid", half) })
        assertEquals("invalid_config", code { Verifier("whsec_demo", require = half) })
        val square = Verifier("whsec_demo", scheme = Scheme.SQUARE)
        val signed = Signer("whsec_demo", scheme = Scheme.SQUARE).sign(body, url = "https://a.example/?")
        assertEquals("no_matching_signature", code { square.verify(body, signed, url = "https://a.example/$half") })
    }

    @Test
    fun `bodies of every size are signed whole`() {
        for (size in listOf(0, 1, 16_383, 16_384, 16_385, 3_000_000)) {
            val large = ByteArray(size) { it.toByte() }
            val signed = signer.sign(large, timestamp = now)
            assertEquals("v1", verifier.verify(large, signed, now).version)
            assertEquals("no_matching_signature", code { verifier.verify(large + 0, signed, now) })
        }
    }

    // What comes out

    @Test
    fun `only covered values are handed on`() {
        val forged = signer.sign(body, timestamp = now) + ("X-Webhook-Id" to "evt_forged")
        val verified = verifier.verify(body, forged, now)
        assertNull(verified.id)
        assertNull(verified.eventType)
        assertEquals(now to 0, verified.timestamp to verified.keyIndex)
    }

    @Test
    fun `an exception says what it is`() {
        val refused = assertThrows(VerificationException::class.java) {
            verifier.verify(body, headers, now.plusSeconds(412))
        }
        assertEquals(ErrorCode.TIMESTAMP_TOO_OLD, refused.code)
        assertFalse(refused.retryable)
        assertTrue("412 s" in refused.message && "timestamp_too_old" in refused.toString())
    }

    // Time

    @Test
    fun `now is rounded down`() {
        assertEquals("v2", verifier.verify(body, headers, now.plusMillis(300_900)).version)
        assertEquals("timestamp_too_old", code { verifier.verify(body, headers, now.plusSeconds(301)) })
        assertEquals("timestamp_too_old", code { verifier.verify(body, headers, Instant.MAX) })
        assertEquals("timestamp_in_future", code { verifier.verify(body, headers, Instant.MIN) })
        assertEquals("invalid_config", code { signer.sign(body, timestamp = Instant.MAX) })
    }

    @Test
    fun `a tolerance is whole seconds`() {
        for (tolerance in listOf((-1).seconds, 1500.milliseconds, 4_294_967_296.seconds, Duration.INFINITE, -Duration.INFINITE)) {
            assertEquals("invalid_config", code { Verifier("whsec_demo", tolerance = tolerance) }, "$tolerance")
            assertEquals("invalid_config", code { Verifier("whsec_demo", futureTolerance = tolerance) }, "$tolerance")
        }
    }

    // Options

    @Test
    fun `options are judged by the core`() {
        assertEquals("invalid_config", code { Verifier() })
        assertEquals("invalid_config", code { KeyRing() })
        assertEquals("empty_secret", code { Verifier("") })
        assertEquals("malformed_secret", code { Verifier("\"whsec_demo\"") })
        assertEquals("invalid_config", code { Verifier("whsec_demo", require = "v9") })
        assertEquals("invalid_config", code { Verifier("whsec_demo", maxBody = -1) })
        assertEquals("invalid_config", code { Verifier("k", scheme = Scheme.GITHUB, replay = ReplayGuard()) })
        assertEquals("invalid_config", code { ReplayGuard(0) })
        assertEquals("invalid_config", code { ReplayGuard(-1) })
        assertEquals("unknown_scheme", code { Scheme.named("stripes") })
        assertEquals("invalid_scheme", code { Scheme.fromJson("{") })
    }

    @Test
    fun `the body has a limit`() {
        val limited = Verifier("whsec_demo", maxBody = body.size.toLong())
        assertEquals("v2", limited.verify(body, headers, now).version)
        assertEquals("body_too_large", code { limited.verify(body + 32, emptyList(), now) })
    }

    @Test
    fun `a guard refuses copies until it releases them`() {
        val replay = ReplayGuard(10)
        val guarded = Verifier("whsec_demo", replay = replay)
        val first = guarded.verify(body, headers, now)
        assertEquals("replayed", code { guarded.verify(body, headers, now) })
        replay.release(first)
        assertEquals("evt_1", guarded.verify(body, headers, now).id)
        replay.release(verifier.verify(body, headers, now))
        assertEquals("replayed", code { guarded.verify(body, headers, now) })
    }

    @Test
    fun `a full guard refuses and says that it may pass`() {
        val guarded = Verifier("whsec_demo", replay = ReplayGuard(3))          // a message takes two
        assertEquals("v2", guarded.verify(body, headers, now).version)
        val refused = assertThrows(StoreException::class.java) {
            guarded.verify("{}".toByteArray(), signer.sign("{}".toByteArray(), "evt_2", "a", now), now)
        }
        assertEquals("storage_full" to true, refused.code to refused.retryable)
    }

    // Keys

    @Test
    fun `a secret is never printed`() {
        val text = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="
        for (secret in listOf(Secret(text), Secret.utf8(text), Secret.base64(text))) {
            for (shown in listOf("$secret", "${listOf(secret)}", "${Key(secret)}")) {
                assertTrue("c2Vj" !in shown && "[REDACTED]" in shown, shown)
            }
            assertEquals(text, secret.expose())
        }
    }

    @Test
    fun `secrets are made at random`() {
        val secret = Secret.generate()
        assertNotEquals(secret.expose(), Secret.generate().expose())
        assertEquals(3, Signer(listOf(secret), Scheme.STANDARD_WEBHOOKS).sign(body, id = "a", timestamp = now).size)
    }

    @Test
    fun `typed secrets override the scheme`() {
        val key = ByteArray(32) { 7 }
        val typed = listOf(
            Secret.bytes(key), Secret.hex("07".repeat(32)), Secret.base64("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="),
        )
        assertEquals(1, typed.map { Signer(listOf(it), Scheme.GITHUB).sign(body) }.toSet().size)
        assertEquals("malformed_secret", code { Secret.hex("0g") })
        assertEquals("empty_secret", code { Secret.bytes(ByteArray(0)) })
    }

    @Test
    fun `a ring rotates without downtime`() {
        val ring = KeyRing(Key("whsec_old", id = "old"))
        val signer = Signer(ring)
        val verifier = Verifier(ring)
        val before = signer.sign(body, timestamp = now)

        ring.rotate(Key("whsec_new", id = "new"), 100.seconds, now)
        assertEquals("old", verifier.verify(body, before, now).keyId)
        assertEquals(1, verifier.verify(body, before, now).keyIndex)
        assertEquals(listOf("new" to 0L, "old" to 2L), ring.stats().map { it.id to it.matches })
        assertEquals(now to now.plusSeconds(100), ring.stats()[1].run { lastMatch to notAfter })

        assertEquals("no_matching_signature", code { verifier.verify(body, before, now.plusSeconds(101)) })
        ring.revoke("old")
        assertEquals("not_found", code { ring.revoke("old") })
        assertEquals("invalid_config", code { ring.revoke("new") })
        assertEquals("invalid_config", code { ring.rotate(Key("whsec_x"), (-1).seconds) })
    }

    @Test
    fun `one signer serves a migration`() {
        val both = Signer("whsec_a", also = listOf(Signer("whsec_b", scheme = Scheme.STRIPE)))
        val written = both.sign(body, timestamp = now).keys
        assertEquals(setOf("X-Webhook-Signature", "X-Webhook-Timestamp", "Stripe-Signature"), written)
        assertEquals("invalid_config", code { Signer("whsec_a", also = listOf(both)) })
    }

    // The package

    @Test
    fun `every constant is a built-in scheme`() {
        val constants = Scheme::class.java.fields.filter { it.type == Scheme::class.java }.map { it.get(null) as Scheme }
        assertEquals(Scheme.names(), constants.map { it.name }.sorted())
        assertTrue(Scheme.names().all { Scheme.named(it).source.isNotEmpty() && Scheme.named(it).summary.isNotEmpty() })
    }

    @Test
    fun `one verifier serves many threads`() {
        val threads = Executors.newFixedThreadPool(8)
        val verified = List(8) { thread ->
            threads.submit(Callable {
                val own = ByteArray(500 + thread) { thread.toByte() }
                val signed = signer.sign(own, "evt_$thread", "a", now)
                List(500) { verifier.verify(own, signed, now).id }.toSet()
            })
        }.map { it.get() }
        threads.shutdown()
        assertEquals(List(8) { setOf("evt_$it") }, verified)
    }

    @Test
    fun `a signature that does not match is explained`() {
        val findings = diagnose(body + 10, headers, listOf(Secret("whsec_demo")), now = now)
        assertTrue(findings.isNotEmpty() && findings.none { "whsec_demo" in it.message })
        assertTrue(diagnose(body, headers, listOf(Secret("whsec_demo")), now = now).isEmpty())
    }
}
