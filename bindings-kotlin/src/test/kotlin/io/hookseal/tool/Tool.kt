package io.hookseal.tool

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import io.hookseal.Delivery
import io.hookseal.Endpoint
import io.hookseal.RetryPolicy
import io.hookseal.Sender
import io.hookseal.WebhookException
import java.io.BufferedWriter
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.runBlocking

/**
 * Speaks the line protocol of the tests that cross languages, one JSON object a line:
 *
 *     tool sign     reads sign vectors, answers {"headers": [[name, value], …]} or {"error": code}
 *     tool verify   reads verify vectors, answers {"ok": {…}} or {"error": code}
 *     tool send URL TYPE SECRET [ID]
 *                   sends standard input to a local receiver, prints the delivery
 *     tool turns CALL BYTES
 *                   takes turns with the core (tests/bench/race.py)
 *     tool mac CALL BYTES
 *                   the JDK's HMAC-SHA256 in place of the call
 */
fun main(arguments: Array<String>) {
    when {
        arguments contentEquals arrayOf("sign") -> answerLines(Judge::sign)
        arguments contentEquals arrayOf("verify") -> answerLines(Judge::verify)
        arguments.size in 4..5 && arguments[0] == "send" ->
            send(arguments[1], arguments[2], arguments[3], arguments.getOrNull(4))
        arguments.size == 3 && arguments[0] == "turns" -> takeTurns(arguments[1], arguments[2].toInt())
        arguments.size == 3 && arguments[0] == "mac" -> takeTurns("mac", arguments[2].toInt())
        else -> {
            System.err.println("usage: tool sign | verify | send URL TYPE SECRET [ID] | turns CALL BYTES | mac CALL BYTES")
            exitProcess(2)
        }
    }
}

private fun answerLines(judge: (JsonObject) -> JsonObject) {
    val out: BufferedWriter = System.out.bufferedWriter()
    for (line in System.`in`.bufferedReader().lineSequence()) {
        out.appendLine(judge(JsonParser.parseString(line).asJsonObject).toString())
    }
    out.flush()
}

private fun send(url: String, type: String, secret: String, id: String?) {
    try {
        val payload = System.`in`.readBytes()
        val policy = RetryPolicy(initial = 100.milliseconds, maxAttempts = 5)
        val delivery = Sender(retry = policy, allowPrivate = true).use { sender ->
            runBlocking { sender.send(Endpoint(url, secret), type, payload, id) }
        }
        println(describe(delivery))
    } catch (error: WebhookException) {
        println(jsonOf("error" to error.code.json()))
        exitProcess(1)
    }
}

private fun describe(delivery: Delivery): JsonObject = jsonOf(
    "status" to delivery.status.json(),
    "id" to delivery.id.json(),
    "attempts" to delivery.attempts.map {
        jsonOf("number" to it.number.json(), "status_code" to it.statusCode.json(), "error" to it.error.json())
    }.json(),
)
