import Foundation
import Hookseal
import Testing

@Suite struct FuzzTests {
    /// Whatever the headers hold, the answer is a verdict about the request, never a defect. (That nothing but a
    /// `WebhookError` can be thrown is the compiler's to know: `verify` says so in its type.)
    @Test(arguments: [Scheme.hookseal, .stripe, .standardWebhooks, .github, .slack, .zendesk, .discord, .twilio])
    func randomHeadersGetAVerdict(scheme: Scheme) throws {
        let secret: Secret =
            scheme.name == "discord"
            ? "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
            : "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        let verifier = try Verifier(secrets: [secret], scheme: scheme)
        let names = ["t", "v1", "v2", "v0", "v1a", "sha256"]
        let random = SplitMix(state: 0x5EED)
        var verdicts: Set<ErrorCode> = []

        for _ in 0..<iterations {
            let headers = headerNames.filter { _ in random.next() % 8 != 0 }.flatMap { name in
                Array(repeating: (name, text(random, names)), count: random.next() % 16 == 0 ? 2 : 1)
            }
            let body = (0..<random.next() % 40).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            do {
                _ = try verifier.verify(body: body, headers: headers, now: Date(timeIntervalSince1970: 1_700_000_000))
                Issue.record("accepted \(headers)")
            } catch {
                verdicts.insert(error.code)
                #expect(error.kind == .verification, "\(error) for \(headers)")
            }
        }
        #expect(verdicts.count > 2, "the headers are too much alike: \(verdicts)")
    }

    private let iterations = ProcessInfo.processInfo.environment["HOOKSEAL_FULL"] == "1" ? 100_000 : 3_000

    private let headerNames = [
        "X-Webhook-Signature", "X-Webhook-Id", "X-Webhook-Event", "Stripe-Signature", "webhook-id", "webhook-timestamp",
        "webhook-signature", "X-Hub-Signature-256", "X-Slack-Signature", "X-Slack-Request-Timestamp",
        "X-Zendesk-Webhook-Signature", "X-Zendesk-Webhook-Signature-Timestamp", "X-Signature-Ed25519",
        "X-Signature-Timestamp", "X-Twilio-Signature",
    ]

    /// Text that is sometimes nearly a signature.
    private func text(_ random: SplitMix, _ names: [String]) -> String {
        let pieces = [
            { names[Int(random.next() % 6)] }, { "=" }, { "," }, { " " }, { "1700000000" }, { "2023-11-14T22:13:20Z" },
            { String(repeating: "ab", count: 32) }, { Data(repeating: 7, count: 32).base64EncodedString() },
            { String(UnicodeScalar(UInt8(truncatingIfNeeded: random.next()))) }, { "\u{1F512}" },
            { String(repeating: "v1=00,", count: Int(random.next() % 80)) },
        ]
        if random.next() % 4 == 0 { return "1700000000" }
        return (0..<random.next() % 9).map { _ in pieces[Int(random.next() % UInt64(pieces.count))]() }.joined()
    }
}

/// A generator that makes the same numbers in every run.
final class SplitMix {
    private var state: UInt64

    init(state: UInt64) {
        self.state = state
    }

    func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
