import ConformanceKit
import Foundation
import Hookseal
import Testing

/// What holds when there is much of it.
@Suite struct CrowdTests {
    private let isFull = ProcessInfo.processInfo.environment["HOOKSEAL_FULL"] == "1"

    @Test func tenThousandTasksSendAtOnce() async throws {
        let receiver = try Receiver.shared.get()
        let sender = try Sender(allowPrivate: true, maxInFlightPerEndpoint: 64)
        let endpoint = try Endpoint(
            url: receiver.url("first-200", run: UUID().uuidString), secrets: ["whsec_demo"])
        let ids = try await withThrowingTaskGroup(of: String?.self) { group in
            for number in 0..<10_000 {
                group.addTask {
                    let delivery = try await sender.send(
                        to: endpoint, type: "order.paid", payload: "{}", id: "n\(number)")
                    return delivery.status == .delivered && delivery.attempts.count == 1 ? delivery.id : nil
                }
            }
            return try await group.reduce(into: Set<String>()) { ids, id in id.map { _ = ids.insert($0) } }
        }
        #expect(ids.count == 10_000 && sender.unfinished == 0)
    }

    @Test func aThousandTasksAreCancelledWhileTheyWait() async throws {
        let receiver = try Receiver.shared.get()
        let sender = try Sender(
            retry: RetryPolicy(maxAge: .seconds(86_400)), allowPrivate: true, rateLimit: RateLimit(perSecond: 0.001))
        let endpoint = try Endpoint(url: receiver.url("first-200", run: UUID().uuidString), secrets: ["whsec_demo"])
        #expect(try await sender.send(to: endpoint, type: "a", payload: "{}").status == .delivered)

        let handles = try (0..<1000).map { _ in try sender.enqueue(to: endpoint, type: "a", payload: "{}") }
        let waiters = handles.map { handle in Task { try await handle.result() } }
        for waiter in waiters { waiter.cancel() }
        var ended = 0
        for waiter in waiters {
            do { _ = try await waiter.value } catch is CancellationError { ended += 1 }
        }
        #expect(ended == 1000 && sender.unfinished == 1000)  // the waiting ended, not the deliveries

        #expect(handles.allSatisfy { $0.cancel() })
        var cancelled = 0
        for handle in handles where try await handle.result().status == .cancelled { cancelled += 1 }
        #expect(cancelled == 1000 && sender.unfinished == 0)
    }

    @Test func aCancelledReaderOfNoticesEnds() async throws {
        let sender = try Sender(allowPrivate: true)
        let reader = Task { await sender.notices.reduce(0) { count, _ in count + 1 } }
        reader.cancel()
        #expect(await reader.value == 0)
    }

    /// In a process of its own, whose memory is nobody else's.
    @Test func memoryStaysFlat() throws {
        let process = Process()
        process.executableURL = checkout.appending(path: "bindings-swift/.build/debug/hookseal-swift-tool")
        process.arguments = ["memory", isFull ? "1000000" : "100000"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let line = output.fileHandleForReading.readDataToEndOfFile()
        let pages = try JSONDecoder().decode([String: Int].self, from: line)
        let (before, after) = (try #require(pages["before"]), try #require(pages["after"]))
        print("memory: \(pages["verified"] ?? 0) verifications, \(before) kB before, \(after) kB after")
        #expect(after - before < before / 20, "\(before) kB have become \(after) kB")
    }
}
