package io.hookseal.internal

import com.sun.jna.NativeLibrary
import com.sun.jna.Platform
import io.hookseal.ConfigException
import io.hookseal.ErrorCode
import io.hookseal.SendException
import io.hookseal.StoreException
import io.hookseal.VerificationException
import io.hookseal.WebhookException
import java.io.File
import java.nio.charset.CharacterCodingException

/** Calls into the core; every failure leaves as a [WebhookException]: `refusal` for a text that is no Unicode. */
internal inline fun <T> native(refusal: String = ErrorCode.INVALID_CONFIG, call: () -> T): T {
    library.getOrThrow()
    try {
        return call()
    } catch (error: NativeException) {
        throw webhookException(error)
    } catch (error: InternalException) {
        throw WebhookException(ErrorCode.INTERNAL, error.message ?: "the core failed", false, error)
    } catch (_: CharacterCodingException) {
        throw ConfigException(refusal, "a text holds half of a surrogate pair")
    }
}

internal fun webhookException(error: NativeException): WebhookException = when (error) {
    is NativeException.Webhook -> error.failure.exception()
    is NativeException.Cancelled -> WebhookException(ErrorCode.INTERNAL, "the caller no longer waits", false)
}

internal fun NativeFailure.exception(): WebhookException = when (kind) {
    "verification" -> VerificationException(code, message, retryable)
    "configuration" -> ConfigException(code, message, retryable)
    "sending" -> SendException(code, message, retryable)
    "store" -> StoreException(code, message, retryable)
    else -> WebhookException(code, message, retryable)
}

internal fun invalidConfig(message: String) = ConfigException(ErrorCode.INVALID_CONFIG, message)

internal const val NAME = "hookseal_kotlin"

/** The Rust half: from `java.library.path` where it is, else from the class path, where JNA looks by platform. */
internal val library: Result<Unit> by lazy {
    runCatching {
        val file = System.mapLibraryName(NAME)
        val folders = System.getProperty("java.library.path").orEmpty().split(File.pathSeparator)
        folders.filter { File(it, file).isFile }.forEach { NativeLibrary.addSearchPath(NAME, it) }
        try {
            NativeLibrary.getInstance(NAME)
        } catch (error: UnsatisfiedLinkError) {
            throw UnsatisfiedLinkError(
                "Hookseal has no native library for this platform: neither is ${Platform.RESOURCE_PREFIX}/$file on the " +
                    "class path, nor $file in java.library.path. Build it with `cargo build --release -p hookseal-kotlin` " +
                    "and name its folder with -Djava.library.path.",
            ).initCause(error)
        }
        try {
            uniffiEnsureInitialized()
        } catch (error: LinkageError) {
            throw UnsatisfiedLinkError("$file is of another version than this package").initCause(error)
        }
    }
}
