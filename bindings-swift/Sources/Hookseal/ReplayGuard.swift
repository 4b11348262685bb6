internal import HooksealFFI

/// Remembers what was accepted until it is too old to be accepted again, so that copies are refused (`replayed`).
///
/// When it is full it refuses (`storage_full`) rather than forgets. It stops copies; a handler still needs to be
/// idempotent by id, since an honest sender may deliver twice.
///
/// ```swift
/// let replay = try ReplayGuard(capacity: 100_000)
/// let verifier = try Verifier(secrets: ["whsec_demo"], replay: replay)
/// let headers = try Signer(secrets: ["whsec_demo"]).sign(body: Data("{}".utf8))
///
/// let verified = try verifier.verify(body: Data("{}".utf8), headers: headers)
/// replay.release(verified)                    // handling it failed: let the sender try again
/// _ = try verifier.verify(body: Data("{}".utf8), headers: headers)
/// ```
public final class ReplayGuard: Sendable {
    let native: NativeReplayGuard

    public init(capacity: Int = 100_000) throws(WebhookError) {
        native = try Hookseal.native { try NativeReplayGuard(capacity: count(capacity, "capacity")) }
    }

    /// Takes back the claim of a message, so that it is accepted once more.
    public func release(_ verified: Verified) {
        if let claim = verified.claim { native.release(claim: claim) }
    }
}
