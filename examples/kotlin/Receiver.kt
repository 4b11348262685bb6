package io.hookseal.examples

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpHandler
import com.sun.net.httpserver.HttpServer
import io.hookseal.ErrorCode
import io.hookseal.ReplayGuard
import io.hookseal.Verified
import io.hookseal.Verifier
import io.hookseal.WebhookException
import java.net.InetAddress
import java.net.InetSocketAddress
import java.util.concurrent.Executors

/** Receives webhooks on the JDK's own HTTP server, and prints those that are authentic. */
fun main(arguments: Array<String>) {
    val server = receiver(arguments.firstOrNull()?.toInt() ?: 8080, "whsec_demo") { verified, body ->
        println("${verified.eventType} ${verified.id}: ${String(body)}")
    }
    println("listening on ${server.address}")
}

fun receiver(port: Int, secret: String, handle: (Verified, ByteArray) -> Unit): HttpServer {
    val replay = ReplayGuard()
    val verifier = Verifier(secret, require = "v2", replay = replay, maxBody = MAX_BODY.toLong())
    val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0)
    server.executor = Executors.newFixedThreadPool(8) { task -> Thread(task).apply { isDaemon = true } }
    server.createContext("/hooks", webhook(verifier, replay, handle))
    server.start()
    return server
}

/** Answers 204 once the event is handled; the sender tries again after anything else. */
private fun webhook(verifier: Verifier, replay: ReplayGuard, handle: (Verified, ByteArray) -> Unit) =
    HttpHandler { exchange ->
        exchange.use {
            if (exchange.requestMethod != "POST") return@use exchange.answer(405)
            val body = exchange.requestBody.readNBytes(MAX_BODY + 1)
            val verified = try {
                verifier.verify(body, exchange.requestHeaders)
            } catch (refused: WebhookException) {
                System.err.println(refused)
                return@use exchange.answer(status(refused.code))
            }
            try {
                handle(verified, body)
                exchange.answer(204)
            } catch (failure: RuntimeException) {
                System.err.println(failure)
                replay.release(verified)                 // or the next attempt would be refused as a copy
                exchange.answer(500)
            }
        }
    }

private fun HttpExchange.answer(status: Int) = sendResponseHeaders(status, -1)

private fun status(code: String) = when (code) {
    ErrorCode.BODY_TOO_LARGE -> 413
    ErrorCode.REPLAYED -> 425
    ErrorCode.STORAGE_FULL -> 503
    else -> 400
}

private const val MAX_BODY = 1 shl 20
