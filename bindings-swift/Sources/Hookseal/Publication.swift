import Foundation
internal import HooksealFFI

/// An event with what an outbox needs to know of it.
///
/// ```swift
/// let order = try Publication(
///     Event("order.paid", ["id": 42], id: "evt_1"), metadata: ["region": "eu"], orderingKey: "order-42")
/// assert(order.event.type == "order.paid" && order.tenant == nil)
/// ```
public struct Publication: Sendable {
    public var event: Event
    /// What the filters of subscriptions are compared with.
    public var metadata: [String: String]
    /// Whose event it is: only this tenant's subscriptions get it.
    public var tenant: String?
    /// A second event with this key is the first one, for as long as the outbox remembers keys.
    public var idempotencyKey: String?
    /// Each subscription gets the events of one key in order: the next when the one before is delivered or dead.
    public var orderingKey: String?
    /// It is delivered no earlier than this, to the second.
    public var deliverAt: Date?

    public init(
        _ event: Event, metadata: [String: String] = [:], tenant: String? = nil, idempotencyKey: String? = nil,
        orderingKey: String? = nil, deliverAt: Date? = nil
    ) {
        self.event = event
        self.metadata = metadata
        self.tenant = tenant
        self.idempotencyKey = idempotencyKey
        self.orderingKey = orderingKey
        self.deliverAt = deliverAt
    }

    /// All but the payload; with an endpoint, a delivery to there.
    func options(for endpoint: EndpointOptions? = nil) throws(WebhookError) -> String {
        try Hookseal.options(
            Options(
                eventType: event.type, id: event.id, contentType: event.contentType, traceparent: event.traceparent,
                metadata: metadata, tenant: tenant, idempotencyKey: idempotencyKey, orderingKey: orderingKey,
                deliverAt: deliverAt.map { date throws(WebhookError) in try seconds(date) }, endpoint: endpoint))
    }

    private struct Options: Encodable {
        let eventType: String
        let id: String?
        let contentType: String
        let traceparent: String?
        let metadata: [String: String]
        let tenant: String?
        let idempotencyKey: String?
        let orderingKey: String?
        let deliverAt: Int64?
        let endpoint: EndpointOptions?
    }
}

/// An event that the store has.
public struct Published: Sendable, Hashable, Identifiable, Codable {
    /// The event's id.
    public let id: String
    /// Whether the store had it before.
    public let duplicate: Bool
}

/// A statement for your own connection to the database.
public struct Statement: Sendable, Hashable {
    public let sql: String
    /// In order; in the style ``ParamStyle/named`` the first is `:p1`, the second `:p2`.
    public let params: [Value]

    public enum Value: Sendable, Hashable {
        case null
        case integer(Int64)
        case text(String)
        case blob(Data)
    }

    /// How a driver writes parameters.
    public enum ParamStyle: String, Sendable, Hashable {
        /// `?`
        case qmark
        /// `$1`
        case numeric
        /// `%s`
        case format
        /// `:p1`
        case named
    }

    init(_ native: NativeStatement) {
        sql = native.sql
        params = native.params.map { param in
            switch param {
            case .null: .null
            case .integer(let value): .integer(value)
            case .text(let value): .text(value)
            case .blob(let value): .blob(value)
            }
        }
    }
}
