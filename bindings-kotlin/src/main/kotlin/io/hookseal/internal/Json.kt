package io.hookseal.internal

import java.math.BigDecimal
import java.math.BigInteger

/**
 * JSON of maps, iterables, arrays, strings, numbers, booleans and null.
 *
 * What is anything else, or no finite number, is handed to `refuse` with its path.
 */
internal fun json(value: Any?, refuse: (String) -> Nothing): String = buildString { write(value, "", 0, refuse) }

private const val MAX_DEPTH = 100

private fun StringBuilder.write(value: Any?, path: String, depth: Int, refuse: (String) -> Nothing) {
    if (depth > MAX_DEPTH) refuse("at ${path.take(40)}…: nested too deep")
    when (value) {
        null, is Boolean -> append(value)
        is String -> quote(value)
        is Double -> if (value.isFinite()) append(value) else refuse("${at(path)}: $value is not a JSON number")
        is Float -> if (value.isFinite()) append(value) else refuse("${at(path)}: $value is not a JSON number")
        is Byte, is Short, is Int, is Long, is BigInteger, is BigDecimal -> append(value.toString())
        is Map<*, *> -> between('{', '}', value.entries) { (key, item) ->
            if (key !is String) refuse("${at(path)}: a name must be a string")
            quote(key)
            append(':')
            write(item, if (path.isEmpty()) key else "$path.$key", depth + 1, refuse)
        }
        is Iterable<*> -> between('[', ']', value.withIndex()) { (index, item) -> write(item, "$path[$index]", depth + 1, refuse) }
        is Array<*> -> write(value.asList(), path, depth, refuse)
        else -> refuse("${at(path)}: ${value.javaClass.name} has no JSON form here; pass it as text")
    }
}

private inline fun <T> StringBuilder.between(open: Char, close: Char, items: Iterable<T>, write: (T) -> Unit) {
    append(open)
    var isFirst = true
    for (item in items) {
        if (!isFirst) append(',')
        isFirst = false
        write(item)
    }
    append(close)
}

private fun StringBuilder.quote(text: String) {
    append('"')
    for ((index, character) in text.withIndex()) {
        when {
            character == '"' || character == '\\' -> append('\\').append(character)
            character < ' ' || text.isHalfPairAt(index) -> append("\\u%04x".format(character.code))
            else -> append(character)
        }
    }
    append('"')
}

private fun String.isHalfPairAt(index: Int): Boolean {
    val character = this[index]
    return character.isHighSurrogate() && getOrNull(index + 1)?.isLowSurrogate() != true ||
        character.isLowSurrogate() && getOrNull(index - 1)?.isHighSurrogate() != true
}

private fun at(path: String) = if (path.isEmpty()) "at the top" else "at $path"
