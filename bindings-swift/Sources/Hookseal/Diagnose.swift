import Foundation
internal import HooksealFFI

/// A likely cause of a refused signature, in plain words.
public struct Finding: Sendable, Hashable {
    /// The kind of accident: a stable name such as `body_reserialized`.
    public let cause: String
    /// What happened and what to do.
    public let message: String
}

/// Names likely causes for a refused verification, the likeliest first; none when it passes or nothing known explains it.
///
/// A development tool: findings are hints, never an acceptance. Pass all headers of the request.
///
/// ```swift
/// let headers = try Signer(secrets: ["whsec_demo"]).sign(body: Data(#"{"id": 42}"#.utf8))
/// let findings = try diagnose(body: Data(#"{"id":42}"#.utf8), headers: headers, secrets: ["whsec_demo"])
/// assert(findings.first?.cause == "body_reserialized")
/// ```
public func diagnose(
    body: some DataProtocol, headers: [String: String], secrets: [Secret], scheme: Scheme = .hookseal,
    now: Date? = nil, url: String? = nil
) throws(WebhookError) -> [Finding] {
    try diagnose(
        body: body, headers: headers.map { ($0.key, $0.value) }, secrets: secrets, scheme: scheme, now: now, url: url)
}

/// Names likely causes for a refused verification of a request whose headers are a list of pairs.
public func diagnose(
    body: some DataProtocol, headers: [(String, String)], secrets: [Secret], scheme: Scheme = .hookseal,
    now: Date? = nil, url: String? = nil
) throws(WebhookError) -> [Finding] {
    try native {
        try explain(
            body: Data(body), headers: headers.map { NativeHeader(name: $0.0, value: $0.1) },
            secrets: secrets.map { try $0.native() }, scheme: scheme.native, now: now.map(seconds), url: url)
    }.map { Finding(cause: $0.cause, message: $0.message) }
}
