import Foundation
internal import HooksealFFI

/// A receiver: a URL, and what its deliveries are signed and sent with.
///
/// ```swift
/// let endpoint = try Endpoint(
///     url: "https://hooks.example.com/in", secrets: ["whsec_new", "whsec_old"], headers: ["X-Tenant": "acme"])
/// assert(endpoint.url == "https://hooks.example.com/in")
/// ```
public final class Endpoint: Sendable {
    let native: NativeEndpoint

    /// An endpoint with the live secrets of its receiver, newest first.
    ///
    /// - Parameters:
    ///   - headers: extra request headers; `invalid_header` for ours and for those that belong to the connection.
    ///   - id: what its deliveries share their turns, limits and circuit by; the URL if absent.
    ///   - timeout: the deadline of one attempt, at most 60 s.
    ///   - retry: its own policy; the sender's if absent.
    ///   - basicAuth: user name and password.
    ///   - bearer: the token.
    ///   - identity: for mutual TLS, in place of the sender's: one PEM text with the certificate chain and its private key.
    public convenience init(
        url: String, secrets: [Secret], scheme: Scheme = .hookseal, headers: [String: String] = [:],
        id: String? = nil, timeout: Duration? = nil, retry: RetryPolicy? = nil, rateLimit: RateLimit? = nil,
        basicAuth: (user: String, password: String)? = nil, bearer: String? = nil, identity: String? = nil
    ) throws(WebhookError) {
        try self.init(
            url: url, signer: Signer(secrets: secrets, scheme: scheme), headers: headers, id: id, timeout: timeout,
            retry: retry, rateLimit: rateLimit, basicAuth: basicAuth, bearer: bearer, identity: identity)
    }

    /// An endpoint whose URL is a `URL`.
    public convenience init(
        url: URL, secrets: [Secret], scheme: Scheme = .hookseal, headers: [String: String] = [:],
        id: String? = nil, timeout: Duration? = nil, retry: RetryPolicy? = nil, rateLimit: RateLimit? = nil,
        basicAuth: (user: String, password: String)? = nil, bearer: String? = nil, identity: String? = nil
    ) throws(WebhookError) {
        try self.init(
            url: url.absoluteString, secrets: secrets, scheme: scheme, headers: headers, id: id, timeout: timeout,
            retry: retry, rateLimit: rateLimit, basicAuth: basicAuth, bearer: bearer, identity: identity)
    }

    /// An endpoint with a signer of its own: a key ring, or several schemes.
    public init(
        url: String, signer: Signer, headers: [String: String] = [:], id: String? = nil, timeout: Duration? = nil,
        retry: RetryPolicy? = nil, rateLimit: RateLimit? = nil,
        basicAuth: (user: String, password: String)? = nil, bearer: String? = nil, identity: String? = nil
    ) throws(WebhookError) {
        let fields = Options(
            url: url, headers: headers, id: id, timeout: timeout.map(timeInterval), retry: retry,
            rateLimit: rateLimit, basicAuth: basicAuth.map { [$0.user, $0.password] }, bearer: bearer,
            identity: identity)
        native = try Hookseal.native { try NativeEndpoint(options: options(fields), signer: signer.native) }
    }

    /// The URL, as parsed.
    public var url: String { native.url() }
    public var id: String { native.id() }

    private struct Options: Encodable {
        let url: String
        let headers: [String: String]
        let id: String?
        let timeout: TimeInterval?
        let retry: RetryPolicy?
        let rateLimit: RateLimit?
        let basicAuth: [String]?
        let bearer: String?
        let identity: String?
    }
}
