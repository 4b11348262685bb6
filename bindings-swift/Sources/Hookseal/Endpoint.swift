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
    private let options: EndpointOptions
    private let sealing: Sealing?

    /// What a store keeps in the place of a signer.
    private typealias Sealing = (secrets: [Secret], scheme: Scheme)

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
        let options = EndpointOptions(
            url: url, headers: headers, id: id, timeout: timeout, retry: retry, rateLimit: rateLimit,
            basicAuth: basicAuth, bearer: bearer, identity: identity)
        try self.init(options, signer: Signer(secrets: secrets, scheme: scheme), sealing: (secrets, scheme))
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
    public convenience init(
        url: String, signer: Signer, headers: [String: String] = [:], id: String? = nil, timeout: Duration? = nil,
        retry: RetryPolicy? = nil, rateLimit: RateLimit? = nil,
        basicAuth: (user: String, password: String)? = nil, bearer: String? = nil, identity: String? = nil
    ) throws(WebhookError) {
        let options = EndpointOptions(
            url: url, headers: headers, id: id, timeout: timeout, retry: retry, rateLimit: rateLimit,
            basicAuth: basicAuth, bearer: bearer, identity: identity)
        try self.init(options, signer: signer, sealing: nil)
    }

    private init(_ options: EndpointOptions, signer: Signer, sealing: Sealing?) throws(WebhookError) {
        native = try Hookseal.native { try NativeEndpoint(options: Hookseal.options(options), signer: signer.native) }
        self.options = options
        self.sealing = sealing
    }

    /// The URL, as parsed.
    public var url: String { native.url() }
    public var id: String { native.id() }

    /// The endpoint as a store keeps it.
    func stored() throws(WebhookError) -> EndpointOptions {
        guard let sealing else {
            throw invalidConfig("the outbox stores secrets and scheme: give the endpoint these, and no signer")
        }
        return try options.sealed(with: sealing.secrets, sealing.scheme)
    }
}

/// An endpoint, or what a subscription has of one, as it crosses to the core.
struct EndpointOptions: Encodable, Sendable {
    let url: String
    let headers: [String: String]
    let id: String?
    let timeout: TimeInterval?
    let retry: RetryPolicy?
    let rateLimit: RateLimit?
    let basicAuth: [String]?
    let bearer: String?
    let identity: String?
    private var secrets: [String]?
    private var scheme: JSON?

    init(
        url: String, headers: [String: String], id: String? = nil, timeout: Duration?, retry: RetryPolicy?,
        rateLimit: RateLimit?, basicAuth: (user: String, password: String)?, bearer: String?, identity: String?
    ) {
        self.url = url
        self.headers = headers
        self.id = id
        self.timeout = timeout.map(timeInterval)
        self.retry = retry
        self.rateLimit = rateLimit
        self.basicAuth = basicAuth.map { [$0.user, $0.password] }
        self.bearer = bearer
        self.identity = identity
    }

    /// With the texts of the secrets, for a store.
    func sealed(with secrets: [Secret], _ scheme: Scheme) throws(WebhookError) -> EndpointOptions {
        var sealed = self
        sealed.secrets = try secrets.map { secret throws(WebhookError) in try secret.textForStore() }
        sealed.scheme = try native { try decoded(scheme.native.document()) }
        return sealed
    }
}
