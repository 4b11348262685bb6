import Foundation
internal import HooksealFFI

/// Delivers events to endpoints: signed, retried, and without one endpoint holding up another.
///
/// ```swift
/// let sender = try Sender(retry: RetryPolicy(maxAttempts: 1))
/// let endpoint = try Endpoint(url: "http://127.0.0.1:9/in", secrets: ["whsec_demo"])
/// do {
///     let delivery = try await sender.send(to: endpoint, type: "order.paid", payload: ["id": 42])
///     print(delivery.status, delivery.attempts.count)
/// } catch let error as WebhookError {
///     assert(error.code == .blockedAddress)        // loopback needs allowPrivate: true
/// }
/// await sender.close()
/// ```
///
/// A delivery that fails after attempts is no error: its ``Delivery/status`` says so. Cancelling the task that waits
/// ends the wait with `CancellationError`, not the delivery; ``DeliveryHandle/cancel()`` ends the delivery.
public final class Sender: Sendable {
    private let native: NativeSender

    /// A sender; it connects to nothing before it is given something to send.
    ///
    /// - Parameters:
    ///   - retry: when a failed delivery is attempted again, unless its endpoint says otherwise.
    ///   - allowPrivate: opens private and loopback addresses, local names and every port: for development.
    ///   - allowSubnets: opens these subnets.
    ///   - allowPorts: opens these ports beside 80, 443 and those from 1024 on.
    ///   - httpsOnly: refuses `http`.
    ///   - timeout: the deadline of one attempt, at most 60 s.
    ///   - connectTimeout: how long a lookup, TCP and TLS may take together.
    ///   - maxInFlight: how many attempts may be in flight.
    ///   - maxQueued: how many unfinished deliveries are held; one endpoint may have a quarter of them.
    ///   - maxQueuedBytes: how many bytes their payloads may hold.
    ///   - rateLimit: how many attempts per second an endpoint gets, unless it says otherwise.
    ///   - breaker: when an endpoint that keeps failing is left alone; `nil` for never.
    ///   - extraRoots: root certificates beside the system's, as PEM texts.
    ///   - userAgent: `hookseal/<version>` if absent.
    ///   - identity: for mutual TLS: one PEM text with the certificate chain and its private key.
    ///   - proxy: `http://[user:password@]host[:port]`, for everything. It looks host names up, so only their text is
    ///     judged then.
    ///   - http2: offers HTTP/2 to `https` receivers.
    ///   - headerPrefix: what the names of the sender's own headers begin with, `X-Webhook-` if absent; a scheme's keep
    ///     their names.
    ///   - headerNames: full names for some of them.
    public init(
        retry: RetryPolicy = RetryPolicy(), allowPrivate: Bool = false, allowSubnets: [String] = [],
        allowPorts: [Int] = [], httpsOnly: Bool = false, timeout: Duration = .seconds(15),
        connectTimeout: Duration = .seconds(5), maxInFlight: Int = 256, maxInFlightPerEndpoint: Int = 8,
        maxQueued: Int = 100_000, maxQueuedBytes: Int = 64 * 1024 * 1024, rateLimit: RateLimit? = nil,
        breaker: Breaker? = Breaker(), extraRoots: [String] = [], userAgent: String? = nil, identity: String? = nil,
        proxy: String? = nil, http2: Bool = false, headerPrefix: String? = nil,
        headerNames: HeaderNames = HeaderNames()
    ) throws(WebhookError) {
        let delivery = DeliveryOptions(
            allowPrivate: allowPrivate, allowSubnets: allowSubnets, allowPorts: allowPorts, httpsOnly: httpsOnly,
            timeout: timeout, connectTimeout: connectTimeout, maxInFlightPerEndpoint: maxInFlightPerEndpoint,
            rateLimit: rateLimit, breaker: breaker, extraRoots: extraRoots, userAgent: userAgent, identity: identity,
            proxy: proxy, http2: http2, headerPrefix: headerPrefix, headerNames: headerNames)
        let fields = Options(
            delivery: delivery, retry: retry, maxInFlight: maxInFlight, maxQueued: maxQueued,
            maxQueuedBytes: maxQueuedBytes)
        native = try Hookseal.native { try NativeSender(options: options(fields)) }
    }

    /// Delivers an event and waits for the end: delivered, dead or cancelled. Waits for room where the queue is full.
    ///
    /// Throws a ``WebhookError`` for what is refused before queueing, and `CancellationError` when the task is cancelled.
    public func send(to endpoint: Endpoint, _ event: Event) async throws -> Delivery {
        Delivery(
            try await waiting { try await self.native.send(endpoint: endpoint.native, event: event.native, wait: $0) })
    }

