import Foundation
internal import HooksealFFI

/// What became of an event, and every attempt that was made.
public struct Delivery: Sendable, Hashable, Identifiable {
    public enum Status: String, Sendable, Hashable, Codable {
        /// Not finished.
        case pending
        /// The receiver took it.
        case delivered
        /// It was given up.
        case dead
        /// It was cancelled.
        case cancelled
    }

    /// Why a delivery was given up.
    public enum Reason: String, Sendable, Hashable, Codable {
        case attemptsExhausted = "attempts_exhausted"
        case maxAge = "max_age"
        /// The receiver answered 410: send it nothing more.
        case gone
        /// The receiver answered 413.
        case payloadRejected = "payload_rejected"
        case rejected
        case blockedAddress = "blocked_address"
        case `internal`
    }

    /// The same at every attempt, and in the header `X-Webhook-Id`.
    public let id: String
    public let eventType: String
    /// The endpoint's id.
    public let endpoint: String
    public let status: Status
    public let reason: Reason?
    /// Oldest first.
    public let attempts: [Attempt]

    init(_ native: NativeDelivery) {
        id = native.id
        eventType = native.eventType
        endpoint = native.endpoint
        status = Status(rawValue: native.status) ?? .pending
        reason = native.reason.map { Reason(rawValue: $0) ?? .internal }
        attempts = native.attempts.map(Attempt.init)
    }
}

/// The record of one attempt.
public struct Attempt: Sendable, Hashable {
    /// How far an attempt came.
    public enum Phase: String, Sendable, Hashable {
        case resolve
        /// TCP and TLS.
        case connect
        case exchange
        case body
    }

    /// Counted from 1.
    public let number: Int
    /// When it was signed, to the second.
    public let startedAt: Date
    public let succeeded: Bool
    /// What went wrong.
    public let error: ErrorCode?
    /// The status of the answer, if its head came.
    public let statusCode: Int?
    public let phase: Phase
    public let duration: Duration
    /// How long the receiver asked to wait, in a way that counts.
    public let retryAfter: Duration?
    /// As they came: a name can occur twice.
    public let responseHeaders: [Header]
    /// The first 16 KiB, not decompressed.
    public let responseBody: Data

    public struct Header: Sendable, Hashable {
        public let name: String
        public let value: String
    }

    init(_ native: NativeAttempt) {
        number = Int(native.number)
        startedAt = date(native.startedAt)
        succeeded = native.succeeded
        error = native.error.map(ErrorCode.init(rawValue:))
        statusCode = native.statusCode.map(Int.init)
        phase = Phase(rawValue: native.phase) ?? .resolve
        duration = .seconds(native.duration)
        retryAfter = native.retryAfter.map { .seconds($0) }
        responseHeaders = native.responseHeaders.map { Header(name: $0.name, value: $0.value) }
        responseBody = native.responseBody
    }
}

/// Something that happened in a sender.
public struct Notice: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        case queued = "delivery.queued"
        case attempt = "delivery.attempt"
        case succeeded = "delivery.succeeded"
        case retrying = "delivery.retrying"
        case dead = "delivery.dead"
        /// The endpoint answered 410: send it nothing more.
        case endpointDisabled = "endpoint.disabled"
        case circuitOpened = "circuit.opened"
        case circuitHalfOpen = "circuit.half_open"
        case circuitClosed = "circuit.closed"
    }

    public let kind: Kind
    /// The endpoint's id.
    public let endpoint: String
    /// The delivery's id, if it is about one.
    public let delivery: String?
    public let eventType: String?
    /// The attempt that was made.
    public let attempt: Attempt?
    /// How long until the next attempt.
    public let retryIn: Duration?
    public let reason: Delivery.Reason?

    init?(_ native: NativeNotice) {
        guard let kind = Kind(rawValue: native.kind) else { return nil }
        self.kind = kind
        endpoint = native.endpoint
        delivery = native.delivery
        eventType = native.eventType
        attempt = native.attempt.map(Attempt.init)
        retryIn = native.retryIn.map { .seconds($0) }
        reason = native.reason.map { Delivery.Reason(rawValue: $0) ?? .internal }
    }
}
