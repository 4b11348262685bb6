import Foundation
import Hookseal
import Testing

@Suite struct WebhookReceiverTests {
    private let body = Data(#"{"id":42}"#.utf8)
    private let now = Date(timeIntervalSince1970: 1_700_000_000)

    private func sign(_ body: Data? = nil, id: String = "evt_1") throws -> [String: String] {
        try Signer(secrets: ["whsec_demo"]).sign(
            body: body ?? self.body, id: id, eventType: "order.paid", timestamp: 1_700_000_000)
    }

    // MARK: The function

    @Test func theHandlerGetsAVerifiedEvent() async throws {
        struct Order: Decodable { let id: Int }
        let receiver = try WebhookReceiver(Verifier(secrets: ["whsec_demo"]))
        let headers = try sign().map { (name: $0.key.lowercased(), value: $0.value) }
        var seen: [Int] = []
        let answer = try await receiver.receive(body: [UInt8](body), headers: headers, now: now) { event in
            #expect(event.id == "evt_1" && event.type == "order.paid" && event.body == body)
            seen.append(try event.decode(Order.self).id)
        }
        #expect(answer.status == 204 && answer.body.isEmpty && answer.headers.isEmpty)
        #expect(seen == [42])
    }

    @Test func everyRefusalLooksAlikeAndIsReported() async throws {
        let refused = Box<[ErrorCode]>([])
        let receiver = try WebhookReceiver(Verifier(secrets: ["whsec_demo"]), maxBody: 20) { error in
            refused.change { $0.append(error.code) }
        }
        let good = try sign()
        let attempts: [(Data, [String: String], Date)] = [
            (body, [:], now), (body + [32], good, now), (body, good, now.addingTimeInterval(301)),
            (body, good.merging(["X-Webhook-Signature": "t=1,v2=é"]) { $1 }, now), (Data(count: 21), good, now),
        ]
        var answers: [WebhookResponse] = []
        for (body, headers, now) in attempts {
            answers.append(
                try await receiver.receive(body: body, headers: headers, now: now) { _ in
                    Issue.record("the handler must not run")
                })
        }
        #expect(answers.map(\.status) == [400, 400, 400, 400, 413])
        #expect(Set(answers.map(\.body)) == [Data(#"{"error":"webhook refused"}"#.utf8)])
        #expect(
            refused.value
                == [.missingHeader, .noMatchingSignature, .timestampTooOld, .malformedHeader, .bodyTooLarge])
    }

    @Test func aCopyIsRefusedUnlessTheHandlerFailed() async throws {
        struct Failure: Error {}
        let replay = try ReplayGuard(capacity: 2)  // one message, in two versions
        let receiver = try WebhookReceiver(Verifier(secrets: ["whsec_demo"], replay: replay), onRefused: { _ in })
        let (headers, body, now) = (try sign(), body, now)
        let receive = { (handler: (WebhookEvent) throws -> WebhookResponse) in
            try await receiver.respond(
                body: body, headers: headers.map { (name: $0.key, value: $0.value) }, now: now, handler: handler
            ).status
        }
        await #expect(throws: Failure.self) { try await receive { _ in throw Failure() } }
        #expect(try await receive { _ in WebhookResponse(status: 503) } == 503)
        #expect(try await receive { _ in .accepted } == 204)
        #expect(try await receive { _ in .accepted } == 425)

        let other = try sign(id: "evt_2")
        let full = try await receiver.receive(body: body, headers: other, now: now) { _ in }
        #expect(full.status == 503 && full.headers.contains { $0 == ("Retry-After", "60") })
    }

    @Test func aSchemeThatSignsTheURLNeedsIt() async throws {
        let verifier = try Verifier(secrets: ["a token"], scheme: .twilio)
        #expect(code { try WebhookReceiver(verifier) } == .invalidConfig)
        #expect(code { try WebhookReceiver(verifier, maxBody: -1, publicURL: "https://a.example") } == .invalidConfig)
        let receiver = try WebhookReceiver(verifier, publicURL: "https://a.example/", onRefused: { _ in })
        let form = Data("a=1".utf8)
        let headers = try Signer(secrets: ["a token"], scheme: .twilio).sign(
            body: form, url: "https://a.example/in?b=2")
        #expect(try await receiver.receive(body: form, headers: headers, target: "/in?b=2") { _ in }.status == 204)
        #expect(try await receiver.receive(body: form, headers: headers, target: "/in?b=3") { _ in }.status == 400)
    }

