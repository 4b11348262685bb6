import ConformanceKit
import Foundation
import Hookseal
import Testing

/// The outbox on SQLite, and on PostgreSQL where there is one.
@Suite final class OutboxTests: Sendable {
    let receiver: Receiver
    let run = UUID().uuidString
    let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    let folder = FileManager.default.temporaryDirectory.appending(path: "hookseal-\(UUID().uuidString)")

    init() throws {
        receiver = try Receiver.shared.get()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    private var file: String { folder.appending(path: "outbox.db").path }

    private func open(_ store: Store) async throws -> Outbox {
        switch store {
        case .sqlite: try await open("sqlite:\(file)")
        case .postgresql: try await open(Store.freshPostgres())
        }
    }

    private func open(_ uri: String) async throws -> Outbox {
        try await Outbox.open(
            uri, encryptionKey: Store.key, poll: .milliseconds(50), delivery: DeliveryOptions(allowPrivate: true))
    }

    private func url(_ scenario: String = "first-200") throws -> String {
        try receiver.url(scenario, run: run)
    }

    @Test(.enabled(if: Store.postgres != nil, "HOOKSEAL_TEST_POSTGRES names no server; tests/postgres/with starts one"))
    func postgresIsThere() async throws {
        #expect(try await open(.postgresql).status().durable)
    }

    // MARK: What is published

    @Test(arguments: Store.available)
    func whatIsPublishedIsDeliveredSignedAndToldOf(store: Store) async throws {
        let outbox = try await open(store)
        let subscription = try await outbox.subscriptions.create(
            SubscriptionOptions(
                url: url(), events: ["order.*"], filters: ["shop_id": "7"], description: "shop", secrets: [secret],
                headers: ["X-Shop_Id": "yes"]))
        #expect(subscription.events == ["order.*"] && subscription.filters == ["shop_id": "7"])
        #expect(subscription.status == .enabled && subscription.tenant == nil && subscription.description == "shop")
        #expect(abs(subscription.createdAt.timeIntervalSinceNow) < 60)

        let order = try Publication(Event("order.paid", ["id": 42], id: "evt_1"), metadata: ["shop_id": "7"])
        let (first, second) = (try await outbox.publish(order), try await outbox.publish(order))
        #expect(first.id == "evt_1" && !first.duplicate && second.id == "evt_1" && second.duplicate)
        #expect(
            await eventualCode {
                try await outbox.publish(type: "order.paid", payload: ["id": 43], id: "evt_1")
            } == .conflict)
        try await outbox.publish(type: "order.paid", payload: "{}", metadata: ["shop_id": "8"])
        try await outbox.publish(type: "user.new", payload: "{}", metadata: ["shop_id": "7"])
        let worker = try outbox.worker(concurrency: 4)
        #expect(try await worker.runUntilIdle().delivered == 1)
        let counts = worker.counts
        #expect(counts.attempts == 1 && counts.delivered == 1 && counts.retrying == 0 && counts.dead == 0)
        #expect(counts.stale == 0 && counts.inHand == 0)

        let requests = try await receiver.requests(run)
        let request = try #require(requests.first)
        let verified = try Verifier(secrets: [secret]).verify(
            body: request.body, headers: request.headers.map { ($0[0], $0[1]) })
        #expect(requests.count == 1 && request.body == Data(#"{"id":42}"#.utf8))
        #expect(verified.eventType == "order.paid" && request.header("x-shop_id") == "yes")

        let past = Date(timeIntervalSince1970: 0)
        let filter = DeliveryFilter(status: .delivered, eventType: "order.*", since: past)
        let page = try await outbox.deliveries.list(filter)
        let delivery = try #require(page.items.first)
        #expect(page.items.count == 1 && page.cursor == nil && delivery.id == verified.id)
        #expect(delivery.eventID == "evt_1" && delivery.subscription == subscription.id && delivery.attempts == 1)
        #expect(delivery.reason == nil && delivery.finishedAt != nil)
        #expect(try await outbox.deliveries.get(delivery.id) == delivery)
        #expect(try await outbox.deliveries.list(DeliveryFilter(until: past)).items.isEmpty)
        let attempts = try await outbox.deliveries.attempts(delivery.id)
        #expect(attempts.map(\.number) == [1] && attempts.first?.succeeded == true)
        #expect(attempts.first?.statusCode == 200 && attempts.first?.error == nil)
        #expect(attempts.first?.responseHeaders.isEmpty == false)

        let status = try await outbox.status()
        #expect(status.eventsWaiting == 0 && status.pending == 0 && status.delivered == 1 && status.dead == 0)
        #expect(status.inFlight == 0 && status.subscriptions == 1 && status.durable)
    }

