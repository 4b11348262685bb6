package io.hookseal.tool

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonPrimitive
import io.hookseal.Key
import io.hookseal.KeyRing
import io.hookseal.ReplayGuard
import io.hookseal.Scheme
import io.hookseal.Secret
import io.hookseal.Signer
import io.hookseal.Verified
import io.hookseal.Verifier
import io.hookseal.WebhookException
import java.time.Instant
import java.util.Base64
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * Runs one test of a vector file (`spec/vectors`) and answers with a verdict in the form of its `expect`.
 *
 * The conformance suite compares the verdict; the tool prints it.
 */
object Judge {
    /** `{"ok": {…}}` or `{"error": code}`. */
    fun verify(test: JsonObject): JsonObject = answer {
        val verifier = verifier(test)
        val verify = {
            val now = test.long("now")?.let(Instant::ofEpochSecond)
            verifier.verify(body(test), headers(test), now, test.text("url"))
        }
        if (isRepeated(test)) runCatching(verify)
        jsonOf("ok" to describe(verify()))
    }

    /** `{"headers": [[name, value], …]}` or `{"error": code}`. */
    fun sign(test: JsonObject): JsonObject = answer {
        val message = test.getAsJsonObject("message")
        val timestamp = message.long("timestamp")?.let(Instant::ofEpochSecond)
        val headers = Signer(KeyRing(keys(test)), scheme(test))
            .sign(body(test), message.text("id"), message.text("event_type"), timestamp, message.text("url"))
        jsonOf("headers" to headers.map { (name, value) -> listOf(name, value).json() }.json())
    }

    private fun answer(run: () -> JsonObject): JsonObject = try {
        run()
    } catch (error: WebhookException) {
        jsonOf("error" to JsonPrimitive(error.code))
    }

    private fun verifier(test: JsonObject) = Verifier(
        KeyRing(keys(test)),
        scheme(test),
        require = test.text("require"),
        replay = if (isRepeated(test)) ReplayGuard() else null,
        maxBody = test.long("max_body"),
        tolerance = test.duration("tolerance") ?: 300.seconds,
        futureTolerance = test.duration("future_tolerance"),
        dangerouslyIgnoreTimestamp = test["dangerously_ignore_timestamp"]?.asBoolean ?: false,
    )

    private fun isRepeated(test: JsonObject) = test.long("repeat") == 2L

    private fun scheme(test: JsonObject): Scheme =
        test["scheme_document"]?.let { Scheme.fromJson(it.toString()) } ?: Scheme.named(test.text("scheme") ?: "hookseal")

    private fun keys(test: JsonObject): List<Key> = test.getAsJsonArray("secrets").map { entry ->
        if (entry.isJsonPrimitive) return@map Key(entry.asString)
        val key = entry.asJsonObject
        val (first, last) = listOf("not_before", "not_after").map { key.long(it)?.let(Instant::ofEpochSecond) }
        Key(secret(key), key.text("id"), first, last)
    }

    private fun secret(entry: JsonObject): Secret {
        val value = entry["value"].asString
        return when (val type = entry.text("type")) {
            null -> Secret(value)
            "utf8" -> Secret.utf8(value)
            "base64" -> Secret.base64(value)
            "hex" -> Secret.hex(value)
            "bytes" -> Secret.bytes(Base64.getDecoder().decode(value))
            "ed25519_private" -> Secret.ed25519Private(value)
            "ed25519_public" -> Secret.ed25519Public(value)
            else -> error("no such type of secret: $type")
        }
    }

    private fun body(test: JsonObject) = Base64.getDecoder().decode(test["body_base64"].asString)

    private fun headers(test: JsonObject): List<Pair<String, String>> =
        test.getAsJsonArray("headers").map { it.asJsonArray[0].asString to it.asJsonArray[1].asString }

    private fun describe(verified: Verified): JsonObject {
        val ok = jsonOf(
            "timestamp" to verified.timestamp?.epochSecond.json(),
            "id" to verified.id.json(),
            "event_type" to verified.eventType.json(),
            "version" to verified.version.json(),
            "key_index" to verified.keyIndex.json(),
        )
        verified.keyId?.let { ok.addProperty("key_id", it) }
        return ok
    }
}

fun JsonObject.text(name: String): String? = this[name]?.takeUnless { it.isJsonNull }?.asString

fun JsonObject.long(name: String): Long? = this[name]?.takeUnless { it.isJsonNull }?.asLong

fun JsonObject.duration(name: String): Duration? = this[name]?.takeUnless { it.isJsonNull }?.asDouble?.seconds

fun jsonOf(vararg fields: Pair<String, JsonElement>) =
    JsonObject().also { json -> fields.forEach { (name, value) -> json.add(name, value) } }

fun Any?.json(): JsonElement = when (this) {
    null -> com.google.gson.JsonNull.INSTANCE
    is JsonElement -> this
    is Number -> JsonPrimitive(this)
    is List<*> -> JsonArray().also { array -> forEach { array.add(it.json()) } }
    else -> JsonPrimitive(toString())
}
