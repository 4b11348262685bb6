import Foundation
internal import HooksealFFI

/// A delivery as the store has it.
public struct StoredDelivery: Sendable, Hashable, Identifiable, Codable {
    /// The same at every attempt, and in the header `X-Webhook-Id`.
    public let id: String
    public let eventID: String
    public let eventType: String
    /// The subscription's id, where it has one.
    public let subscription: String?
    public let status: Delivery.Status
    /// Why it is dead.
    public let reason: Delivery.Reason?
    /// How many are on record.
    public let attempts: Int
    /// When it is attempted next; for one that a worker has taken, when its lease ends.
    public let dueAt: Date
    public let acceptedAt: Date
    public let finishedAt: Date?

    private enum CodingKeys: String, CodingKey {
        case id
        case eventID = "eventId"
        case eventType, subscription, status, reason, attempts, dueAt, acceptedAt, finishedAt
    }
}

/// Which deliveries are meant: those that fit all that it says.
public struct DeliveryFilter: Sendable, Hashable {
    public var status: Delivery.Status?
    /// A pattern: `order.paid`, `order.*`, `*`.
    public var eventType: String?
    /// The subscription's id.
    public var subscription: String?
    public var eventID: String?
    public var tenant: String?
    /// Accepted then or later, to the second.
    public var since: Date?
    /// Accepted before.
    public var until: Date?

    public init(
        status: Delivery.Status? = nil, eventType: String? = nil, subscription: String? = nil,
        eventID: String? = nil, tenant: String? = nil, since: Date? = nil, until: Date? = nil
    ) {
        self.status = status
        self.eventType = eventType
        self.subscription = subscription
        self.eventID = eventID
        self.tenant = tenant
        self.since = since
        self.until = until
    }

    fileprivate func record() throws(WebhookError) -> Record {
        Record(
            status: status, eventType: eventType, subscription: subscription, eventID: eventID, tenant: tenant,
            since: try since.map { date throws(WebhookError) in try seconds(date) },
            until: try until.map { date throws(WebhookError) in try seconds(date) })
    }

    fileprivate struct Record: Encodable, Sendable {
        let status: Delivery.Status?
        let eventType: String?
        let subscription: String?
        let eventID: String?
        let tenant: String?
        let since: Int64?
        let until: Int64?
    }
}

/// A part of a list.
public struct Page<Item: Sendable & Codable>: Sendable, Codable {
    public let items: [Item]
    /// What to ask for the next part with; none at the end.
    public let cursor: String?
}

/// What became of each event.
public struct Deliveries: Sendable {
    let calls: Calls

    /// Newest first, at most `limit` (1 to 1,000); the page's cursor asks for more.
    public func list(
        _ filter: DeliveryFilter = DeliveryFilter(), limit: Int = 100, cursor: String? = nil
    ) async throws -> Page<StoredDelivery> {
        let limit = try count(limit, "limit")
        return try await calls.answer(
            "deliveries", PageRequest(filter: filter.record(), limit: limit, cursor: cursor))
    }

    /// All, newest first, asked for as they are read.
    ///
    /// ```swift
    /// let outbox = try await Outbox.open("memory:")
    /// for try await delivery in outbox.deliveries.all(DeliveryFilter(status: .dead)) {
    ///     print(delivery.id, delivery.reason as Any)
    /// }
    /// ```
    public func all(_ filter: DeliveryFilter = DeliveryFilter()) -> StoredDeliveries {
        StoredDeliveries { try await list(filter, limit: 1000, cursor: $0) }
    }

    /// One delivery; `not_found` where there is none.
    public func get(_ id: StoredDelivery.ID) async throws -> StoredDelivery {
        try await calls.answer("delivery", ["id": id])
    }

    /// Its attempts, oldest first. In what the receiver answered, bytes that are no UTF-8 are replaced.
    public func attempts(_ id: StoredDelivery.ID) async throws -> [Attempt] {
        let stored: [StoredAttempt] = try await calls.answer("attempts", ["id": id])
        return stored.map { Attempt($0.native) }
    }