    @Test(arguments: Store.available)
    func anEndpointNeedsNoSubscriptionAndHasItsScheme(store: Store) async throws {
        let outbox = try await open(store)
        let scheme = try Scheme(
            document: """
                { "name": "acme", "signature": { "header": "X-Acme-Signature", "grammar": "pairs" },
                  "timestamp": { "element": "t", "unit": "seconds" }, "content": "{timestamp}.{body}",
                  "versions": [{ "label": "v1", "algorithm": "hmac-sha512", "encoding": "base64" }], "key": "utf8" }
                """)
        let endpoint = try Endpoint(url: url(), secrets: ["whsec_demo"], scheme: scheme)
        let event = try Event("order.paid", Data("raw".utf8), contentType: "text/plain")
        let order = Publication(event, idempotencyKey: "k", orderingKey: "o", deliverAt: .now)
        let sent = try await outbox.deliver(to: endpoint, order)
        let again = try await outbox.deliver(to: endpoint, order)
        #expect(!sent.duplicate && again.duplicate && again.id == sent.id)
        try await outbox.worker().runUntilIdle()
        let request = try #require(try await receiver.requests(run).first)
        #expect(request.header("content-type") == "text/plain")
        _ = try Verifier(secrets: ["whsec_demo"], scheme: scheme).verify(
            body: request.body, headers: request.headers.map { ($0[0], $0[1]) })

        let signed = try Endpoint(url: url(), signer: Signer(secrets: ["whsec_demo"]))
        #expect(await eventualCode { try await outbox.deliver(to: signed, order) } == .invalidConfig)
        let typed = try Endpoint(url: url(), secrets: [Secret.hex(String(repeating: "00", count: 32))])
        #expect(await eventualCode { try await outbox.deliver(to: typed, order) } == .invalidConfig)
    }

    // MARK: Subscriptions

    @Test(arguments: Store.available)
    func subscriptionsLive(store: Store) async throws {
        let outbox = try await open(store)
        let subscriptions = outbox.subscriptions
        let id = try await subscriptions.create(
            SubscriptionOptions(url: url(), tenant: "acme", timeout: .seconds(5), retry: RetryPolicy.none)
        ).id
        let generated = try #require(try await subscriptions.secrets(id).first)
        #expect(generated.expose().hasPrefix("whsec_"))
        #expect(try await subscriptions.rotateSecret(id, to: secret, overlap: .seconds(60)).expose() == secret.expose())
        #expect(try await subscriptions.secrets(id).map { $0.expose() } == [secret, generated].map { $0.expose() })
        #expect(try await subscriptions.pause(id).status == .paused)
        #expect(try await subscriptions.resume(id).status == .enabled)
        let disabled = try await subscriptions.disable(id, reason: "mine")
        #expect(disabled.status == .disabled && disabled.reason == "mine")
        try await subscriptions.resume(id)
        let updated = try await subscriptions.update(
            id, SubscriptionOptions(url: url() + "b", events: ["a.*"], tenant: "acme"))
        #expect(try updated.url == url() + "b" && updated.events == ["a.*"])
        #expect(try await subscriptions.list(tenant: "acme") == [updated])
        #expect(try await subscriptions.list(tenant: "acme", after: id).isEmpty)
        #expect(try await subscriptions.list().isEmpty)
        try await subscriptions.sendTest(id)
        try await outbox.worker().runUntilIdle()
        let request = try #require(try await receiver.requests(run).first)
        #expect(request.path.hasSuffix("inb") && request.header("x-webhook-event") == "hookseal.test")
        _ = try Verifier(secrets: [secret]).verify(body: request.body, headers: request.headers.map { ($0[0], $0[1]) })
        try await subscriptions.delete(id)
        #expect(await eventualCode { try await subscriptions.get(id) } == .notFound)
    }

