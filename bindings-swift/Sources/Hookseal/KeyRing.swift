import Foundation
internal import HooksealFFI

/// A secret with the time in which it is live, to the second.
public struct Key: Sendable {
    public var secret: Secret
    /// Its name, for ``KeyRing/revoke(_:)``, ``KeyRing/stats()`` and ``Verified/keyID``.
    public var id: String?
    public var notBefore: Date?
    public var notAfter: Date?

    public init(_ secret: Secret, id: String? = nil, notBefore: Date? = nil, notAfter: Date? = nil) {
        self.secret = secret
        self.id = id
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    func native() throws -> NativeKey {
        try NativeKey(
            secret: secret.native(), id: id, notBefore: notBefore.map(seconds), notAfter: notAfter.map(seconds))
    }
}

/// 1 to 16 keys, newest first, shared by every signer and verifier that is made with it.
///
/// To exchange a secret: rotate in the new one with an overlap, watch ``stats()`` until the old one matches nothing
/// any more, revoke it. A ring serves one scheme: the first signer or verifier that it is given to fixes which.
///
/// ```swift
/// let ring = try KeyRing([Key("whsec_old", id: "old")])
/// let signer = try Signer(ring: ring)
/// let verifier = try Verifier(ring: ring)
/// let before = try signer.sign(body: Data("{}".utf8))
///
/// try ring.rotate(to: Key("whsec_new", id: "new"), overlap: .seconds(86_400))
/// let verified = try verifier.verify(body: Data("{}".utf8), headers: before)
/// assert(verified.keyID == "old")
/// try ring.revoke("old")
/// assert(ring.stats().map(\.id) == ["new"])
/// ```
public final class KeyRing: Sendable {
    let native: NativeKeyRing

    /// `invalid_config` for no keys, for more than 16, and for an id that is given twice.
    public init(_ keys: [Key]) throws(WebhookError) {
        native = try Hookseal.native { try NativeKeyRing(keys: keys.map { try $0.native() }) }
    }

    convenience init(_ secrets: [Secret]) throws(WebhookError) {
        try self.init(secrets.map { Key($0) })
    }

    /// Puts a new key first and lets the others live on for `overlap`, in whole seconds.
    public func rotate(to key: Key, overlap: Duration, now: Date? = nil) throws(WebhookError) {
        try Hookseal.native {
            try native.rotate(key: key.native(), overlap: wholeSeconds(overlap, "overlap"), now: now.map(seconds))
        }
    }

    /// Takes the key of that id out, at once; `not_found` when there is none, `invalid_config` when it is the only one.
    public func revoke(_ id: String) throws(WebhookError) {
        try Hookseal.native { try native.revoke(id: id) }
    }

    /// Each key's use so far, newest first: how an operator sees that an old key is safe to revoke.
    public func stats() -> [KeyStats] {
        native.stats().map(KeyStats.init)
    }
}

/// How often a key has matched.
public struct KeyStats: Sendable, Hashable {
    public let id: String?
    public let notBefore: Date?
    public let notAfter: Date?
    /// How many deliveries it has verified.
    public let matches: UInt64
    public let lastMatch: Date?

    init(_ native: NativeKeyStats) {
        id = native.id
        notBefore = native.notBefore.map(date)
        notAfter = native.notAfter.map(date)
        matches = native.matches
        lastMatch = native.lastMatch.map(date)
    }
}
