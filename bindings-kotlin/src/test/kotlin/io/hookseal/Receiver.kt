package io.hookseal

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.util.Base64

/** The scripted receiver (`tests/receiver`), as a child process that ends with its standard input. */
object Receiver {
    val scenarios = checkout.resolve("spec/scenarios/deliveries.json")

    private val program = (System.getenv("CARGO_TARGET_DIR")?.let(::File) ?: checkout.resolve("target"))
        .resolve("release/hookseal-receiver")
    private val process = ProcessBuilder(program.path, "--scenarios", scenarios.path)
        .redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val port = JsonParser.parseString(process.inputReader().readLine()).asJsonObject["port"].asInt
    private val client = HttpClient.newHttpClient()

    fun url(scenario: String, run: String) = "http://127.0.0.1:$port/s/$scenario/$run/in"

    /** What arrived in a run. */
    fun requests(run: String): List<Request> {
        val request = HttpRequest.newBuilder(URI("http://127.0.0.1:$port/records/$run")).build()
        val records = JsonParser.parseString(client.send(request, BodyHandlers.ofString()).body()).asJsonObject
        return records.getAsJsonArray("requests").map { Request(it.asJsonObject) }
    }

    class Request(json: JsonObject) {
        val method: String = json["method"].asString
        val headers = json.getAsJsonArray("headers").map { it.asJsonArray[0].asString to it.asJsonArray[1].asString }
        val body: ByteArray = Base64.getDecoder().decode(json["body"].asString)

        fun header(name: String) = headers.find { it.first.equals(name, ignoreCase = true) }?.second
    }
}
