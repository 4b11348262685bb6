import Foundation
internal import HooksealFFI

/// A secret, which is never printed.
///
/// A plain string stays a string until a scheme says how to read it: the same `whsec_…` text is the whole key for
/// Stripe and base64 for Standard Webhooks. The typed secrets say it at once.
///
/// ```swift
/// let plain: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"             // the scheme decides what it means
/// let typed = try Secret.base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")        // always these 24 bytes
/// assert("\(plain) \(typed)" == "Secret([REDACTED]) Secret([REDACTED])")
/// ```
public struct Secret: Sendable, ExpressibleByStringLiteral {
    private enum Form: Sendable {
        case text(String)
        case typed(NativeSecret)
    }

    private let form: Form

    /// Takes a plain string. What is wrong with it is said by whoever uses it: `empty_secret`, `malformed_secret`.
    public init(_ text: String) {
        form = .text(text)
    }

    public init(stringLiteral text: String) {
        self.init(text)
    }

    /// The text's UTF-8 bytes are the key, whatever they look like.
    public static func utf8(_ text: String) throws(WebhookError) -> Secret {
        try Secret { try NativeSecret.utf8(text: text) }
    }

    /// Base64 of the key, with or without `whsec_`.
    public static func base64(_ text: String) throws(WebhookError) -> Secret {
        try Secret { try NativeSecret.base64(text: text) }
    }

    /// Hexadecimal digits of the key.
    public static func hex(_ text: String) throws(WebhookError) -> Secret {
        try Secret { try NativeSecret.hex(text: text) }
    }

    /// These bytes are the key.
    public static func bytes(_ key: some DataProtocol) throws(WebhookError) -> Secret {
        try Secret { try NativeSecret.bytes(key: Data(key)) }
    }

    /// An Ed25519 private key: base64 of the seed, or of seed and public key, with or without `whsk_`.
    public static func ed25519Private(_ text: String) throws(WebhookError) -> Secret {
        try Secret { try NativeSecret.ed25519Private(text: text) }
    }

    /// An Ed25519 public key: base64 with or without `whpk_`, or 64 hexadecimal digits.
    public static func ed25519Public(_ text: String) throws(WebhookError) -> Secret {
        try Secret { try NativeSecret.ed25519Public(text: text) }
    }

    /// Makes a new secret: `whsec_` and the base64 of 32 random bytes.
    ///
    /// ```swift
    /// let secret = try Secret.generate()
    /// assert(secret.expose().hasPrefix("whsec_"))
    /// ```
    public static func generate() throws(WebhookError) -> Secret {
        try Secret { try NativeSecret.generate() }
    }

    /// The secret as text, for handing it to whoever signs or verifies on the other side.
    public func expose() -> String {
        switch form {
        case .text(let text): text
        case .typed(let secret): secret.expose()
        }
    }

    /// The text, which is all that a store keeps of it: of a typed one the type would be lost.
    func textForStore() throws(WebhookError) -> String {
        try Hookseal.native { try native().textForStore() }
    }

    private init(_ make: () throws -> NativeSecret) throws(WebhookError) {
        form = .typed(try Hookseal.native(make))
    }

    func native() throws -> NativeSecret {
        switch form {
        case .text(let text): try NativeSecret.parse(text: text)
        case .typed(let secret): secret
        }
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "Secret([REDACTED])" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
