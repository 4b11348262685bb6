import Foundation
internal import HooksealFFI

/// How often, how long and after which failures a delivery is attempted again.
///
/// ```swift
/// let patient = RetryPolicy(initial: .seconds(2), maxAttempts: 8, maxAge: .seconds(3600))
/// let fixed = RetryPolicy.schedule([.seconds(5), .seconds(300)])          // three attempts
/// assert(patient.maxAttempts == 8 && fixed.maxAttempts == nil)
/// ```
public struct RetryPolicy: Sendable, Hashable {
    /// How far a delay is moved at random, so that deliveries that failed together do not return together.
    public enum Jitter: Sendable, Hashable {
        case none
        /// By up to this share of the delay, either way.
        case spread(Double)
        /// To anywhere between zero and the delay.
        case full
    }

    /// Which failures are worth another attempt.
    public enum RetryOn: String, Sendable, Hashable, Encodable {
        /// Those that pass by themselves: transport errors, 408, 425, 429 and 5xx.
        case transient
        /// All but 410 and 413.
        case anyFailure = "any_failure"
    }

    /// The delay after the first failure.
    public var initial: Duration?
    /// By how much each delay exceeds the one before.
    public var factor: Double?
    /// The longest delay, before jitter.
    public var max: Duration?
    /// The delays, in place of the three above.
    public var schedule: [Duration]?
    /// The number of attempts, the first one included.
    public var maxAttempts: Int?
    /// How long after its acceptance a delivery may still be attempted.
    public var maxAge: Duration?
    public var jitter: Jitter?
    public var retryOn: RetryOn?

    /// What is absent has its default: 1 s, 2, 60 s, 5 attempts within 10 minutes, ±20 %, transient failures.
    public init(
        initial: Duration? = nil, factor: Double? = nil, max: Duration? = nil, maxAttempts: Int? = nil,
        maxAge: Duration? = nil, jitter: Jitter? = nil, retryOn: RetryOn? = nil
    ) {
        self.initial = initial
        self.factor = factor
        self.max = max
        self.maxAttempts = maxAttempts
        self.maxAge = maxAge
        self.jitter = jitter
        self.retryOn = retryOn
    }

    /// These delays, each counted from the failure before it; one attempt more than delays.
    public static func schedule(_ delays: [Duration]) -> RetryPolicy {
        var policy = RetryPolicy()
        policy.schedule = delays
        return policy
    }

    /// One attempt.
    public static let none = RetryPolicy(maxAttempts: 1)

    /// Ten attempts over three days, after any failure.
    public static let standard: RetryPolicy = {
        let delays = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
        var policy = schedule(delays.map { .seconds($0) })
        policy.maxAge = .seconds(4 * 86_400)
        policy.retryOn = .anyFailure
        return policy
    }()
}

extension RetryPolicy {
    /// What a policy does through an outage.
    public struct Plan: Sendable, Hashable {
        /// The moments of the attempts, counted from the acceptance.
        public let attempts: [Duration]
        /// Why the delivery died; `nil` when the last attempt delivered it.
        public let reason: Delivery.Reason?
    }

    /// Acts out the policy against an endpoint that answers 503 until `outage` has passed, and 200 from then on.
    ///
    /// ```swift
    /// let plan = try RetryPolicy(jitter: RetryPolicy.Jitter.none).plan(outage: .seconds(5))
    /// assert(plan.attempts == [.zero, .seconds(1), .seconds(3), .seconds(7)] && plan.reason == nil)
    /// ```
    public func plan(outage: Duration, seed: UInt64 = 0) throws(WebhookError) -> Plan {
        let plan = try native { try retryPlan(policy: options(self), outage: timeInterval(outage), seed: seed) }
        return Plan(
            attempts: plan.attempts.map { .seconds($0) },
            reason: plan.reason.map { Delivery.Reason(rawValue: $0) ?? .internal })
    }
}

extension RetryPolicy: Encodable {
    private enum CodingKeys: String, CodingKey {
        case initial, factor, max, schedule, maxAttempts, maxAge, jitter, retryOn
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(initial.map(timeInterval), forKey: .initial)
        try container.encodeIfPresent(factor, forKey: .factor)
        try container.encodeIfPresent(max.map(timeInterval), forKey: .max)
        try container.encodeIfPresent(schedule?.map(timeInterval), forKey: .schedule)
        try container.encodeIfPresent(maxAttempts, forKey: .maxAttempts)
        try container.encodeIfPresent(maxAge.map(timeInterval), forKey: .maxAge)
        try container.encodeIfPresent(jitter, forKey: .jitter)
        try container.encodeIfPresent(retryOn, forKey: .retryOn)
    }
}

extension RetryPolicy.Jitter: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .none: try container.encode("none")
        case .full: try container.encode("full")
        case .spread(let share): try container.encode(share)
        }
    }
}
