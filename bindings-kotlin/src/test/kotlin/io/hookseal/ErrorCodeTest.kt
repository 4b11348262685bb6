package io.hookseal

import io.hookseal.internal.NativeException
import io.hookseal.internal.NativeFailure
import io.hookseal.internal.webhookException
import java.lang.reflect.Modifier
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ErrorCodeTest {
    private val declared = readJson(checkout.resolve("spec/errors.json")).getAsJsonArray("codes")
        .map { it.asJsonObject }.filter { it["only_untyped"]?.asBoolean != true }

    /** What `spec/errors.json` declares, this package has, and nothing else. */
    @Test
    fun `declared codes are handled`() {
        val constants = ErrorCode::class.java.fields
            .filter { Modifier.isStatic(it.modifiers) && it.type == String::class.java }.map { it.get(null) }
        assertEquals(declared.map { it["code"].asString }.toSet(), ErrorCode.all)
        assertEquals(ErrorCode.all, constants.toSet())
    }

    @Test
    fun `the kind of a code decides the class`() {
        val classes = mapOf(
            "verification" to VerificationException::class, "configuration" to ConfigException::class,
            "sending" to SendException::class, "store" to StoreException::class, "any" to WebhookException::class,
        )
        for (entry in declared.filter { it["kind"].asString != "attempt" }) {
            val (code, kind) = entry["code"].asString to entry["kind"].asString
            val retryable = entry["retryable"].asBoolean
            val thrown = webhookException(NativeException.Webhook(NativeFailure(code, kind, "why", retryable)))
            assertEquals(classes.getValue(kind), thrown::class, code)
            assertEquals(listOf(code, "why", retryable), listOf(thrown.code, thrown.message, thrown.retryable))
        }
    }
}
