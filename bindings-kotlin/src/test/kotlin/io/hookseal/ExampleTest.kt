package io.hookseal

import io.hookseal.examples.receiver
import java.net.Socket
import java.util.concurrent.ConcurrentLinkedQueue
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** `examples/kotlin`, under attack. */
@Timeout(60)
class ExampleTest {
    private val handled = ConcurrentLinkedQueue<String>()
    private var isBroken = false
    private val server = receiver(0, "whsec_demo") { verified, _ ->
        check(!isBroken) { "the handler failed" }
        handled += verified.id!!
    }
    private val body = """{"id":42}""".toByteArray()

    @AfterEach
    fun stop() = server.stop(0)

    @Test
    fun `only authentic webhooks are handled, once each`() = runBlocking {
        val endpoint = Endpoint("http://127.0.0.1:${server.address.port}/hooks", "whsec_demo")
        val delivery = Sender(allowPrivate = true).use { it.send(endpoint, "order.paid", mapOf("id" to 42), id = "evt_1") }
        assertEquals(204, delivery.attempts.single().statusCode)

        val headers = Signer("whsec_demo").sign(body, "evt_2", "order.paid").toList()
        assertEquals(204, post(body, headers))
        assertEquals(425, post(body, headers))
        assertEquals(400, post(body + 32, headers))
        assertEquals(400, post(body, headers + headers))
        assertEquals(400, post(body, headers.filter { it.first != "X-Webhook-Id" }))
        assertEquals(400, post(body, headers.map { if (it.first == "X-Webhook-Id") it.first to "evt_3" else it }))
        assertEquals(400, post(body, emptyList()))
        assertEquals(400, post(body, listOf("X-Webhook-Signature" to "t=1,v2=\u00e9\u00ff" + "v2=00,".repeat(500))))
        assertEquals(400, post(body, Signer("whsec_other").sign(body, "evt_4", "a").toList()))
        assertEquals(413, post(ByteArray((1 shl 20) + 1), headers))
        assertEquals(405, post(body, headers, method = "PUT"))
        assertEquals(listOf("evt_1", "evt_2"), handled.toList())
    }

    @Test
    fun `what could not be handled may come again`() {
        val headers = Signer("whsec_demo").sign(body, "evt_5", "order.paid").toList()
        isBroken = true
        assertEquals(500, post(body, headers))
        isBroken = false
        assertEquals(204, post(body, headers))
        assertEquals(listOf("evt_5"), handled.toList())
    }

    /** Over a bare socket: an HTTP client would refuse some of these headers. */
    private fun post(body: ByteArray, headers: List<Pair<String, String>>, method: String = "POST"): Int =
        Socket("127.0.0.1", server.address.port).use { socket ->
            val lines = headers + ("Host" to "localhost") + ("Content-Length" to "${body.size}") + ("Connection" to "close")
            val head = "$method /hooks HTTP/1.1\r\n" + lines.joinToString("") { "${it.first}: ${it.second}\r\n" } + "\r\n"
            socket.getOutputStream().apply {
                write(head.toByteArray(Charsets.ISO_8859_1))
                write(body)
                flush()
            }
            socket.getInputStream().bufferedReader().readLine().split(' ')[1].toInt()
        }
}
