package io.hookseal

import io.hookseal.internal.NativeEvent
import io.hookseal.internal.json
import io.hookseal.internal.wellFormed
import java.nio.CharBuffer
import java.nio.charset.CharacterCodingException

/**
 * What is sent: an event type and a payload.
 *
 * A `ByteArray` and a `String` are sent as they are: hand over what your JSON library wrote. Maps, lists, numbers,
 * booleans and null are written as JSON; anything else is `invalid_event`, naming its path.
 *
 * ```kotlin
 * val json = Event("order.paid", mapOf("id" to 42))
 * val text = Event("order.paid", "<order/>", contentType = "application/xml", id = "evt_1")
 * check(String(json.payload) == """{"id":42}""" && text.id == "evt_1")
 * ```
 *
 * @property id one per delivery; made by the sender when absent.
 * @property traceparent the trace that it belongs to, in the form of W3C Trace Context; sent along as a header.
 */
public class Event @JvmOverloads constructor(
    public val type: String,
    payload: Any?,
    public val id: String? = null,
    public val contentType: String = "application/json",
    public val traceparent: String? = null,
) {
    /** The bytes that are signed and sent. */
    public val payload: ByteArray = when (payload) {
        is ByteArray -> payload
        is String -> utf8(payload)
        else -> utf8(json(payload) { throw invalid("the payload is not JSON: $it") })
    }

    internal fun native() =
        NativeEvent(type.wellFormed(), payload, contentType.wellFormed(), id?.wellFormed(), traceparent?.wellFormed())

    private companion object {
        fun utf8(text: String): ByteArray = try {
            val bytes = Charsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text))
            ByteArray(bytes.remaining()).also(bytes::get)
        } catch (_: CharacterCodingException) {
            throw invalid("the payload holds half of a surrogate pair")
        }

        fun invalid(message: String) = SendException(ErrorCode.INVALID_EVENT, message)
    }
}
