package io.hookseal

import io.hookseal.internal.NativeWorker
import io.hookseal.internal.Record
import io.hookseal.internal.native
import io.hookseal.internal.parsed
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/**
 * Works on an outbox's deliveries. Any number of workers, in any number of processes, share a store.
 *
 * ```kotlin
 * Outbox.open("memory:").use { outbox ->
 *     val worker = outbox.worker(concurrency = 16)
 *     val running = launch { worker.run() }
 *     running.cancelAndJoin()                         // finishes what is under way and gives the rest back
 *     check(worker.counts.inHand == 0L)
 * }
 * ```
 */
public class OutboxWorker internal constructor(private val native: NativeWorker) {
    /**
     * Works until the coroutine is cancelled or [stop] is called: then takes nothing more, waits up to 25 seconds for the
     * attempts under way and gives the rest back. A store that fails is asked again, ever more slowly.
     *
     * `closed` when the worker was stopped before.
     */
    public suspend fun run(): Unit = coroutineScope {
        ensureActive()
        val stopping = launch(start = CoroutineStart.UNDISPATCHED) {
            try {
                awaitCancellation()
            } finally {
                native.stop()
            }
        }
        try {
            withContext(NonCancellable) { native { native.run() } }
        } catch (refused: SendException) {
            ensureActive()                                            // it was cancelled before its first step
            throw refused
        } finally {
            stopping.cancel()
        }
    }

    /** Works until nothing is due, for scripts and tests. */
    public suspend fun runUntilIdle(): WorkerCounts = WorkerCounts(Record(parsed(waiting { native.runUntilIdle(it) })))

    /** Ends [run]. */
    public fun stop() {
        native.stop()
    }

    /** What it has done so far. */
    public val counts: WorkerCounts get() = WorkerCounts(Record(parsed(native { native.counts() })))
}

/**
 * What a worker has done since it was made.
 *
 * @property stale outcomes that came after their lease had ended, and were refused.
 * @property inHand how many rows it has now.
 */
public data class WorkerCounts(
    public val attempts: Long,
    public val delivered: Long,
    public val retrying: Long,
    public val dead: Long,
    public val stale: Long,
    public val inHand: Long,
) {
    internal constructor(record: Record) : this(
        record.count("attempts"),
        record.count("delivered"),
        record.count("retrying"),
        record.count("dead"),
        record.count("stale"),
        record.count("in_hand"),
    )
}
