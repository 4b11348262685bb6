internal import HooksealFFI

/// Works on an outbox's deliveries. Any number of workers, in any number of processes, share a store.
///
/// ```swift
/// let outbox = try await Outbox.open("memory:")
/// let worker = try outbox.worker(concurrency: 16)
/// let running = Task { try await worker.run() }
/// running.cancel()                                    // finishes what is under way and gives the rest back
/// try await running.value
/// assert(worker.counts.inHand == 0)
/// ```
public final class OutboxWorker: Sendable {
    private let native: NativeWorker

    init(_ native: NativeWorker) {
        self.native = native
    }

    /// Works until the task is cancelled or ``stop()`` is called: then takes nothing more, waits up to 25 seconds for
    /// the attempts under way, gives the rest back and returns. A store that fails is asked again, ever more slowly.
    ///
    /// Throws `closed` when the worker was stopped before.
    public func run() async throws {
        do {
            try await withTaskCancellationHandler {
                try await native.run()
            } onCancel: {
                native.stop()
            }
        } catch {
            let error = WebhookError(error)
            guard error.code == .closed, Task.isCancelled else { throw error }
        }
    }

    /// Works until nothing is due, for scripts and tests.
    @discardableResult
    public func runUntilIdle() async throws -> WorkerCounts {
        let counts = try await waiting { try await self.native.runUntilIdle(wait: $0) }
        return try Hookseal.native { try decoded(counts) }
    }

    /// Ends ``run()``.
    public func stop() {
        native.stop()
    }

    /// What it has done so far.
    public var counts: WorkerCounts {
        let none = WorkerCounts(attempts: 0, delivered: 0, retrying: 0, dead: 0, stale: 0, inHand: 0)
        return (try? decoded(native.counts())) ?? none
    }
}

/// What a worker has done since it was made, and how many rows it has in hand.
public struct WorkerCounts: Sendable, Hashable, Codable {
    public let attempts: Int
    public let delivered: Int
    public let retrying: Int
    public let dead: Int
    /// Outcomes that came after their lease had ended, and were refused.
    public let stale: Int
    public let inHand: Int
}
