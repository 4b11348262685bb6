import Foundation
internal import HooksealFFI

/// Verifies that webhooks are authentic, and recent.
///
/// Pass the body's bytes as they were received: parsed and printed again they are other bytes.
///
/// ```swift
/// let body = Data(#"{"id":42}"#.utf8)
/// let headers = try Signer(secrets: ["whsec_old"], scheme: .stripe).sign(body: body)
///
/// let verifier = try Verifier(secrets: ["whsec_new", "whsec_old"], scheme: .stripe, tolerance: .seconds(300))
/// let verified = try verifier.verify(body: body, headers: headers)
/// assert(verified.keyIndex == 1 && verified.version == "v1")
/// ```
///
/// Every failure is a ``WebhookError``; answer the sender alike for all of them (400; 413 for `body_too_large`, 425 for
/// `replayed`, 503 for `storage_full`), and log the reason.
public final class Verifier: Sendable {
    private let native: NativeVerifier
    public let scheme: Scheme
    /// What refuses copies, if anything does.
    public let replay: ReplayGuard?
    /// The headers that verification reads, at most three: all that a program has to hand over.
    public let headerNames: [String]
    private let lowerHeaderNames: [[UInt8]]

    /// Verifies with these secrets, newest first.
    ///
    /// - Parameters:
    ///   - tolerance: how far the timestamp may lie in the past, in whole seconds.
    ///   - futureTolerance: how far in the future; `tolerance` if absent.
    ///   - require: the weakest version to accept, such as `v2`; closes the way back to weaker ones.
    ///   - replay: refuses what was accepted before.
    ///   - maxBody: the largest body, in bytes.
    ///   - dangerouslyIgnoreTimestamp: accepts authentic messages of any age, so replays too.
    public convenience init(
        secrets: [Secret], scheme: Scheme = .hookseal, tolerance: Duration = .seconds(300),
        futureTolerance: Duration? = nil, require: String? = nil, replay: ReplayGuard? = nil, maxBody: Int? = nil,
        dangerouslyIgnoreTimestamp: Bool = false
    ) throws(WebhookError) {
        try self.init(
            ring: KeyRing(secrets), scheme: scheme, tolerance: tolerance, futureTolerance: futureTolerance,
            require: require, replay: replay, maxBody: maxBody, dangerouslyIgnoreTimestamp: dangerouslyIgnoreTimestamp)
    }

    /// Verifies with the live keys of a ring.
    public init(
        ring: KeyRing, scheme: Scheme = .hookseal, tolerance: Duration = .seconds(300),
        futureTolerance: Duration? = nil, require: String? = nil, replay: ReplayGuard? = nil, maxBody: Int? = nil,
        dangerouslyIgnoreTimestamp: Bool = false
    ) throws(WebhookError) {
        native = try Hookseal.native {
            try NativeVerifier(
                ring: ring.native,
                options: NativeVerifierOptions(
                    scheme: scheme.native,
                    tolerance: wholeSeconds(tolerance, "tolerance"),
                    futureTolerance: futureTolerance.map { try wholeSeconds($0, "futureTolerance") },
                    require: require,
                    replay: replay?.native,
                    maxBody: maxBody.map { try count($0, "maxBody") },
                    dangerouslyIgnoreTimestamp: dangerouslyIgnoreTimestamp))
        }
        self.scheme = scheme
        self.replay = replay
        headerNames = scheme.native.headerNames()
        lowerHeaderNames = headerNames.map { $0.utf8.map(lower) }
    }

    /// Verifies a request whose headers are a dictionary.
    ///
    /// `url` is the public URL as it is registered at the provider, for the schemes that sign it. A message that waited
    /// in a queue is judged by its arrival: pass that as `now`.
    @inlinable
    public func verify(
        body: some DataProtocol, headers: [String: String], now: Date? = nil, url: String? = nil
    ) throws(WebhookError) -> Verified {
        try Hookseal.native { try borrowed(body) { try verify($0, dictionary: headers, now, url) } }
    }

