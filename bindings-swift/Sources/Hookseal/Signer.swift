import Foundation
internal import HooksealFFI

/// Signs messages under one scheme, or under several at once while receivers move from one to the next.
///
/// Every live key signs, newest first, so that receivers accept the message on both sides of a rotation.
///
/// ```swift
/// let signer = try Signer(secrets: ["whsec_demo"])
/// let headers = try signer.sign(
///     body: Data(#"{"id":42}"#.utf8), id: "evt_1", eventType: "order.paid", timestamp: 1_700_000_000)
/// assert(headers["X-Webhook-Id"] == "evt_1")
/// assert(headers["X-Webhook-Signature"]!.hasPrefix("t=1700000000,v2="))
/// ```
public final class Signer: Sendable {
    let native: NativeSigner

    /// Signs with these secrets, newest first.
    ///
    /// `until` is the last second in which this scheme is signed under; `also` are signers whose schemes are signed
    /// under as well. A key that cannot serve the scheme is `malformed_secret`; two schemes that write the same header
    /// are `invalid_config`.
    public convenience init(
        secrets: [Secret], scheme: Scheme = .hookseal, until: Date? = nil, also others: [Signer] = []
    ) throws(WebhookError) {
        try self.init(ring: KeyRing(secrets), scheme: scheme, until: until, also: others)
    }

    /// Signs with every live key of a ring.
    public init(
        ring: KeyRing, scheme: Scheme = .hookseal, until: Date? = nil, also others: [Signer] = []
    ) throws(WebhookError) {
        native = try Hookseal.native {
            try NativeSigner(
                ring: ring.native, scheme: scheme.native, until: until.map(seconds), also: others.map(\.native))
        }
    }

    /// The headers that `body` travels with, in the scheme's spelling.
    ///
    /// The id and the event type are written only if given, and required where the scheme signs them (`invalid_event`),
    /// as is the URL (`missing_url`). `timestamp` is in Unix seconds, now if absent.
    @inlinable
    public func sign(
        body: some DataProtocol, id: String? = nil, eventType: String? = nil, timestamp: Int? = nil, url: String? = nil
    ) throws(WebhookError) -> [String: String] {
        try Hookseal.native { try borrowed(body) { try sign($0, id, eventType, timestamp, url) } }
    }

    @usableFromInline
    func sign(
        _ body: Data, _ id: String?, _ eventType: String?, _ timestamp: Int?, _ url: String?
    ) throws -> [String: String] {
        var packer = Packer()
        packer.number(timestamp.map(Int64.init))
        for text in [id, eventType, url] { packer.text(text) }
        let packed = try packer.call { try native.signPacked(body: body, message: $0) }
        return Unpacker.unpack(packed) { unpacker in
            var headers: [String: String] = [:]
            while !unpacker.isEmpty, let name = unpacker.text() { headers[name] = unpacker.text() }
            return headers
        }
    }
}
