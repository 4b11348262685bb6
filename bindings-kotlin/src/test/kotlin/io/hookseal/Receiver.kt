package io.hookseal

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.util.Base64

object Receiver : ScriptedReceiver("deliveries.json")

object TlsReceiver : ScriptedReceiver("deliveries-tls.json")

/** The scripted receiver (`tests/receiver`), as a child process that ends with its standard input. */
sealed class ScriptedReceiver(file: String) {
    val scenarios: File = checkout.resolve("spec/scenarios/$file")

    private val program = (System.getenv("CARGO_TARGET_DIR")?.let(::File) ?: checkout.resolve("target"))
        .resolve("release/hookseal-receiver")
    private val process = ProcessBuilder(program.path, "--scenarios", scenarios.path)
        .redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val ports = JsonParser.parseString(process.inputReader().readLine()).asJsonObject
    private val clear = "127.0.0.1:${ports["port"].asInt}"
    private val client = HttpClient.newHttpClient()

    /** Where a scenario is played: on the port without TLS, or on the one of that name. */
    fun url(scenario: String, run: String, server: String? = null): String {
        val origin = when (server) {
            null -> "http://$clear"
            "clear" -> "https://$clear"
            else -> "https://localhost:${ports.getAsJsonObject("tls")[server].asInt}"
        }
        return "$origin/s/$scenario/$run/in"
    }

    /** What arrived in a run. */
    fun requests(run: String): List<Request> {
        val records = JsonParser.parseString(get("records/$run")).asJsonObject
        return records.getAsJsonArray("requests").map { Request(it.asJsonObject) }
    }

    /** The root certificate behind the TLS ports. */
    fun root(): String = get("root.pem")

    private fun get(path: String) =
        client.send(HttpRequest.newBuilder(URI("http://$clear/$path")).build(), BodyHandlers.ofString()).body()

    class Request(json: JsonObject) {
        val method: String = json["method"].asString
        val headers = json.getAsJsonArray("headers").map { it.asJsonArray[0].asString to it.asJsonArray[1].asString }
        val body: ByteArray = Base64.getDecoder().decode(json["body"].asString)

        fun header(name: String) = headers.find { it.first.equals(name, ignoreCase = true) }?.second
    }
}