    /// Verifies a request whose headers are a list of pairs, in which a name can occur twice.
    @inlinable
    public func verify(
        body: some DataProtocol, headers: [(String, String)], now: Date? = nil, url: String? = nil
    ) throws(WebhookError) -> Verified {
        try Hookseal.native { try borrowed(body) { try verify($0, pairs: headers, now, url) } }
    }

    /// Verifies a request whose headers are a framework's own collection of names and values.
    @inlinable
    public func verify(
        body: some DataProtocol, headers: some Sequence<(name: String, value: String)>, now: Date? = nil,
        url: String? = nil
    ) throws(WebhookError) -> Verified {
        try verify(body: body, headers: headers.map { ($0.name, $0.value) }, now: now, url: url)
    }

    /// Verifies with the bare value of the signature header, for the schemes that need no other.
    @inlinable
    public func verify(
        body: some DataProtocol, headers: String, now: Date? = nil, url: String? = nil
    ) throws(WebhookError) -> Verified {
        try Hookseal.native { try borrowed(body) { try verify($0, signature: headers, now, url) } }
    }
}

// MARK: - What crosses to the core
extension Verifier {
    @usableFromInline
    func verify(_ body: Data, dictionary: [String: String], _ now: Date?, _ url: String?) throws -> Verified {
        var packer = try packer(now, url)
        for (name, value) in dictionary where reads(name) {
            packer.text(name)
            packer.text(value)
        }
        return try verify(body, packer)
    }

    @usableFromInline
    func verify(_ body: Data, pairs: [(String, String)], _ now: Date?, _ url: String?) throws -> Verified {
        var packer = try packer(now, url)
        for (name, value) in pairs where reads(name) {
            packer.text(name)
            packer.text(value)
        }
        return try verify(body, packer)
    }

    @usableFromInline
    func verify(_ body: Data, signature: String, _ now: Date?, _ url: String?) throws -> Verified {
        var packer = try packer(now, url)
        packer.text(nil)
        packer.text(signature)
        return try verify(body, packer)
    }

    private func packer(_ now: Date?, _ url: String?) throws -> Packer {
        var packer = Packer()
        packer.number(try now.map(seconds))
        packer.text(url)
        return packer
    }

    private func verify(_ body: Data, _ request: Packer) throws -> Verified {
        let packed = try request.call { try native.verifyPacked(body: body, request: $0) }
        return Unpacker.unpack(packed) { Verified(&$0) }
    }

    /// Only the headers that the scheme reads cross to the core.
    private func reads(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { name in
            for header in lowerHeaderNames where header.count == name.count {
                if header.indices.allSatisfy({ header[$0] == lower(name[$0]) }) { return true }
            }
            return false
        }
    }
}

private func lower(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "A") <= byte && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
}

/// What verification established.
public struct Verified: Sendable, CustomStringConvertible {
    /// When the message was signed, in Unix seconds, where the scheme signs that.
    public let timestamp: Int?
    /// The message's id, only where the signature covers it.
    public let id: String?
    /// The event type, only where the signature covers it.
    public let eventType: String?
    /// The version of the scheme that was judged.
    public let version: String
    /// The place of the key that matched, 0 for the newest.
    public let keyIndex: Int
    public let keyID: String?

    let claim: NativeClaim?

    init(_ unpacker: inout Unpacker) {
        timestamp = unpacker.number().map(Int.init)
        keyIndex = Int(unpacker.number() ?? 0)
        version = unpacker.text() ?? ""
        id = unpacker.text()
        eventType = unpacker.text()
        keyID = unpacker.text()
        claim =
            unpacker.isEmpty
            ? nil : unpacker.number().map { NativeClaim(unsafeFromHandle: UInt64(bitPattern: $0)) }
    }

    /// ``timestamp`` as a date.
    public var date: Date? {
        timestamp.map { Date(timeIntervalSince1970: TimeInterval($0)) }
    }

    public var description: String {
        "Verified(version: \(version), timestamp: \(timestamp.map(String.init) ?? "none"), id: \(id ?? "none"))"
    }
}
