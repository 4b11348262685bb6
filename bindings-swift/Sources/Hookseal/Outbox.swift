import Foundation
internal import HooksealFFI

/// Publishes events so that none is lost, and delivers them: what is published is in a database before `publish`
/// returns, and is attempted for every subscription that it fits until it is delivered, dead or cancelled.
///
/// ```swift
/// let outbox = try await Outbox.open(
///     "sqlite:hookseal.db", retry: RetryPolicy.none, delivery: DeliveryOptions(allowPrivate: true))
/// try await outbox.subscriptions.create(SubscriptionOptions(url: "http://127.0.0.1:9/in", events: ["order.*"]))
/// let event = try await outbox.publish(type: "order.paid", payload: ["id": 42], id: "evt_1")
/// try await outbox.worker().runUntilIdle()
/// let dead = try await outbox.deadLetters.list()
/// assert(!event.duplicate && dead.items.map(\.eventID) == ["evt_1"])
/// ```
///
/// The store is let go of with the last reference to the outbox and its workers, or by ``close()``. Cancelling a task
/// that waits ends the wait with `CancellationError`; what it asked for may have happened.
public final class Outbox: Sendable {
    private let uri: String
    private let native: NativeOutbox
    private let calls: Calls

    /// Who gets which events.
    public let subscriptions: Subscriptions
    /// What became of each event.
    public let deliveries: Deliveries
    /// The deliveries that were given up.
    public let deadLetters: DeadLetters

    private init(_ uri: String, _ native: NativeOutbox) {
        self.uri = uri
        self.native = native
        calls = Calls(native: native)
        subscriptions = Subscriptions(calls: calls)
        deliveries = Deliveries(calls: calls)
        deadLetters = DeadLetters(calls: calls)
    }

    /// Opens the store `sqlite:PATH`, `postgres://…` or `memory:`, each with an optional `?prefix=NAME` for its tables,
    /// and makes the tables where they are missing.
    ///
    /// - Parameters:
    ///   - encryptionKey: encrypts secrets in the store: 32 random bytes as hex or base64, the same for every program
    ///     that uses it. SQLite makes the file `PATH.key` if absent; PostgreSQL needs one.
    ///   - formerEncryptionKeys: keys that rows may still be encrypted with.
    ///   - retry: when a failed delivery is attempted again, unless its subscription says otherwise.
    ///   - idempotencyTTL: for how long an idempotency key means the event that it was first given with.
    ///   - retention: for how long delivered and cancelled deliveries are kept.
    ///   - deadRetention: for how long dead ones are.
    ///   - lease: after how long the work of a lost worker is taken over.
    ///   - poll: how often a worker looks for work that nobody told it of.
    ///   - disableAfter: a subscription that has failed for so long is disabled; `nil` for never.
    ///   - delivery: how workers deliver.
    public static func open(
        _ uri: String, encryptionKey: String? = nil, formerEncryptionKeys: [String] = [],
        retry: RetryPolicy = .standard, idempotencyTTL: Duration = .seconds(86_400),
        retention: Duration = .seconds(7 * 86_400), deadRetention: Duration = .seconds(30 * 86_400),
        lease: Duration = .seconds(60), poll: Duration = .seconds(1),
        disableAfter: Duration? = .seconds(5 * 86_400), delivery: DeliveryOptions = DeliveryOptions()
    ) async throws -> Outbox {
        let fields = Options(
            encryptionKey: encryptionKey, formerEncryptionKeys: formerEncryptionKeys, retry: retry,
            idempotencyTTL: timeInterval(idempotencyTTL), retention: timeInterval(retention),
            deadRetention: timeInterval(deadRetention), lease: timeInterval(lease), poll: timeInterval(poll),
            disableAfter: Setting(value: disableAfter.map(timeInterval)), delivery: delivery)
        let options = try options(fields)
        return Outbox(uri, try await waiting { try await NativeOutbox.open(uri: uri, options: options, wait: $0) })
    }

    /// Accepts an event: when this returns, it is in one committed, synced transaction.
    ///
    /// An id that the store has already stores nothing and answers with `duplicate`; with another type or payload it is
    /// a `conflict`.
    @discardableResult
    public func publish(_ publication: Publication) async throws -> Published {
        try await publish(publication, to: nil)
    }

    /// Accepts a payload: `Data`, `[UInt8]` and `String` as they are, anything else as JSON.
    @discardableResult
    public func publish(
        type: String, payload: some Encodable, id: String? = nil, metadata: [String: String] = [:],
        tenant: String? = nil, idempotencyKey: String? = nil, orderingKey: String? = nil, deliverAt: Date? = nil
    ) async throws -> Published {
        try await publish(
            Publication(
                Event(type, payload, id: id), metadata: metadata, tenant: tenant, idempotencyKey: idempotencyKey,
                orderingKey: orderingKey, deliverAt: deliverAt))
    }

