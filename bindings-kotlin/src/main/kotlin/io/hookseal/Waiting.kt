package io.hookseal

import io.hookseal.internal.NativeException
import io.hookseal.internal.NativeWait
import io.hookseal.internal.native
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job

/** Waits for the core in a way that a cancelled coroutine can leave. */
internal suspend fun <T> waiting(call: suspend (NativeWait) -> T): T = NativeWait().use { wait ->
    try {
        native { call(wait) }
    } catch (left: CancellationException) {
        wait.cancel()
        throw left
    }
}

/** Waits for the core until `end`, where there is nothing more to be had from it. */
internal suspend fun <T> waiting(end: Job, call: suspend (NativeWait) -> T?): T? = waiting { wait ->
    val ending = end.invokeOnCompletion { runCatching { wait.cancel() } }
    try {
        call(wait)
    } catch (_: NativeException.Cancelled) {
        null
    } finally {
        ending.dispose()
    }
}
