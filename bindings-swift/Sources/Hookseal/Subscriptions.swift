import Foundation

/// A subscription to make, or to put in the place of another.
///
/// ```swift
/// var options = SubscriptionOptions(url: "https://hooks.example.com/in", events: ["order.*"], tenant: "acme")
/// options.filters = ["region": "eu"]
/// options.scheme = .standardWebhooks
/// ```
public struct SubscriptionOptions: Sendable {
    public var url: String
    /// Patterns of event types: `order.paid`, `order.*`, `*`.
    public var events: [String]
    /// Metadata that an event must have, all of it.
    public var filters: [String: String]
    /// Whose it is: it gets this tenant's events and no others.
    public var tenant: String?
    /// A note for people.
    public var description: String?
    /// All live secrets, newest first, none of them typed; where there are none, one is generated, or those that the
    /// subscription has are kept.
    public var secrets: [Secret]
    public var scheme: Scheme
    /// Extra request headers.
    public var headers: [String: String]
    /// The deadline of one attempt.
    public var timeout: Duration?
    /// Its own policy.
    public var retry: RetryPolicy?
    /// How many attempts it gets from all workers together.
    public var rateLimit: RateLimit?
    public var basicAuth: (user: String, password: String)?
    /// The token.
    public var bearer: String?
    /// For mutual TLS: one PEM text with the certificate chain and its private key.
    public var identity: String?

    public init(
        url: String, events: [String] = ["*"], filters: [String: String] = [:], tenant: String? = nil,
        description: String? = nil, secrets: [Secret] = [], scheme: Scheme = .hookseal,
        headers: [String: String] = [:], timeout: Duration? = nil, retry: RetryPolicy? = nil,
        rateLimit: RateLimit? = nil, basicAuth: (user: String, password: String)? = nil, bearer: String? = nil,
        identity: String? = nil
    ) {
        self.url = url
        self.events = events
        self.filters = filters
        self.tenant = tenant
        self.description = description
        self.secrets = secrets
        self.scheme = scheme
        self.headers = headers
        self.timeout = timeout
        self.retry = retry
        self.rateLimit = rateLimit
        self.basicAuth = basicAuth
        self.bearer = bearer
        self.identity = identity
    }

    fileprivate func record() throws(WebhookError) -> Record {
        let endpoint = EndpointOptions(
            url: url, headers: headers, timeout: timeout, retry: retry, rateLimit: rateLimit, basicAuth: basicAuth,
            bearer: bearer, identity: identity)
        return Record(
            endpoint: try endpoint.sealed(with: secrets, scheme), events: events, filters: filters, tenant: tenant,
            description: description)
    }

    fileprivate struct Record: Encodable, Sendable {
        let endpoint: EndpointOptions
        let events: [String]
        let filters: [String: String]
        let tenant: String?
        let description: String?

        private enum CodingKeys: String, CodingKey {
            case events, filters, tenant, description
        }

        /// All in one object.
        func encode(to encoder: any Encoder) throws {
            try endpoint.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(events, forKey: .events)
            try container.encode(filters, forKey: .filters)
            try container.encodeIfPresent(tenant, forKey: .tenant)
            try container.encodeIfPresent(description, forKey: .description)
        }
    }
}

/// A subscription as the store has it, without its secrets.
public struct Subscription: Sendable, Hashable, Identifiable, Codable {
    public let id: String
    public let tenant: String?
    public let url: String
    public let events: [String]
    public let filters: [String: String]
    public let description: String?
    public let status: Status
    /// Why it is disabled: `gone`, `failing`, or what ``Subscriptions/disable(_:reason:)`` was given.
    public let reason: String?
    public let createdAt: Date

    public enum Status: String, Sendable, Hashable, Codable {
        case enabled
        /// Its deliveries are made and wait.
        case paused
        /// Events are not for it.
        case disabled
    }
}

/// Who gets which events.
public struct Subscriptions: Sendable {
    let calls: Calls

    /// Makes a subscription, for the events that are published from now on.
    @discardableResult
    public func create(_ options: SubscriptionOptions) async throws -> Subscription {
        try await calls.answer("subscribe", options.record())
    }

    /// One subscription; `not_found` where there is none.
    public func get(_ id: Subscription.ID) async throws -> Subscription {
        try await calls.answer("subscription", ["id": id])
    }

    /// The tenant's, or those without one, oldest first; at most 1,000, after the one with the id `after`.
    public func list(tenant: String? = nil, after: Subscription.ID? = nil) async throws -> [Subscription] {
        try await calls.answer("subscriptions", ["tenant": tenant, "after": after])
    }

    /// Puts these options in the place of all that it had; without secrets it keeps its own.
    @discardableResult
    public func update(_ id: Subscription.ID, _ options: SubscriptionOptions) async throws -> Subscription {
        try await calls.answer("update_subscription", Update(id: id, options: options.record()))
    }

    /// Deletes it; its unfinished deliveries are cancelled.
    public func delete(_ id: Subscription.ID) async throws {
        try await calls.done("unsubscribe", ["id": id])
    }

    /// Lets its deliveries wait until ``resume(_:)``.
    @discardableResult
    public func pause(_ id: Subscription.ID) async throws -> Subscription {
        try await calls.answer("pause", ["id": id])
    }

    /// Goes on; the events of a time in which it was disabled are not made up for.
    @discardableResult
    public func resume(_ id: Subscription.ID) async throws -> Subscription {
        try await calls.answer("resume", ["id": id])
    }

    /// Stops it: events from now on are not for it.
    @discardableResult
    public func disable(_ id: Subscription.ID, reason: String) async throws -> Subscription {
        try await calls.answer("disable", ["id": id, "reason": reason])
    }

    /// Puts a new secret first, generated if absent, and lets the others sign too for `overlap`, so that the receiver
    /// can change over. Answers with the new one.
    @discardableResult
    public func rotateSecret(
        _ id: Subscription.ID, to secret: Secret? = nil, overlap: Duration = .seconds(86_400)
    ) async throws -> Secret {
        let text = try secret?.textForStore()
        let rotation = Rotation(id: id, secret: text, overlap: timeInterval(overlap))
        return Secret(try await calls.answer("rotate_secret", rotation))
    }

    /// Its live secrets, newest first, to hand to the receiver.
    public func secrets(_ id: Subscription.ID) async throws -> [Secret] {
        let texts: [String] = try await calls.answer("secrets", ["id": id])
        return texts.map { Secret($0) }
    }

    /// Publishes `hookseal.test`, with an empty object, to this subscription alone.
    @discardableResult
    public func sendTest(_ id: Subscription.ID) async throws -> Published {
        try await calls.answer("send_test", ["id": id])
    }

    private struct Update: Encodable {
        let id: String
        let options: SubscriptionOptions.Record
    }

    private struct Rotation: Encodable {
        let id: String
        let secret: String?
        let overlap: TimeInterval
    }
}
