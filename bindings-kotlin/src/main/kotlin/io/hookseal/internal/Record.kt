package io.hookseal.internal

import java.time.Instant
import kotlin.math.roundToLong

/** An object that the core has answered with: names in snake_case, times in seconds. */
internal class Record(json: Any?) {
    private val fields = json as Map<*, *>

    fun <T> optional(name: String, read: (Any) -> T): T? = fields[name]?.let(read)

    fun text(name: String): String = fields[name] as String

    fun textOrNull(name: String): String? = fields[name] as String?

    fun number(name: String): Double = fields[name] as Double

    fun count(name: String): Long = number(name).toLong()

    fun flag(name: String): Boolean = fields[name] as Boolean

    fun time(name: String): Instant = instant(number(name))

    fun timeOrNull(name: String): Instant? = optional(name) { instant(it as Double) }

    fun list(name: String): List<*> = fields[name] as List<*>

    fun texts(name: String): Map<String, String> =
        (fields[name] as Map<*, *>).entries.associate { (key, value) -> key as String to value as String }

    private fun instant(seconds: Double) = Instant.ofEpochMilli((seconds * 1000).roundToLong())
}