    /// Delivers a payload: `Data`, `[UInt8]` and `String` as they are, anything else as JSON.
    public func send(
        to endpoint: Endpoint, type: String, payload: some Encodable, id: String? = nil, traceparent: String? = nil
    ) async throws -> Delivery {
        try await send(to: endpoint, Event(type, payload, id: id, traceparent: traceparent))
    }

    /// Delivers many events in one call and waits for the end of all; the answers are in the order of the items.
    ///
    /// All are checked before any is sent; the error's message names the item.
    public func sendMany(_ items: [(Endpoint, Event)]) async throws -> [Delivery] {
        let items = items.map { NativeItem(endpoint: $0.native, event: $1.native) }
        return try await waiting { try await self.native.sendMany(items: items, wait: $0) }.map(Delivery.init)
    }

    /// Accepts an event for delivery and returns at once; `queue_full` when there is no room.
    @discardableResult
    public func enqueue(to endpoint: Endpoint, _ event: Event) throws(WebhookError) -> DeliveryHandle {
        DeliveryHandle(try Hookseal.native { try native.enqueue(endpoint: endpoint.native, event: event.native) })
    }

    /// Accepts a payload for delivery and returns at once.
    @discardableResult
    public func enqueue(
        to endpoint: Endpoint, type: String, payload: some Encodable, id: String? = nil, traceparent: String? = nil
    ) throws(WebhookError) -> DeliveryHandle {
        try enqueue(to: endpoint, Event(type, payload, id: id, traceparent: traceparent))
    }

    /// Waits until nothing is left to deliver; `false` when that takes longer than the timeout.
    @discardableResult
    public func flush(timeout: Duration? = nil) async throws -> Bool {
        try await waiting { try await self.native.flush(timeout: timeout.map(timeInterval), wait: $0) }
    }

    /// Stops: takes and starts nothing more, gives the attempts in flight this long to end, and returns every delivery
    /// that is not finished. It runs to its end in a cancelled task too.
    @discardableResult
    public func close(grace: Duration = .seconds(30)) async -> [Delivery] {
        let grace = max(0, timeInterval(grace))
        return ((try? await native.close(grace: grace, wait: NativeWait())) ?? []).map(Delivery.init)
    }

    /// How many accepted deliveries are not finished.
    public var unfinished: Int { Int(native.unfinished()) }

    /// What happens in the sender from now on. It never waits for a slow reader, who loses the oldest beyond 1,024.
    ///
    /// ```swift
    /// let sender = try Sender()
    /// let log = Task { for await notice in sender.notices { print(notice.kind.rawValue, notice.endpoint) } }
    /// log.cancel()
    /// ```
    public var notices: AsyncStream<Notice> {
        let notices = native.subscribe()
        return AsyncStream {
            while let native = (try? await waiting { try await notices.next(wait: $0) }) ?? nil {
                if let notice = Notice(native) { return notice }
            }
            return nil
        }
    }

    private struct Options: Encodable {
        let delivery: DeliveryOptions
        let retry: RetryPolicy
        let maxInFlight: Int
        let maxQueued: Int
        let maxQueuedBytes: Int

        private enum CodingKeys: String, CodingKey {
            case retry, maxInFlight, maxQueued, maxQueuedBytes
        }

        /// All in one object.
        func encode(to encoder: any Encoder) throws {
            try delivery.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(retry, forKey: .retry)
            try container.encode(maxInFlight, forKey: .maxInFlight)
            try container.encode(maxQueued, forKey: .maxQueued)
            try container.encode(maxQueuedBytes, forKey: .maxQueuedBytes)
        }
    }
}

/// An accepted delivery. Dropping it changes nothing for the delivery.
///
/// ```swift
/// let sender = try Sender(retry: .none, allowPrivate: true)
/// let endpoint = try Endpoint(url: "http://127.0.0.1:9/in", secrets: ["whsec_demo"])
/// let handle = try sender.enqueue(to: endpoint, type: "order.paid", payload: ["id": 42])
/// let delivery = try await handle.result()
/// assert(delivery.status == .dead && delivery.attempts.last?.error == .connectionRefused)
/// ```
public final class DeliveryHandle: Sendable {
    private let native: NativeHandle

    init(_ native: NativeHandle) {
        self.native = native
    }

    public var id: String { native.id() }
    /// How it stands now.
    public var delivery: Delivery { Delivery(native.delivery()) }

    /// Waits for the end: delivered, dead or cancelled, or pending where ``Sender/close(grace:)`` handed it back.
    public func result() async throws -> Delivery {
        Delivery(try await waiting { try await self.native.result(wait: $0) })
    }

    /// Makes no further attempt. One that is in flight is finished and recorded, and may still deliver.
    ///
    /// `false` when the delivery was finished already.
    @discardableResult
    public func cancel() -> Bool {
        native.cancel()
    }
}