    /// Accepts an event for this endpoint alone, which needs no subscription. It must be made of secrets that are text,
    /// and not of a signer, since the store keeps them.
    @discardableResult
    public func deliver(to endpoint: Endpoint, _ publication: Publication) async throws -> Published {
        try await publish(publication, to: endpoint.stored())
    }

    /// Accepts a payload for this endpoint alone.
    @discardableResult
    public func deliver(
        to endpoint: Endpoint, type: String, payload: some Encodable, id: String? = nil
    ) async throws -> Published {
        try await deliver(to: endpoint, Publication(Event(type, payload, id: id)))
    }

    /// One statement, with its parameters, that publishes an event inside a transaction of your own connection: the
    /// event is accepted if and only if you commit.
    ///
    /// Without a style it is ``Statement/ParamStyle/numeric`` for PostgreSQL, as PostgresNIO takes it, and
    /// ``Statement/ParamStyle/qmark`` for SQLite. Where your process uses SQLite itself, take
    /// ``publishStatement(_:for:style:)``, which opens nothing, and let workers run in another process: two SQLite
    /// libraries on one file in one process undo each other's locks.
    public func publishStatement(
        _ publication: Publication, style: Statement.ParamStyle? = nil
    ) throws(WebhookError) -> Statement {
        try Outbox.publishStatement(publication, for: uri, style: style)
    }

    /// The statement for a store that this process does not open; its tables must be there.
    public static func publishStatement(
        _ publication: Publication, for uri: String, style: Statement.ParamStyle? = nil
    ) throws(WebhookError) -> Statement {
        let options = try publication.options()
        return Statement(
            try Hookseal.native {
                try outboxStatement(
                    uri: uri, payload: publication.event.payload, options: options, style: style?.rawValue)
            })
    }

    /// A worker that makes at most so many attempts at once. It does nothing before it is run.
    public func worker(concurrency: Int = 64) throws(WebhookError) -> OutboxWorker {
        let concurrency = try count(concurrency, "concurrency")
        return OutboxWorker(try Hookseal.native { try native.worker(concurrency: concurrency) })
    }

    /// Works on deliveries until the task is cancelled; see ``OutboxWorker/run()``.
    public func run(concurrency: Int = 64) async throws {
        try await worker(concurrency: concurrency).run()
    }

    /// How many events and deliveries there are.
    public func status() async throws -> OutboxStatus {
        try await calls.answer("status")
    }

    /// Gives up what is too old and forgets what is long finished, as every worker does each minute.
    public func cleanUp() async throws {
        try await calls.done("clean_up")
    }

    /// Encrypts with the present key what a former one has encrypted; answers with how many rows.
    @discardableResult
    public func reencrypt() async throws -> Int {
        try await calls.answer("reencrypt")
    }

    /// Lets go of the store, once what is under way has ended. A worker keeps it until it is stopped.
    public func close() {
        native.letGo()
    }

    private func publish(_ publication: Publication, to endpoint: EndpointOptions?) async throws -> Published {
        let options = try publication.options(for: endpoint)
        let answer = try await waiting {
            try await self.native.publish(payload: publication.event.payload, options: options, wait: $0)
        }
        return try Hookseal.native { try decoded(answer) }
    }

    private struct Options: Encodable {
        let encryptionKey: String?
        let formerEncryptionKeys: [String]
        let retry: RetryPolicy
        let idempotencyTTL: TimeInterval
        let retention: TimeInterval
        let deadRetention: TimeInterval
        let lease: TimeInterval
        let poll: TimeInterval
        let disableAfter: Setting<TimeInterval>
        let delivery: DeliveryOptions
    }
}

/// How many rows of each kind there are.
public struct OutboxStatus: Sendable, Hashable, Codable {
    /// Events whose deliveries are not all made.
    public let eventsWaiting: Int
    public let pending: Int
    public let delivered: Int
    public let dead: Int
    /// Deliveries that a worker has taken.
    public let inFlight: Int
    public let subscriptions: Int
    /// Whether what is accepted survives this process.
    public let durable: Bool
}

/// The core's methods, by name.
struct Calls: Sendable {
    let native: NativeOutbox

    func answer<Answer: Decodable>(
        _ method: String, _ params: some Encodable & Sendable = [String: String]()
    ) async throws -> Answer {
        let answer = try await call(method, params)
        return try Hookseal.native { try decoded(answer) }
    }

    func done(_ method: String, _ params: some Encodable & Sendable = [String: String]()) async throws {
        _ = try await call(method, params)
    }

    private func call(_ method: String, _ params: some Encodable & Sendable) async throws -> String {
        let params = try options(params)
        return try await waiting { try await native.call(method: method, params: params, wait: $0) }
    }
}
