package io.hookseal

import java.time.Instant
import kotlin.random.Random
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Whatever a request holds, the answer is a verdict about it, never another exception. */
class FuzzTest {
    private val random = Random(0x5EED)
    private val now = Instant.ofEpochSecond(1_700_000_000)
    private val secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    private val iterations = if (isFull) 200_000 else 20_000

    @Test
    fun `random headers get a verdict`() {
        val verifiers = Scheme.names().map { name ->
            val key = if (name == "discord") "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" else secret
            Verifier(key, scheme = Scheme.named(name))
        }
        val verdicts = mutableMapOf<String, Int>()
        repeat(iterations / 2) {
            val verifier = verifiers.random(random)
            val headers = verifier.headerNames.filter { random.nextInt(8) != 0 }.flatMap { name ->
                List(if (random.nextInt(16) == 0) 2 else 1) { name to text() }
            }
            val verdict = verdict { verifier.verify(random.nextBytes(random.nextInt(40)), headers, now, text()) }
            assertTrue(verdict != "ok", "accepted $headers")
            verdicts.merge(verdict, 1, Int::plus)
        }
        assertTrue(verdicts.size > 5, "the headers are too much alike: $verdicts")
    }

    @Test
    fun `nearly valid requests get a verdict`() {
        val body = """{"id":42}""".toByteArray()
        val headers = Signer(secret).sign(body, "evt_1", "order.paid", now)
        val verifier = Verifier(secret)
        val verdicts = mutableMapOf<String, Int>()
        repeat(iterations / 2) {
            val changed = headers.mapValues { if (random.nextInt(4) == 0) altered(it.value) else it.value }
            val verdict = verdict { verifier.verify(body, changed, now) }
            assertTrue(verdict != "ok" || changed["X-Webhook-Signature"]!!.contains("v"), "accepted $changed")
            verdicts.merge(verdict, 1, Int::plus)
        }
        assertTrue("ok" in verdicts && verdicts.size > 5, "the requests are too much alike: $verdicts")
    }

    /** Anything but a [VerificationException] leaves the test. */
    private fun verdict(verify: () -> Unit): String = try {
        verify()
        "ok"
    } catch (refused: VerificationException) {
        refused.code
    }

    private fun altered(text: String): String {
        val at = random.nextInt(text.length + 1)
        return when (random.nextInt(4)) {
            0 -> text.substring(0, at) + pieces.random(random)() + text.substring(at)
            1 -> text.removeRange(at.coerceAtMost(text.length - 1), text.length)
            2 -> "$text,$text"
            else -> text.replaceRange(at, at, random.nextInt(0x10000).toChar().toString())
        }
    }

    /** Text that is sometimes nearly a signature, and sometimes no Unicode. */
    private fun text(): String =
        if (random.nextInt(4) == 0) "1700000000" else List(random.nextInt(9)) { pieces.random(random)() }.joinToString("")

    private val pieces: List<() -> String> = listOf(
        { listOf("t", "v1", "v2", "v0", "v1a", "sha256").random(random) }, { "=" }, { "," }, { " " }, { "1700000000" },
        { "2023-11-14T22:13:20Z" }, { "ab".repeat(32) }, { "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=" },
        { random.nextInt(0x10000).toChar().toString() }, { "\uD83D\uDD12" }, { "\uD800" },
        { "v1=00,".repeat(random.nextInt(80)) },
    )
}
