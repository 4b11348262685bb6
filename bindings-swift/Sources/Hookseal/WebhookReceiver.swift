import Foundation

/// Receives webhooks in any server: verifies a request, runs the handler, and says what to answer.
///
/// A framework's route hands over the request's headers and raw body, and sends what comes back. What does not verify
/// is answered alike for every reason (400; 413 for the size, 425 for a copy, 503 where the replay guard is full); the
/// reason goes to `onRefused`. Where the handler throws or answers anything but success, the ``ReplayGuard`` lets a copy
/// in again, because the sender will try again.
///
/// ```swift
/// struct Order: Decodable, Sendable { let id: Int }
///
/// let receiver = try WebhookReceiver(Verifier(secrets: ["whsec_demo"], replay: ReplayGuard()))
/// let body = Data(#"{"id":42}"#.utf8)                          // as it came: parsed and printed again it is other bytes
/// let headers = try Signer(secrets: ["whsec_demo"]).sign(body: body, id: "evt_1", eventType: "order.paid")
///
/// let answer = try await receiver.receive(body: body, headers: headers) { event in
///     let order = try event.decode(Order.self)
///     print(event.id ?? "", event.type ?? "", order.id)
/// }
/// assert(answer.status == 204)
/// ```
public struct WebhookReceiver: Sendable {
    public let verifier: Verifier
    /// The largest body that is taken, in bytes. Have the server stop reading there.
    public let maxBody: Int
    private let origin: String?
    private let onRefused: @Sendable (WebhookError) -> Void

    /// A receiver.
    ///
    /// - Parameters:
    ///   - maxBody: the largest body, in bytes.
    ///   - publicURL: scheme and authority as registered at the provider, such as `https://shop.example`, for schemes that
    ///     sign the URL; `Host` is never read, since whoever sends it is not yet known.
    ///   - onRefused: is told why a request was refused; a line on standard error if absent.
    public init(
        _ verifier: Verifier, maxBody: Int = 1024 * 1024, publicURL: String? = nil,
        onRefused: (@Sendable (WebhookError) -> Void)? = nil
    ) throws(WebhookError) {
        if verifier.scheme.signsURL && publicURL == nil {
            throw invalidConfig("the scheme \(verifier.scheme.name) signs the URL: give publicURL: \"https://…\"")
        }
        guard maxBody >= 0 else { throw invalidConfig("maxBody must not be negative") }
        self.verifier = verifier
        self.maxBody = maxBody
        origin = publicURL.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        self.onRefused = onRefused ?? { FileHandle.standardError.write(Data("webhook refused: \($0)\n".utf8)) }
    }

    /// Receives a request whose headers are a framework's own collection of names and values.
    ///
    /// `target` is the request's path with its query; only schemes that sign the URL need it. The answer is 204 after a
    /// handler that returned; what the handler throws is thrown on, and a framework's own answer to it is good enough.
    public func receive(
        body: some DataProtocol, headers: some Sequence<(name: String, value: String)>, target: String = "/",
        now: Date? = nil, isolation: isolated (any Actor)? = #isolation,
        handler: (WebhookEvent) async throws -> Void
    ) async throws -> WebhookResponse {
        try await respond(body: body, headers: headers, target: target, now: now) { event in
            try await handler(event)
            return .accepted
        }
    }

    /// Receives a request whose headers are a dictionary.
    public func receive(
        body: some DataProtocol, headers: [String: String], target: String = "/", now: Date? = nil,
        isolation: isolated (any Actor)? = #isolation, handler: (WebhookEvent) async throws -> Void
    ) async throws -> WebhookResponse {
        let headers = headers.lazy.map { (name: $0.key, value: $0.value) }
        return try await receive(body: body, headers: headers, target: target, now: now, handler: handler)
    }

    /// Receives a request with a handler that answers for itself.
    public func respond(
        body: some DataProtocol, headers: some Sequence<(name: String, value: String)>, target: String = "/",
        now: Date? = nil, isolation: isolated (any Actor)? = #isolation,
        handler: (WebhookEvent) async throws -> WebhookResponse
    ) async throws -> WebhookResponse {
        let event: WebhookEvent
        do {
            event = try accept(body, headers, target, now)
        } catch {
            guard error.kind == .verification || error.kind == .store else { throw error }
            onRefused(error)
            return .refused(error)
        }
        do {
            let answer = try await handler(event)
            if !(200..<300).contains(answer.status) { verifier.replay?.release(event.verified) }
            return answer
        } catch {
            verifier.replay?.release(event.verified)
            throw error
        }
    }

    private func accept(
        _ body: some DataProtocol, _ headers: some Sequence<(name: String, value: String)>, _ target: String,
        _ now: Date?
    ) throws(WebhookError) -> WebhookEvent {
        guard body.count <= maxBody else {
            throw WebhookError(
                code: .bodyTooLarge, kind: .verification,
                message: "the body has \(body.count) bytes; the limit is \(maxBody)", retryable: false)
        }
        let body = Data(body)
        let verified = try verifier.verify(body: body, headers: headers, now: now, url: origin.map { $0 + target })
        return WebhookEvent(body: body, verified: verified)
    }
}

/// A verified webhook.
public struct WebhookEvent: Sendable {
    /// The bytes that were signed.
    public let body: Data
    public let verified: Verified

    /// The message's id, only where the signature covers it.
    public var id: String? { verified.id }
    /// The event type, only where the signature covers it.
    public var type: String? { verified.eventType }

    /// The body as JSON of that form.
    public func decode<Payload: Decodable>(
        _ type: Payload.Type, with decoder: JSONDecoder = JSONDecoder()
    ) throws -> Payload {
        try decoder.decode(type, from: body)
    }
}

/// What to answer, in the terms of any server.
public struct WebhookResponse: Sendable {
    public var status: Int
    public var headers: [(String, String)]
    public var body: Data

    public init(status: Int, headers: [(String, String)] = [], body: Data = Data()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// 204: the webhook was handled.
    public static let accepted = WebhookResponse(status: 204)

    /// Says no more than its status does: the reason is nothing to tell a stranger.
    static func refused(_ error: WebhookError) -> WebhookResponse {
        var answer = WebhookResponse(
            status: status(error), headers: [("Content-Type", "application/json")],
            body: Data(#"{"error":"webhook refused"}"#.utf8))
        if answer.status == 503 { answer.headers.append(("Retry-After", "60")) }
        return answer
    }

    private static func status(_ error: WebhookError) -> Int {
        switch error.code {
        case .bodyTooLarge: 413
        case .replayed: 425
        default: error.kind == .store ? 503 : 400
        }
    }
}