    /// Attempts a finished delivery again, now and with a fresh schedule.
    @discardableResult
    public func retry(_ id: StoredDelivery.ID) async throws -> StoredDelivery {
        try await calls.answer("retry", ["id": id])
    }

    /// Gives an unfinished delivery up. An attempt that is under way may still arrive.
    @discardableResult
    public func cancel(_ id: StoredDelivery.ID) async throws -> StoredDelivery {
        try await calls.answer("cancel", ["id": id])
    }

    private struct PageRequest: Encodable {
        let filter: DeliveryFilter.Record
        let limit: UInt64
        let cursor: String?
    }
}

/// The deliveries that were given up. A filter's status means nothing here.
public struct DeadLetters: Sendable {
    let calls: Calls

    /// Newest first, at most `limit` (1 to 1,000); the page's cursor asks for more.
    public func list(
        _ filter: DeliveryFilter = DeliveryFilter(), limit: Int = 100, cursor: String? = nil
    ) async throws -> Page<StoredDelivery> {
        try await Deliveries(calls: calls).list(dead(filter), limit: limit, cursor: cursor)
    }

    /// All, newest first, asked for as they are read.
    public func all(_ filter: DeliveryFilter = DeliveryFilter()) -> StoredDeliveries {
        Deliveries(calls: calls).all(dead(filter))
    }

    /// Attempts those that the filter means again; answers with how many. A dry run only counts.
    @discardableResult
    public func retry(_ filter: DeliveryFilter = DeliveryFilter(), dryRun: Bool = false) async throws -> Int {
        try await calls.answer("retry_dead", Retry(filter: filter.record(), dryRun: dryRun))
    }

    /// Deletes those that were given up so long ago; answers with how many.
    @discardableResult
    public func purge(olderThan age: Duration) async throws -> Int {
        try await calls.answer("purge_dead", ["older_than": timeInterval(age)])
    }

    private func dead(_ filter: DeliveryFilter) -> DeliveryFilter {
        var filter = filter
        filter.status = .dead
        return filter
    }

    private struct Retry: Encodable {
        let filter: DeliveryFilter.Record
        let dryRun: Bool
    }
}

/// The deliveries of a list, page after page.
public struct StoredDeliveries: AsyncSequence, Sendable {
    public typealias Element = StoredDelivery
    typealias Ask = @Sendable (_ cursor: String?) async throws -> Page<StoredDelivery>

    private let ask: Ask

    init(_ ask: @escaping Ask) {
        self.ask = ask
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(ask)
    }

    public struct Iterator: AsyncIteratorProtocol {
        private let ask: Ask
        private var items: ArraySlice<StoredDelivery> = []
        private var cursor: String?
        private var isLast = false

        fileprivate init(_ ask: @escaping Ask) {
            self.ask = ask
        }

        public mutating func next() async throws -> StoredDelivery? {
            while items.isEmpty, !isLast {
                let page = try await ask(cursor)
                (items, cursor, isLast) = (page.items[...], page.cursor, page.cursor == nil)
            }
            return items.popFirst()
        }
    }
}

/// The record of an attempt in a store.
private struct StoredAttempt: Decodable {
    let number: UInt32
    let startedAt: Int64
    let outcome: String
    let error: String?
    let statusCode: UInt16?
    let phase: String
    let duration: Double
    let retryAfter: Double?
    let responseHeaders: [StoredHeader]
    let responseBody: String

    var native: NativeAttempt {
        NativeAttempt(
            number: number, startedAt: startedAt, succeeded: outcome == "succeeded", error: error,
            statusCode: statusCode, phase: phase, duration: duration, retryAfter: retryAfter,
            responseHeaders: responseHeaders.map { NativeHeader(name: $0.name, value: $0.value) },
            responseBody: Data(responseBody.utf8))
    }
}

/// A name and a value.
private struct StoredHeader: Decodable {
    let name: String
    let value: String

    init(from decoder: any Decoder) throws {
        var pair = try decoder.unkeyedContainer()
        name = try pair.decode(String.self)
        value = try pair.decode(String.self)
    }
}
