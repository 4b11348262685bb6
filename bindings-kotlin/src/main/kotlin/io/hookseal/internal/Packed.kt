package io.hookseal.internal

import com.sun.jna.Native
import com.sun.jna.Pointer
import io.hookseal.ErrorCode
import io.hookseal.VerificationException
import io.hookseal.WebhookException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.ConcurrentLinkedQueue

/** The calls of `rust/packed.rs`: only numbers cross. */
internal object PackedLibrary {
    init {
        Native.register(PackedLibrary::class.java, NAME)
    }

    external fun hookseal_verify(verifier: Long, memory: Long, packed: Int, body: Int, room: Int): Int

    external fun hookseal_sign(signer: Long, memory: Long, packed: Int, body: Int, room: Int): Int
}

/** A verifier whose handle [PackedLibrary] may borrow. */
internal class PackedVerifier(ring: NativeKeyRing, options: NativeVerifierOptions) : NativeVerifier(ring, options) {
    val address: Long get() = handle
}

/** A signer whose handle [PackedLibrary] may borrow. */
internal class PackedSigner(ring: NativeKeyRing, scheme: NativeScheme, until: Long?, also: List<NativeSigner>) :
    NativeSigner(ring, scheme, until, also) {
    val address: Long get() = handle
}

/**
 * Puts a number, texts and a body into memory outside the JVM's heap, calls, and reads the answer from there.
 *
 * Small memories are shared, because making one costs more than filling it.
 */
internal inline fun <T> packed(
    number: Long?,
    texts: List<ByteArray?>,
    body: ByteArray,
    call: (memory: Long, packed: Int, body: Int, room: Int) -> Int,
    read: Memory.() -> T,
): T {
    val size = NUMBER_SIZE + texts.sumOf { LENGTH_SIZE + (it?.size ?: 0).toLong() } + body.size
    var memory = Memory.of(size)
    try {
        while (true) {
            val packed = memory.fill(number, texts, body)
            val length = call(memory.address, packed, body.size, memory.size)
            if (length > 0) return memory.answer(length).read()
            if (length < 0) throw memory.failure(length)
            val larger = Memory.of(memory.size + 64L * 1024)   // there was no room for the answer
            memory.release()
            memory = larger
        }
    } finally {
        memory.release()
    }
}

internal class Memory(val size: Int) {
    private val native = com.sun.jna.Memory(size.toLong())
    private val buffer: ByteBuffer = native.getByteBuffer(0, size.toLong()).order(ByteOrder.LITTLE_ENDIAN)
    val address: Long = Pointer.nativeValue(native)

    /** Answers how many bytes stand before the body. */
    fun fill(number: Long?, texts: List<ByteArray?>, body: ByteArray): Int {
        buffer.clear().put(if (number == null) 0 else 1).putLong(number ?: 0)
        for (text in texts) {
            buffer.putInt(text?.size ?: ABSENT)
            text?.let(buffer::put)
        }
        val packed = buffer.position()
        buffer.put(body)
        return packed
    }

    fun answer(length: Int): Memory = apply { buffer.clear().limit(length) }

    val isEmpty: Boolean get() = !buffer.hasRemaining()

    fun number(): Long? {
        val isPresent = buffer.get().toInt() == 1
        return buffer.getLong().takeIf { isPresent }
    }

    fun text(): String? {
        val length = buffer.getInt()
        return if (length == ABSENT) null else utf8(length)
    }

    fun failure(length: Int): WebhookException {
        if (length == Int.MIN_VALUE) return WebhookException(ErrorCode.INTERNAL, "the core panicked", false)
        buffer.clear()
        val (code, kind, message) = utf8(-length).split('\n', limit = 3)
        return NativeFailure(code.removePrefix("+"), kind, message, code.startsWith('+')).exception()
    }

    /** A large one is freed at once: waiting for the garbage collector, a few requests could hold all memory. */
    fun release() {
        if (size == SHARED_SIZE) shared.offer(this) else native.close()
    }

    private fun utf8(length: Int) = String(ByteArray(length).also { buffer.get(it) }, Charsets.UTF_8)

    companion object {
        fun of(filled: Long): Memory = when {
            filled <= SHARED_SIZE - ROOM -> shared.poll() ?: Memory(SHARED_SIZE)
            filled <= Int.MAX_VALUE - ROOM -> Memory(filled.toInt() + ROOM)
            else -> throw VerificationException(ErrorCode.BODY_TOO_LARGE, "the request has $filled bytes", false)
        }
    }
}

internal const val NUMBER_SIZE = 9
internal const val LENGTH_SIZE = 4
private const val ABSENT = -1

/** What is left for an answer that is longer than the question. */
private const val ROOM = 4 * 1024
private const val SHARED_SIZE = 32 * 1024
private val shared = ConcurrentLinkedQueue<Memory>()
