package io.hookseal

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File

val checkout: File = File("..").canonicalFile

fun readJson(file: File): JsonObject = JsonParser.parseString(file.readText()).asJsonObject

/** The code of the exception that `call` throws. */
inline fun code(call: () -> Any?): String? = try {
    call()
    null
} catch (error: WebhookException) {
    error.code
}

val isFull: Boolean = System.getenv("HOOKSEAL_FULL") == "1"
