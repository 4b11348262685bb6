/// The stable name of a failure, the same in every language.
///
/// A code compares with its constant and with its text:
///
/// ```swift
/// let code = ErrorCode.timestampTooOld
/// assert(code == "timestamp_too_old")
/// ```
public struct ErrorCode: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public init(stringLiteral text: String) {
        self.init(rawValue: text)
    }

    public var description: String { rawValue }
}

// MARK: - A received webhook was refused
extension ErrorCode {
    public static let missingHeader: ErrorCode = "missing_header"
    public static let malformedHeader: ErrorCode = "malformed_header"
    public static let headerTooLarge: ErrorCode = "header_too_large"
    public static let tooManySignatures: ErrorCode = "too_many_signatures"
    public static let missingTimestamp: ErrorCode = "missing_timestamp"
    public static let duplicateTimestamp: ErrorCode = "duplicate_timestamp"
    public static let malformedTimestamp: ErrorCode = "malformed_timestamp"
    public static let unsupportedVersion: ErrorCode = "unsupported_version"
    public static let malformedSignature: ErrorCode = "malformed_signature"
    public static let noMatchingSignature: ErrorCode = "no_matching_signature"
    public static let timestampTooOld: ErrorCode = "timestamp_too_old"
    public static let timestampInFuture: ErrorCode = "timestamp_in_future"
    public static let replayed: ErrorCode = "replayed"
    public static let bodyTooLarge: ErrorCode = "body_too_large"
    public static let missingURL: ErrorCode = "missing_url"
}

// MARK: - An initializer was given something that cannot work
extension ErrorCode {
    public static let emptySecret: ErrorCode = "empty_secret"
    public static let malformedSecret: ErrorCode = "malformed_secret"
    public static let unknownScheme: ErrorCode = "unknown_scheme"
    public static let invalidScheme: ErrorCode = "invalid_scheme"
    public static let invalidConfig: ErrorCode = "invalid_config"
}

// MARK: - Refused before any attempt
extension ErrorCode {
    public static let invalidURL: ErrorCode = "invalid_url"
    public static let invalidHeader: ErrorCode = "invalid_header"
    public static let invalidEvent: ErrorCode = "invalid_event"
    public static let blockedAddress: ErrorCode = "blocked_address"
    public static let payloadTooLarge: ErrorCode = "payload_too_large"
    public static let queueFull: ErrorCode = "queue_full"
    public static let closed: ErrorCode = "closed"
}

// MARK: - A store or the replay guard
extension ErrorCode {
    public static let storageUnavailable: ErrorCode = "storage_unavailable"
    public static let storageBusy: ErrorCode = "storage_busy"
    public static let storageFull: ErrorCode = "storage_full"
    public static let conflict: ErrorCode = "conflict"
    public static let notFound: ErrorCode = "not_found"
    public static let unsupportedSchema: ErrorCode = "unsupported_schema"
}

// MARK: - Any call
extension ErrorCode {
    public static let forked: ErrorCode = "forked"
    public static let `internal`: ErrorCode = "internal"
}

// MARK: - Why one attempt of a delivery failed
extension ErrorCode {
    public static let dnsNotFound: ErrorCode = "dns_not_found"
    public static let dnsTimeout: ErrorCode = "dns_timeout"
    public static let dnsFailure: ErrorCode = "dns_failure"
    public static let connectionRefused: ErrorCode = "connection_refused"
    public static let connectTimeout: ErrorCode = "connect_timeout"
    public static let connectionReset: ErrorCode = "connection_reset"
    public static let networkUnreachable: ErrorCode = "network_unreachable"
    public static let tlsCertificateExpired: ErrorCode = "tls_certificate_expired"
    public static let tlsCertificateUntrusted: ErrorCode = "tls_certificate_untrusted"
    public static let tlsNameMismatch: ErrorCode = "tls_name_mismatch"
    public static let tlsHandshake: ErrorCode = "tls_handshake"
    public static let writeTimeout: ErrorCode = "write_timeout"
    public static let responseTimeout: ErrorCode = "response_timeout"
    public static let httpProtocol: ErrorCode = "http_protocol"
    public static let responseHeadTooLarge: ErrorCode = "response_head_too_large"
    public static let redirectNotFollowed: ErrorCode = "redirect_not_followed"
    public static let httpStatus: ErrorCode = "http_status"
}

// MARK: - The list
extension ErrorCode {
    /// Every code of this version. (`body_not_bytes` exists only where a body has no type.)
    public static let all: [ErrorCode] = [
        .missingHeader, .malformedHeader, .headerTooLarge, .tooManySignatures, .missingTimestamp,
        .duplicateTimestamp, .malformedTimestamp, .unsupportedVersion, .malformedSignature, .noMatchingSignature,
        .timestampTooOld, .timestampInFuture, .replayed, .bodyTooLarge, .missingURL, .emptySecret, .malformedSecret,
        .unknownScheme, .invalidScheme, .invalidConfig, .invalidURL, .invalidHeader, .invalidEvent, .blockedAddress,
        .payloadTooLarge, .queueFull, .closed, .storageUnavailable, .storageBusy, .storageFull, .conflict, .notFound,
        .unsupportedSchema, .forked, .internal, .dnsNotFound, .dnsTimeout, .dnsFailure, .connectionRefused,
        .connectTimeout, .connectionReset, .networkUnreachable, .tlsCertificateExpired, .tlsCertificateUntrusted,
        .tlsNameMismatch, .tlsHandshake, .writeTimeout, .responseTimeout, .httpProtocol, .responseHeadTooLarge,
        .redirectNotFollowed, .httpStatus,
    ]
}
