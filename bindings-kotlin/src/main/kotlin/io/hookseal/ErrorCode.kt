package io.hookseal

/** The stable names of failures, the same in every language: [WebhookException.code] and [Attempt.error]. */
public object ErrorCode {
    // A received webhook was refused.
    public const val MISSING_HEADER: String = "missing_header"
    public const val MALFORMED_HEADER: String = "malformed_header"
    public const val HEADER_TOO_LARGE: String = "header_too_large"
    public const val TOO_MANY_SIGNATURES: String = "too_many_signatures"
    public const val MISSING_TIMESTAMP: String = "missing_timestamp"
    public const val DUPLICATE_TIMESTAMP: String = "duplicate_timestamp"
    public const val MALFORMED_TIMESTAMP: String = "malformed_timestamp"
    public const val UNSUPPORTED_VERSION: String = "unsupported_version"
    public const val MALFORMED_SIGNATURE: String = "malformed_signature"
    public const val NO_MATCHING_SIGNATURE: String = "no_matching_signature"
    public const val TIMESTAMP_TOO_OLD: String = "timestamp_too_old"
    public const val TIMESTAMP_IN_FUTURE: String = "timestamp_in_future"
    public const val REPLAYED: String = "replayed"
    public const val BODY_TOO_LARGE: String = "body_too_large"
    public const val MISSING_URL: String = "missing_url"

    // A constructor or an option was given something that cannot work.
    public const val EMPTY_SECRET: String = "empty_secret"
    public const val MALFORMED_SECRET: String = "malformed_secret"
    public const val UNKNOWN_SCHEME: String = "unknown_scheme"
    public const val INVALID_SCHEME: String = "invalid_scheme"
    public const val INVALID_CONFIG: String = "invalid_config"

    // Refused before any attempt.
    public const val INVALID_URL: String = "invalid_url"
    public const val INVALID_HEADER: String = "invalid_header"
    public const val INVALID_EVENT: String = "invalid_event"
    public const val BLOCKED_ADDRESS: String = "blocked_address"
    public const val PAYLOAD_TOO_LARGE: String = "payload_too_large"
    public const val QUEUE_FULL: String = "queue_full"
    public const val CLOSED: String = "closed"

    // A store or the replay guard.
    public const val STORAGE_UNAVAILABLE: String = "storage_unavailable"
    public const val STORAGE_BUSY: String = "storage_busy"
    public const val STORAGE_FULL: String = "storage_full"
    public const val CONFLICT: String = "conflict"
    public const val NOT_FOUND: String = "not_found"
    public const val UNSUPPORTED_SCHEMA: String = "unsupported_schema"

    // Any call.
    public const val FORKED: String = "forked"
    public const val INTERNAL: String = "internal"

    // Why one attempt of a delivery failed.
    public const val DNS_NOT_FOUND: String = "dns_not_found"
    public const val DNS_TIMEOUT: String = "dns_timeout"
    public const val DNS_FAILURE: String = "dns_failure"
    public const val CONNECTION_REFUSED: String = "connection_refused"
    public const val CONNECT_TIMEOUT: String = "connect_timeout"
    public const val CONNECTION_RESET: String = "connection_reset"
    public const val NETWORK_UNREACHABLE: String = "network_unreachable"
    public const val TLS_CERTIFICATE_EXPIRED: String = "tls_certificate_expired"
    public const val TLS_CERTIFICATE_UNTRUSTED: String = "tls_certificate_untrusted"
    public const val TLS_NAME_MISMATCH: String = "tls_name_mismatch"
    public const val TLS_HANDSHAKE: String = "tls_handshake"
    public const val WRITE_TIMEOUT: String = "write_timeout"
    public const val RESPONSE_TIMEOUT: String = "response_timeout"
    public const val HTTP_PROTOCOL: String = "http_protocol"
    public const val RESPONSE_HEAD_TOO_LARGE: String = "response_head_too_large"
    public const val REDIRECT_NOT_FOLLOWED: String = "redirect_not_followed"
    public const val HTTP_STATUS: String = "http_status"

    /** Every code of this version. (`body_not_bytes` exists only where a body has no type.) */
    @JvmField
    public val all: Set<String> = setOf(
        MISSING_HEADER, MALFORMED_HEADER, HEADER_TOO_LARGE, TOO_MANY_SIGNATURES, MISSING_TIMESTAMP,
        DUPLICATE_TIMESTAMP, MALFORMED_TIMESTAMP, UNSUPPORTED_VERSION, MALFORMED_SIGNATURE, NO_MATCHING_SIGNATURE,
        TIMESTAMP_TOO_OLD, TIMESTAMP_IN_FUTURE, REPLAYED, BODY_TOO_LARGE, MISSING_URL, EMPTY_SECRET,
        MALFORMED_SECRET, UNKNOWN_SCHEME, INVALID_SCHEME, INVALID_CONFIG, INVALID_URL, INVALID_HEADER, INVALID_EVENT,
        BLOCKED_ADDRESS, PAYLOAD_TOO_LARGE, QUEUE_FULL, CLOSED, STORAGE_UNAVAILABLE, STORAGE_BUSY, STORAGE_FULL,
        CONFLICT, NOT_FOUND, UNSUPPORTED_SCHEMA, FORKED, INTERNAL, DNS_NOT_FOUND, DNS_TIMEOUT, DNS_FAILURE,
        CONNECTION_REFUSED, CONNECT_TIMEOUT, CONNECTION_RESET, NETWORK_UNREACHABLE, TLS_CERTIFICATE_EXPIRED,
        TLS_CERTIFICATE_UNTRUSTED, TLS_NAME_MISMATCH, TLS_HANDSHAKE, WRITE_TIMEOUT, RESPONSE_TIMEOUT, HTTP_PROTOCOL,
        RESPONSE_HEAD_TOO_LARGE, REDIRECT_NOT_FOLLOWED, HTTP_STATUS,
    )
}