    @Test(arguments: Store.available)
    func deadLettersAreRetriedCountedAndPurged(store: Store) async throws {
        let outbox = try await open(store)
        try await outbox.subscriptions.create(SubscriptionOptions(url: url("third"), retry: RetryPolicy.none))
        try await outbox.publish(type: "order.paid", payload: "{}", id: "evt_1")
        try await outbox.publish(type: "user.new", payload: "{}", id: "evt_2")
        try await outbox.worker().runUntilIdle()

        let page = try await outbox.deadLetters.list(limit: 1)
        #expect(page.items.map(\.reason) == [.attemptsExhausted])
        let rest = try await outbox.deadLetters.list(limit: 1, cursor: page.cursor)
        #expect(rest.cursor == nil && Set((page.items + rest.items).map(\.eventID)) == ["evt_1", "evt_2"])
        #expect(await eventualCode { try await outbox.deadLetters.list(cursor: "forged") } == .invalidConfig)
        var all: [String] = []
        for try await delivery in outbox.deadLetters.all() { all.append(delivery.id) }
        #expect(all == (page.items + rest.items).map(\.id))

        let orders = DeliveryFilter(eventType: "order.*")
        #expect(try await outbox.deadLetters.retry(orders, dryRun: true) == 1)
        #expect(try await outbox.deadLetters.retry(orders) == 1)
        try await outbox.worker().runUntilIdle()
        let delivered = try #require(
            try await outbox.deliveries.list(DeliveryFilter(status: .delivered)).items.first)
        #expect(delivered.eventID == "evt_1" && delivered.attempts == 2)
        #expect(try await outbox.deadLetters.purge(olderThan: .seconds(3600)) == 0)
        #expect(try await outbox.deadLetters.purge(olderThan: .zero) == 1)
        #expect(try await outbox.deliveries.retry(delivered.id).status == .pending)
        #expect(try await outbox.deliveries.cancel(delivered.id).status == .cancelled)
        try await outbox.cleanUp()
        #expect(try await outbox.reencrypt() == 0)
    }

    // MARK: Workers

    @Test(arguments: Store.available)
    func aWorkerRunsUntilItsTaskIsCancelled(store: Store) async throws {
        let outbox = try await open(store)
        try await outbox.subscriptions.create(SubscriptionOptions(url: url()))
        let worker = try outbox.worker()
        let running = Task { try await worker.run() }
        try await outbox.publish(type: "order.paid", payload: "{}")
        while try await outbox.status().delivered == 0 {}
        running.cancel()
        try await running.value
        #expect(worker.counts.delivered == 1 && worker.counts.inHand == 0)
        #expect(await eventualCode { try await worker.run() } == .closed)

        let cancelled = Task { try await outbox.run() }
        cancelled.cancel()
        try await cancelled.value

        let stopped = try outbox.worker()
        async let ended: Void = stopped.run()
        stopped.stop()
        do { try await ended } catch let error as WebhookError { #expect(error.code == .closed) }
    }

    @Test func aWaitThatIsCancelledEnds() async throws {
        let outbox = try await open(.sqlite)
        try await outbox.subscriptions.create(SubscriptionOptions(url: url("silent")))
        try await outbox.publish(type: "order.paid", payload: "{}")
        let worker = try outbox.worker()
        let waiting = Task { try await worker.runUntilIdle() }
        while try await outbox.status().inFlight == 0 {}
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func oneStoreOutlivesItsOutboxes() async throws {
        try await open(.sqlite).publish(type: "order.paid", payload: ["id": 42], id: "evt_1")
        let other = try await open(.sqlite)
        #expect(try await other.publish(type: "order.paid", payload: ["id": 42], id: "evt_1").duplicate)
        #expect(try await other.status().eventsWaiting == 1)
    }

    // MARK: Your own transaction

    /// In another process: two SQLite libraries on one file in one process undo each other's locks.
    @Test func yourOwnTransactionPublishes() async throws {
        let outbox = try await open(.sqlite)
        try await outbox.subscriptions.create(SubscriptionOptions(url: url()))
        for (id, end) in [("evt_1", "ROLLBACK"), ("evt_2", "COMMIT")] {
            let statement = try outbox.publishStatement(Publication(Event("order.paid", ["id": id], id: id)))
            try transact(statement, end: end)
        }
        try await outbox.worker().runUntilIdle()
        #expect(try await receiver.requests(run).map(\.body) == [Data(#"{"id":"evt_2"}"#.utf8)])
        #expect(try await outbox.publish(type: "order.paid", payload: ["id": "evt_2"], id: "evt_2").duplicate)
    }

    private func transact(_ statement: Statement, end: String) throws {
        let params = statement.params.map { param -> Judge.JSON in
            switch param {
            case .null: ["null": Judge.JSON()]
            case .integer(let value): ["integer": ["_0": value]]
            case .text(let value): ["text": ["_0": value]]
            case .blob(let value): ["blob": ["_0": value.base64EncodedString()]]
            }
        }
        let process = Process()
        process.executableURL = checkout.appending(path: "bindings-swift/.build/debug/hookseal-swift-tool")
        process.arguments = ["sqlite"]
        let input = Pipe()
        process.standardInput = input
        try process.run()
        input.fileHandleForWriting.write(
            Data(line(["path": file, "sql": statement.sql, "params": params, "end": end]).utf8))
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test func aStatementIsSpelledForEachDriverAndOpensNothing() throws {
        let publication = try Publication(Event("order.paid", "{}", id: "evt_1"), tenant: "acme")
        func spelled(_ uri: String, _ style: Statement.ParamStyle? = nil) throws -> Statement {
            try Outbox.publishStatement(publication, for: uri, style: style)
        }
        let sqlite = try spelled("sqlite:nowhere/a.db?prefix=app")
        #expect(sqlite.sql.hasPrefix("INSERT INTO app_events ") && sqlite.sql.contains("VALUES (?, ?"))
        #expect(Array(sqlite.params.prefix(3)) == [.text("evt_1"), .text("order.paid"), .blob(Data("{}".utf8))])
        #expect(sqlite.params.contains(.text("acme")) && sqlite.params.contains(.null))
        #expect(try spelled("postgres://nobody@nowhere/x").sql.contains("$1, $2"))
        #expect(try spelled("postgres://nobody@nowhere/x", .format).sql.contains("%s, %s"))
        #expect(try spelled("sqlite:a.db", .named).sql.contains(":p1, :p2"))
        #expect(code { try spelled("memory:") } == .invalidConfig)
    }

    // MARK: Wrong use

    @Test func wrongUseHasItsCode() async throws {
        let outbox = try await open(.sqlite)
        func refused(_ call: () async throws -> some Any) async -> ErrorCode? { await eventualCode(call) }

        #expect(await refused { try await Outbox.open("mysql://u:CANARY@h/d") } == .invalidConfig)
        #expect(await refused { try await Outbox.open("memory:", encryptionKey: "short") } == .invalidConfig)
        #expect(await refused { try await Outbox.open("memory:", lease: .seconds(1)) } == .invalidConfig)
        #expect(await refused { try await Outbox.open("memory:", retention: .seconds(-1)) } == .invalidConfig)
        #expect(await refused { try await Outbox.open("memory:", disableAfter: nil) } == nil)
        #expect(
            await refused { try await Outbox.open("memory:", delivery: DeliveryOptions(breaker: nil)) } == nil)
        #expect(await refused { try await Outbox.open("sqlite:/nowhere/none/a.db") } == .storageUnavailable)
        #expect(
            await refused { try await Outbox.open("postgres://nobody@127.0.0.1:1/x", encryptionKey: Store.key) }
                == .storageUnavailable)

        #expect(await refused { try await outbox.publish(type: "", payload: "{}") } == .invalidEvent)
        #expect(await refused { try await outbox.publish(type: "a", payload: ["n": Double.nan]) } == .invalidEvent)
        #expect(await refused { try await outbox.publish(type: "a", payload: "{}", id: "a b") } == .invalidEvent)
        #expect(await refused { try await outbox.publish(type: "a", payload: "{}", tenant: "") } == .invalidConfig)
        let never = Date(timeIntervalSince1970: .nan)
        #expect(
            await refused { try await outbox.publish(type: "a", payload: "{}", deliverAt: never) } == .invalidConfig)

        let url = try url()
        func subscribe(_ options: SubscriptionOptions) async -> ErrorCode? {
            await eventualCode { try await outbox.subscriptions.create(options) }
        }
        #expect(await subscribe(SubscriptionOptions(url: "")) == .invalidURL)
        #expect(await subscribe(SubscriptionOptions(url: url, events: ["a*"])) == .invalidConfig)
        #expect(await subscribe(SubscriptionOptions(url: url, headers: ["Host": "b"])) == .invalidHeader)
        #expect(await subscribe(SubscriptionOptions(url: url, secrets: [""])) == .emptySecret)
        #expect(await refused { try await outbox.subscriptions.get("none") } == .notFound)
        #expect(await refused { try await outbox.deliveries.get("none") } == .notFound)
        #expect(await refused { try await outbox.deliveries.list(limit: 0) } == .invalidConfig)
        #expect(await refused { try await outbox.deliveries.list(limit: -1) } == .invalidConfig)
        #expect(await refused { try await outbox.deadLetters.purge(olderThan: .seconds(-1)) } == .invalidConfig)
        #expect(code { try outbox.worker(concurrency: 0) } == .invalidConfig)
        #expect(code { try outbox.worker(concurrency: -1) } == .invalidConfig)

        let guarded = try await Outbox.open("memory:")
        #expect(
            await refused { try await guarded.subscriptions.create(SubscriptionOptions(url: url)) } == .blockedAddress)
        outbox.close()
        #expect(await refused { try await outbox.publish(type: "a", payload: "{}") } == .closed)
        #expect(code { try outbox.worker() } == .closed)
        outbox.close()
    }

    @Test func aStoreErrorSaysSo() async throws {
        do {
            _ = try await Outbox.open("sqlite:/nowhere/none/a.db")
            Issue.record("a folder that is not there was taken")
        } catch let error as WebhookError {
            #expect(error.kind == .store && error.retryable && error.code == .storageUnavailable)
        }
    }
}

/// Where an outbox of a test is.
enum Store: String, CustomTestStringConvertible {
    case sqlite = "SQLite"
    case postgresql = "PostgreSQL"

    static let postgres = ProcessInfo.processInfo.environment["HOOKSEAL_TEST_POSTGRES"]
    static let available: [Store] = postgres == nil ? [.sqlite] : [.sqlite, .postgresql]
    static let key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

    var testDescription: String { rawValue }

    /// Tables of its own on the server.
    static func freshPostgres() throws -> String {
        let server = try #require(postgres)
        return "\(server)\(server.contains("?") ? "&" : "?")prefix=swift_\(UUID().uuidString.lowercased().prefix(8))"
    }
}