    @MainActor @Test func anActorReceivesInItsOwnIsolation() async throws {
        let receiver = try WebhookReceiver(Verifier(secrets: ["whsec_demo"]))
        var count = 0
        _ = try await receiver.receive(body: body, headers: sign(), now: now) { _ in
            MainActor.assertIsolated()
            count += 1
        }
        #expect(count == 1)
    }
}

@Suite struct ExampleServerTests {
    private let body = Data(#"{"id":42}"#.utf8)

    private func sign(_ body: Data, id: String) throws -> [String: String] {
        try Signer(secrets: [Secret(Server.secret)]).sign(body: body, id: id, eventType: "order.paid")
    }

    @Test func aFailingHandlerLetsTheNextAttemptIn() throws {
        let server = try Server(failures: 1)
        let headers = try sign(body, id: "evt_1")
        #expect(try (0..<3).map { _ in try server.post(body, headers).status } == [500, 204, 425])
        let received = try server.get("/received")
        #expect(received.status == 200 && received.body.contains(#""id":"evt_1""#))
    }

    @Test func forgeriesAreAnsweredAlike() throws {
        let server = try Server()
        let good = try sign(body, id: "evt_1")
        let old = try Signer(secrets: [Secret(Server.secret)]).sign(body: body, id: "evt_1", timestamp: 1_700_000_000)
        let forged = try Signer(secrets: ["whsec_guess"]).sign(body: body, id: "evt_1", eventType: "order.paid")
        let answers = [
            try server.post(body, [:]), try server.post(body, old), try server.post(body, forged),
            try server.post(body + [10], good), try server.post(Data(), good),
            try server.post(body, good.merging(["x-webhook-signature": "t=1,v2=00"]) { $1 }),
            try server.post(body, ["X-Webhook-Signature": String(repeating: "v1=00,", count: 1400)]),
            try server.post(body, ["X-Webhook-Signature": "t=1,v1=\u{FF}\u{1F512}"]),
        ]
        #expect(answers.allSatisfy { $0 == answers[0] } && answers[0].status == 400)
        #expect(try server.post(body, good).status == 204)
    }

    @Test func whatIsNoOrderIsNotAccepted() throws {
        let server = try Server()
        let body = Data("[".utf8)
        let headers = try sign(body, id: "evt_1")
        #expect(try (0..<2).map { _ in try server.post(body, headers).status } == [500, 500])
    }

    @Test(arguments: [
        ("\r\n\r\n", 400), ("GET\r\n\r\n", 400), ("GET /received FTP/1.1\r\n\r\n", 400),
        ("GET http://a.example/ HTTP/1.1\r\n\r\n", 400), ("GET /received HTTP/1.1\r\nA : b\r\n\r\n", 400),
        ("GET /received HTTP/1.1\r\n folded\r\n\r\n", 400), ("GET /received HTTP/1.1\r\n: b\r\n\r\n", 400),
        ("POST /hooks HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /hooks HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
        ("POST /hooks HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413),
        ("POST /hooks HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        ("POST /hooks HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        ("POST /hooks HTTP/1.1\r\nContent-Length: 5\r\n\r\nhalf", 408), ("POST /hoo", 408), ("", 408),
        ("POST /nowhere HTTP/1.1\r\n\r\n", 404),
        ("GET /received HTTP/1.1\r\nA: " + String(repeating: "a", count: 20_000) + "\r\n\r\n", 431),
        (String(repeating: "\u{0}", count: 70_000), 431),
    ])
    func badRequestsHaveAnAnswer(request: String, status: Int) throws {
        let server = try Server()
        #expect(try server.exchange(Array(request.utf8))?.status == status)
        #expect(try server.get("/received").status == 200)
    }
}

/// A value that closures on any thread may change.
final class Box<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: Value

    init(_ value: Value) {
        stored = value
    }

    var value: Value { lock.withLock { stored } }

    func change(_ change: (inout Value) -> Void) {
        lock.withLock { change(&stored) }
    }
}
