package io.hookseal.internal

import java.nio.ByteBuffer
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit

/** Lends the core a copy of `bytes` for the time of a call: it can only borrow what lies outside the JVM's heap. */
internal inline fun <T> borrowed(bytes: ByteArray, call: (ByteBuffer) -> T): T {
    val copy = ByteBuffer.allocateDirect(bytes.size).put(bytes).flip()
    try {
        return call(copy)
    } finally {
        copy.clear().put(ByteArray(bytes.size))               // it may be a key
    }
}

/** Each character stands for one byte; one beyond that becomes a byte that no header may hold. */
internal fun String.latin1(): String =
    if (all { it <= '\u00FF' }) this else map { minOf(it, '\u00FF') }.joinToString("")

/** Half of a surrogate pair cannot be written in UTF-8: it becomes a character that is no name's and no URL's. */
internal fun String.wellFormed(): String =
    if (none { it.isSurrogate() }) this else String(toByteArray(Charsets.UTF_16), Charsets.UTF_16)

internal fun wholeSeconds(duration: Duration, option: String): ULong {
    val whole = duration.inWholeSeconds
    if (duration.isNegative() || whole.seconds != duration) {
        throw invalidConfig("$option must be whole seconds, and not negative")
    }
    return whole.toULong()
}

internal fun count(number: Long, option: String): ULong =
    if (number < 0) throw invalidConfig("$option must not be negative") else number.toULong()

internal fun Duration.inSeconds(): Double = toDouble(DurationUnit.SECONDS)
