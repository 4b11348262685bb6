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

/// How attempts are made, by the workers of an outbox as by a sender; ``Sender`` says what each means.
public struct DeliveryOptions: Sendable, Encodable {
    let allowPrivate: Bool
    let allowSubnets: [String]
    let allowPorts: [Int]
    let httpsOnly: Bool
    let timeout: TimeInterval
    let connectTimeout: TimeInterval
    let maxInFlightPerEndpoint: Int
    let rateLimit: RateLimit?
    let breaker: Setting<Breaker>
    let extraRoots: [String]
    let userAgent: String?
    let identity: String?
    let proxy: String?
    let http2: Bool
    let headerPrefix: String?
    let headerNames: HeaderNames

    public init(
        allowPrivate: Bool = false, allowSubnets: [String] = [], allowPorts: [Int] = [], httpsOnly: Bool = false,
        timeout: Duration = .seconds(15), connectTimeout: Duration = .seconds(5), maxInFlightPerEndpoint: Int = 8,
        rateLimit: RateLimit? = nil, breaker: Breaker? = Breaker(), extraRoots: [String] = [],
        userAgent: String? = nil, identity: String? = nil, proxy: String? = nil, http2: Bool = false,
        headerPrefix: String? = nil, headerNames: HeaderNames = HeaderNames()
    ) {
        self.allowPrivate = allowPrivate
        self.allowSubnets = allowSubnets
        self.allowPorts = allowPorts
        self.httpsOnly = httpsOnly
        self.timeout = timeInterval(timeout)
        self.connectTimeout = timeInterval(connectTimeout)
        self.maxInFlightPerEndpoint = maxInFlightPerEndpoint
        self.rateLimit = rateLimit
        self.breaker = Setting(value: breaker)
        self.extraRoots = extraRoots
        self.userAgent = userAgent
        self.identity = identity
        self.proxy = proxy
        self.http2 = http2
        self.headerPrefix = headerPrefix
        self.headerNames = headerNames
    }
}

/// An option for which `null` has a meaning of its own.
struct Setting<Value: Encodable & Sendable>: Encodable, Sendable {
    let value: Value?

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
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
