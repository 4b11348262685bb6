import Foundation
import Hookseal
import Testing

@Suite struct VerifyTests {
    let body = Data(#"{"id":42}"#.utf8)
    let now = Date(timeIntervalSince1970: 1_700_000_000)
    let signer: Signer
    let verifier: Verifier

    init() throws {
        signer = try Signer(secrets: ["whsec_demo"])
        verifier = try Verifier(secrets: ["whsec_demo"])
    }

    private func sign() throws -> [String: String] {
        try signer.sign(body: body, id: "evt_1", eventType: "order.paid", timestamp: 1_700_000_000)
    }

    // MARK: What goes in

    @Test func bodiesAreAnyBytes() throws {
        let headers = try sign()
        let bytes = [UInt8](body)
        #expect(try verifier.verify(body: bytes, headers: headers, now: now).id == "evt_1")
        #expect(try verifier.verify(body: ([0] + bytes)[1...], headers: headers, now: now).id == "evt_1")
        #expect(try verifier.verify(body: (Data([0]) + body).dropFirst(), headers: headers, now: now).id == "evt_1")
        #expect(try signer.sign(body: bytes, id: "evt_1", eventType: "order.paid", timestamp: 1_700_000_000) == headers)
    }

    @Test func headersAreAnyCollection() throws {
        let headers = try sign()
        let lower = Dictionary(uniqueKeysWithValues: headers.map { ($0.lowercased(), $1) })
        let pairs = headers.map { ($0, $1) } + [("Accept", "*/*"), ("Accept", "text/plain")]
        let named = headers.map { (name: $0.uppercased(), value: $1) }

        #expect(try verifier.verify(body: body, headers: lower, now: now).eventType == "order.paid")
        #expect(try verifier.verify(body: body, headers: pairs, now: now).eventType == "order.paid")
        #expect(try verifier.verify(body: body, headers: named, now: now).eventType == "order.paid")
    }

    @Test func theBareHeaderServesWhereNoOtherIsNeeded() throws {
        let signature = try #require(sign()["X-Webhook-Signature"])
        #expect(try verifier.verify(body: body, headers: signature, now: now).version == "v1")
        let strict = try Verifier(secrets: ["whsec_demo"], require: "v2")
        #expect(code { try strict.verify(body: body, headers: signature, now: now) } == .missingHeader)
    }

    @Test func aDoubledHeaderIsRefused() throws {
        let headers = try sign().map { ($0, $1) }
        let spellings = try sign().merging(["x-webhook-signature": "t=1,v1=00"]) { $1 }
        #expect(code { try verifier.verify(body: body, headers: headers + headers, now: now) } == .malformedHeader)
        #expect(code { try verifier.verify(body: body, headers: spellings, now: now) } == .malformedHeader)
    }

    @Test(arguments: ["t=1,v1=é", "t=1,v1=\u{2603}", "t=1,v1=\u{0}", "t=1\n,v1=00"])
    func aHeaderBeyondPrintableAsciiIsRefused(header: String) {
        #expect(code { try verifier.verify(body: body, headers: header) } == .malformedHeader)
    }

    // MARK: What comes out

    @Test func onlyCoveredValuesAreHandedOn() throws {
        var headers = try signer.sign(body: body, timestamp: 1_700_000_000)
        headers["X-Webhook-Id"] = "evt_forged"
        let verified = try verifier.verify(body: body, headers: headers, now: now)
        #expect(verified.id == nil && verified.eventType == nil)
        #expect(verified.timestamp == 1_700_000_000 && verified.date == now && verified.keyIndex == 0)
    }

    @Test func anErrorSaysWhatItIs() throws {
        let headers = try sign()
        do {
            _ = try verifier.verify(body: body, headers: headers, now: now.addingTimeInterval(412))
            Issue.record("accepted after 412 seconds")
        } catch {
            #expect(error.code == .timestampTooOld && error.kind == .verification && !error.retryable)
            #expect(error.message.contains("412 s") && error.localizedDescription == error.message)
        }
    }

    // MARK: Time

    @Test func nowIsRoundedDown() throws {
        let edge = now.addingTimeInterval(300.9)
        #expect(try verifier.verify(body: body, headers: sign(), now: edge).version == "v2")
        #expect(
            code { try verifier.verify(body: body, headers: try sign(), now: now.addingTimeInterval(301)) }
                == .timestampTooOld)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300])
    func aDateThatIsNoNumberIsRefused(seconds: Double) {
        let date = Date(timeIntervalSince1970: seconds)
        #expect(code { try verifier.verify(body: body, headers: try sign(), now: date) } == .invalidConfig)
        #expect(code { try KeyRing([Key("whsec_demo", notAfter: date)]) } == .invalidConfig)
    }

    @Test(arguments: [Duration.seconds(-1), .milliseconds(1500), .seconds(4_294_967_296), .seconds(Int64.min)])
    func aToleranceIsWholeSeconds(tolerance: Duration) {
        #expect(code { try Verifier(secrets: ["whsec_demo"], tolerance: tolerance) } == .invalidConfig)
        #expect(code { try Verifier(secrets: ["whsec_demo"], futureTolerance: tolerance) } == .invalidConfig)
    }

    // MARK: Options

    @Test func optionsAreJudgedByTheCore() {
        #expect(code { try Verifier(secrets: []) } == .invalidConfig)
        #expect(code { try Verifier(secrets: [""]) } == .emptySecret)
        #expect(code { try Verifier(secrets: ["\"whsec_demo\""]) } == .malformedSecret)
        #expect(code { try Verifier(secrets: ["whsec_demo"], require: "v9") } == .invalidConfig)
        #expect(code { try Verifier(secrets: ["whsec_demo"], maxBody: -1) } == .invalidConfig)
        #expect(
            code { try Verifier(secrets: ["whsec_demo"], scheme: .github, replay: ReplayGuard()) } == .invalidConfig)
        #expect(code { try ReplayGuard(capacity: 0) } == .invalidConfig)
        #expect(code { try ReplayGuard(capacity: -1) } == .invalidConfig)
        #expect(code { try Scheme(named: "stripes") } == .unknownScheme)
        #expect(code { try Scheme(document: "{") } == .invalidScheme)
    }

    @Test func theBodyHasALimit() throws {
        let limited = try Verifier(secrets: ["whsec_demo"], maxBody: body.count)
        #expect(try limited.verify(body: body, headers: sign(), now: now).version == "v2")
        #expect(code { try limited.verify(body: body + [0x20], headers: [:], now: now) } == .bodyTooLarge)
    }

    @Test func aGuardRefusesCopiesUntilItReleasesThem() throws {
        let replay = try ReplayGuard(capacity: 10)
        let guarded = try Verifier(secrets: ["whsec_demo"], replay: replay)
        let headers = try sign()
        let first = try guarded.verify(body: body, headers: headers, now: now)
        #expect(code { try guarded.verify(body: body, headers: headers, now: now) } == .replayed)
        replay.release(first)
        #expect(try guarded.verify(body: body, headers: headers, now: now).id == "evt_1")
        replay.release(try verifier.verify(body: body, headers: headers, now: now))
        #expect(code { try guarded.verify(body: body, headers: headers, now: now) } == .replayed)
    }

    // MARK: Keys

    @Test func aSecretIsNeverPrinted() throws {
        let text = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="
        for secret in [Secret(text), try .utf8(text), try .base64(text)] {
            var dumped = ""
            dump([Key(secret)], to: &dumped)
            for shown in ["\(secret)", String(reflecting: secret), "\([secret])", "\(Key(secret))", dumped] {
                #expect(!shown.contains("c2Vj") && shown.contains("[REDACTED]"))
            }
            #expect(secret.expose() == text)
        }
    }

    @Test func secretsAreMadeAtRandom() throws {
        let secret = try Secret.generate()
        #expect(try secret.expose() != Secret.generate().expose())
        #expect(
            try Signer(secrets: [secret], scheme: .standardWebhooks).sign(body: body, id: "a", timestamp: 1).count == 3)
    }

    @Test func typedSecretsOverrideTheScheme() throws {
        let key = Data(repeating: 7, count: 32)
        let hex = String(repeating: "07", count: 32)
        let signatures = try [
            Secret.bytes(key), .bytes([UInt8](key)), .hex(hex), .base64(key.base64EncodedString()),
        ].map { try Signer(secrets: [$0], scheme: .github).sign(body: body)["X-Hub-Signature-256"] }
        #expect(Set(signatures).count == 1)
        #expect(code { try Secret.hex("0g") } == .malformedSecret)
        #expect(code { try Secret.bytes([]) } == .emptySecret)
    }

    @Test func aRingRotatesWithoutDowntime() throws {
        let ring = try KeyRing([Key("whsec_old", id: "old")])
        let signer = try Signer(ring: ring)
        let verifier = try Verifier(ring: ring)
        let before = try signer.sign(body: body, timestamp: 1_700_000_000)

        try ring.rotate(to: Key("whsec_new", id: "new"), overlap: .seconds(100), now: now)
        #expect(try verifier.verify(body: body, headers: before, now: now).keyID == "old")
        #expect(try verifier.verify(body: body, headers: before, now: now).keyIndex == 1)
        #expect(ring.stats().map(\.id) == ["new", "old"])
        #expect(ring.stats().map(\.matches) == [0, 2])
        #expect(ring.stats()[1].lastMatch == now && ring.stats()[1].notAfter == now.addingTimeInterval(100))

        let later = now.addingTimeInterval(101)
        #expect(code { try verifier.verify(body: body, headers: before, now: later) } == .noMatchingSignature)
        try ring.revoke("old")
        #expect(code { try ring.revoke("old") } == .notFound)
        #expect(code { try ring.revoke("new") } == .invalidConfig)
        #expect(code { try ring.rotate(to: Key("whsec_x"), overlap: .seconds(-1)) } == .invalidConfig)
    }

    @Test func oneSignerServesAMigration() throws {
        let both = try Signer(secrets: ["whsec_a"], also: [Signer(secrets: ["whsec_b"], scheme: .stripe)])
        let headers = try both.sign(body: body, timestamp: 1_700_000_000)
        #expect(Set(headers.keys) == ["X-Webhook-Signature", "X-Webhook-Timestamp", "Stripe-Signature"])
        #expect(code { try Signer(secrets: ["whsec_a"], also: [both]) } == .invalidConfig)
    }

    // MARK: The package

    @Test func everyConstantIsABuiltInScheme() throws {
        let constants: [Scheme] = [
            .hookseal, .convoy, .convoySimple, .discord, .github, .gitlab, .goHookd, .intercom, .linear, .link,
            .outpost, .paddle, .pagerduty, .rustango, .rustangoBase64, .rustangoHex, .shopify, .slack, .square,
            .standardWebhooks, .stripe, .svix, .togo, .twilio, .workos, .zendesk, .zoom,
        ]
        #expect(Set(constants.map(\.name)).isSubset(of: Scheme.names()))
        #expect(try Scheme.names().allSatisfy { try !Scheme(named: $0).source.isEmpty })
    }

    @Test func oneVerifierServesManyTasks() async throws {
        let (verifier, body, now, headers) = (verifier, body, now, try sign())
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try (0..<200).map { _ in try verifier.verify(body: body, headers: headers, now: now) }.count
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(count == 1600)
    }

    @Test func aSignatureThatDoesNotMatchIsExplained() throws {
        let headers = try sign()
        let findings = try diagnose(
            body: body + [0x0A], headers: headers, secrets: ["whsec_demo"], now: now)
        #expect(!findings.isEmpty && findings.allSatisfy { !$0.message.contains("whsec_demo") })
        #expect(try diagnose(body: body, headers: headers, secrets: ["whsec_demo"], now: now).isEmpty)
    }
}

/// The code of the error that `call` throws.
func code<T>(_ call: () throws -> T) -> ErrorCode? {
    do {
        _ = try call()
        return nil
    } catch {
        return (error as? WebhookError)?.code
    }
}

/// The code of the error that `call` throws in the end.
func eventualCode<T>(_ call: () async throws -> T) async -> ErrorCode? {
    do {
        _ = try await call()
        return nil
    } catch {
        return (error as? WebhookError)?.code
    }
}
