import Foundation

/// How many attempts an endpoint takes per second.
public struct RateLimit: Sendable, Hashable, Encodable {
    public var perSecond: Double
    /// How many may follow each other at once.
    public var burst: Int

    public init(perSecond: Double, burst: Int = 1) {
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// When an endpoint that keeps failing is left alone.
public struct Breaker: Sendable, Hashable, Encodable {
    /// So many failures in a row (of transport, 408, 429, 5xx) open the circuit.
    public var failures: Int
    /// For so long nothing is attempted.
    public var openFor: Duration
    /// Then one attempt at a time goes through, and so many successes close it.
    public var successes: Int

    public init(failures: Int = 5, openFor: Duration = .seconds(60), successes: Int = 3) {
        self.failures = failures
        self.openFor = openFor
        self.successes = successes
    }

    private enum CodingKeys: String, CodingKey {
        case failures, openFor, successes
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(failures, forKey: .failures)
        try container.encode(timeInterval(openFor), forKey: .openFor)
        try container.encode(successes, forKey: .successes)
    }
}

/// Full names for the headers that the sender itself writes; an absent one keeps its prefix and name.
public struct HeaderNames: Sendable, Hashable, Encodable {
    /// In place of `X-Webhook-Id`.
    public var id: String?
    /// In place of `X-Webhook-Event`.
    public var event: String?
    /// In place of `X-Webhook-Timestamp`.
    public var timestamp: String?
    /// In place of `X-Webhook-Attempt`.
    public var attempt: String?

    public init(id: String? = nil, event: String? = nil, timestamp: String? = nil, attempt: String? = nil) {
        self.id = id
        self.event = event
        self.timestamp = timestamp
        self.attempt = attempt
    }
}

/// Options as they cross to the core, which judges them: JSON in snake_case, times in seconds.
func options(_ value: some Encodable) throws(WebhookError) -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    do {
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch {
        throw invalidConfig("an option is not a number that can be used")
    }
}
