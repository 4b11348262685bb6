package io.hookseal.internal

/** Reads JSON that the core has written: maps, lists, strings, numbers as [Double], booleans and null. */
internal fun parsed(json: String): Any? = JsonReader(json).value()

private class JsonReader(private val text: String) {
    private var at = 0

    fun value(): Any? = when (next()) {
        '{' -> items('}') { string() to run { skip(':'); value() } }.toMap()
        '[' -> items(']') { value() }
        '"' -> string()
        't' -> word("true", true)
        'f' -> word("false", false)
        'n' -> word("null", null)
        else -> number()
    }

    private inline fun <T> items(end: Char, item: () -> T): List<T> {
        at += 1
        val items = mutableListOf<T>()
        while (next() != end) {
            if (items.isNotEmpty()) skip(',')
            items += item()
        }
        at += 1
        return items
    }

    private fun string(): String = buildString {
        skip('"')
        while (true) {
            val character = text[at++]
            if (character == '"') break
            append(if (character == '\\') escaped() else character)
        }
    }

    private fun escaped(): Char = when (val letter = text[at++]) {
        'n' -> '\n'
        't' -> '\t'
        'r' -> '\r'
        'b' -> '\b'
        'f' -> '\u000C'
        'u' -> text.substring(at, at + 4).toInt(16).toChar().also { at += 4 }
        else -> letter
    }

    private fun number(): Double {
        val start = at
        while (at < text.length && text[at] in "+-.0123456789eE") at += 1
        return text.substring(start, at).toDouble()
    }

    private fun <T> word(word: String, value: T): T {
        check(text.startsWith(word, at)) { "no JSON at $at" }
        at += word.length
        return value
    }

    private fun skip(character: Char) {
        check(next() == character) { "no JSON at $at" }
        at += 1
    }

    /** The next character that is no blank. */
    private fun next(): Char {
        while (text[at].isWhitespace()) at += 1
        return text[at]
    }
}
