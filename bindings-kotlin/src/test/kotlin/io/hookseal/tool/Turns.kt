package io.hookseal.tool

import io.hookseal.Signer
import io.hookseal.Verifier
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec

/** The Kotlin side of a race (`tests/bench/race.py`): reads a number of calls a line, answers the nanoseconds of one. */
fun takeTurns(call: String, bytes: Int) {
    val text = """{"id":42,"event":"order.paid","note":"all of it is text"}""".toByteArray()
    val body = ByteArray(bytes) { text[it % text.size] }
    val signer = Signer(SECRET)
    val verifier = Verifier(SECRET)
    val headers = ORDINARY + signer.sign(body, id = "msg_1", eventType = "order.paid")
    val lists = headers.mapValues { listOf(it.value) }
    val mac = Mac.getInstance("HmacSHA256").apply { init(SecretKeySpec(SECRET.toByteArray(), "HmacSHA256")) }
    when (call) {
        "verify" -> answer { verifier.verify(body, headers).keyIndex == 0 }
        "verify-lists" -> answer { verifier.verify(body, lists).keyIndex == 0 }
        "sign" -> answer { signer.sign(body, id = "msg_1", eventType = "order.paid").size == 4 }
        "mac" -> answer { mac.doFinal(body).size == 32 }
        else -> error("no such call: $call")
    }
}

private inline fun answer(call: () -> Boolean) {
    for (line in generateSequence(::readlnOrNull)) {
        val calls = line.toInt()
        val start = System.nanoTime()
        repeat(calls) { check(call()) }
        println((System.nanoTime() - start).toDouble() / calls)
    }
}

private const val SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

private val ORDINARY = mapOf(
    "host" to "example.com", "user-agent" to "sender/1.0", "accept" to "*/*", "content-type" to "application/json",
    "content-length" to "1024", "x-request-id" to "7f1c2d",
)
