import Foundation
internal import HooksealFFI

/// The one error of this package: a stable ``code``, and a message for people.
///
/// ```swift
/// do {
///     _ = try Verifier(secrets: ["whsec_demo"]).verify(body: Data("{}".utf8), headers: [:] as [String: String])
/// } catch {
///     assert(error.code == .missingHeader && error.kind == .verification)
/// }
/// ```
///
/// A delivery that fails after attempts is not an error: it is a ``Delivery`` whose status says so.
public struct WebhookError: Error, Hashable, Sendable {
    /// What an error is about.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A received webhook was refused.
        case verification
        /// An initializer was given something that cannot work.
        case configuration
        /// Refused before any attempt was made.
        case sending
        /// A store, or the replay guard.
        case store
        /// Can come from any call.
        case any
    }

    public let code: ErrorCode
    public let kind: Kind
    /// What happened and what to do about it; never holds key material, and may change.
    public let message: String
    /// Whether the same call may succeed later.
    public let retryable: Bool
}

extension WebhookError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { message }
    public var description: String { "\(code): \(message)" }
}

extension WebhookError {
    init(_ native: NativeFailure) {
        self.init(
            code: ErrorCode(rawValue: native.code), kind: Kind(rawValue: native.kind) ?? .any,
            message: native.message, retryable: native.retryable)
    }

    /// The bridge's own failures (a panic, a broken buffer) are defects of this package.
    @usableFromInline
    init(_ error: any Error) {
        switch error {
        case let error as WebhookError: self = error
        case NativeError.Webhook(let failure): self.init(failure)
        default:
            self.init(code: .internal, kind: .any, message: String(describing: error), retryable: false)
        }
    }
}

/// Calls into the core; every failure leaves as a `WebhookError`.
@inlinable
func native<T>(_ call: () throws -> T) throws(WebhookError) -> T {
    do { return try call() } catch { throw WebhookError(error) }
}
