import ConformanceKit
import Foundation
import Hookseal
import Testing

@Suite struct SenderTests {
    let receiver: Receiver
    let run = UUID().uuidString

    init() throws {
        receiver = try Receiver.shared.get()
    }

    private func endpoint(_ scenario: String, headers: [String: String] = [:]) throws -> Endpoint {
        try Endpoint(url: receiver.url(scenario, run: run), secrets: ["whsec_demo"], headers: headers)
    }

    // MARK: Scenarios

    @Test func everyScenarioEndsAsItSays() async throws {
        try await play(receiver)
    }

    @Test func everyScenarioOverTLSEndsAsItSays() async throws {
        try await play(Receiver.overTLS.get())
    }

    private func play(_ receiver: Receiver) async throws {
        let file = try JSONSerialization.jsonObject(with: Data(contentsOf: receiver.scenarioFile)) as? Judge.JSON
        let scenarios = try #require(file?["tests"] as? [Judge.JSON]).map(Scenario.init)
        let root = try await receiver.root()
        let atOnce = 8  // some are about a third of a second
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, scenario) in scenarios.enumerated() {
                if index >= atOnce { try await group.next() }
                group.addTask { try await check(scenario, on: receiver, root: root) }
            }
            try await group.waitForAll()
        }
        print("scenarios: \(scenarios.count) of \(receiver.scenarioFile.lastPathComponent)")
        #expect(!scenarios.isEmpty)
    }

    /// On a sender of its own: some scenarios are about which connection is used.
    private func check(_ scenario: Scenario, on receiver: Receiver, root: String) async throws {
        let sender = try Sender(allowPrivate: true, extraRoots: [root])
        let run = UUID().uuidString
        let endpoint = try Endpoint(
            url: receiver.url(scenario.id, run: run, server: scenario.server), secrets: ["whsec_demo"],
            timeout: scenario.timeout, retry: scenario.policy)
        let delivery = try await sender.send(to: endpoint, type: "order.paid", payload: ["id": 42])
        let seen = line([
            "status": delivery.status.rawValue, "reason": delivery.reason?.rawValue ?? NSNull(),
            "attempts": delivery.attempts.map {
                ["status_code": $0.statusCode ?? NSNull(), "error": $0.error?.rawValue ?? NSNull()] as Judge.JSON
            },
        ])
        #expect(seen == scenario.expected, "\(scenario.id)")
        if let requests = scenario.requests {
            #expect(try await receiver.requests(run).count == requests, "\(scenario.id)")
        }
    }

    struct Scenario: Sendable {
        let id: String
        let server: String?
        let policy: RetryPolicy
        let timeout: Duration?
        let expected: String
        let requests: Int?

        init(_ json: Judge.JSON) throws {
            id = try #require(json["id"] as? String)
            server = json["server"] as? String
            policy = RetryPolicy(scenario: json["policy"] as? Judge.JSON ?? [:])
            timeout = (json["timeout"] as? Double).map { .seconds($0) }
            var expect = try #require(json["expect"] as? Judge.JSON)
            requests = expect.removeValue(forKey: "requests") as? Int
            expected = line(expect)
        }
    }

    // MARK: What is sent

    @Test func whatArrivesIsWhatWasSigned() async throws {
        let sender = try Sender(allowPrivate: true)
        let delivery = try await sender.send(
            to: endpoint("third", headers: ["xTenantID": "acme"]), type: "order.paid", payload: ["url": "a/b"],
            id: "evt_1")
        let requests = try await receiver.requests(run)

        #expect(
            delivery.id == "evt_1" && delivery.status == .delivered && delivery.attempts.map(\.number) == [1, 2, 3])
        #expect(requests.count == 3)
        for (index, request) in requests.enumerated() {
            #expect(request.method == "POST" && request.body == Data(#"{"url":"a/b"}"#.utf8))
            #expect(request.header("X-Webhook-Attempt") == "\(index + 1)" && request.header("xtenantid") == "acme")
            let verified = try Verifier(secrets: ["whsec_demo"]).verify(
                body: request.body, headers: request.headers.map { ($0[0], $0[1]) })
            #expect(verified.id == "evt_1" && verified.eventType == "order.paid" && verified.version == "v2")
        }
    }

    @Test func bytesAndTextAreSentAsTheyAre() async throws {
        let sender = try Sender(allowPrivate: true)
        let endpoint = try endpoint("first-200")
        _ = try await sender.send(to: endpoint, type: "a", payload: Data([0, 255]))
        _ = try await sender.send(to: endpoint, type: "a", payload: [UInt8(1), 254])
        _ = try await sender.send(to: endpoint, Event("a", "<a/>", contentType: "text/xml"))
        let requests = try await receiver.requests(run)
        #expect(requests.map(\.body) == [Data([0, 255]), Data([1, 254]), Data("<a/>".utf8)])
        #expect(requests.map { $0.header("content-type") } == ["application/json", "application/json", "text/xml"])
    }

    @Test func theSendersHeadersCanBeRenamed() async throws {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        let sender = try Sender(
            allowPrivate: true, headerPrefix: "Acme-", headerNames: HeaderNames(attempt: "X-Acme-Try"))
        _ = try await sender.send(
            to: Endpoint(url: receiver.url("first-200", run: run), secrets: ["whsec_demo"], scheme: .stripe),
            type: "order.paid", payload: "{}", id: "evt_1", traceparent: trace)
        let request = try #require(try await receiver.requests(run).first)
        #expect(request.header("Acme-Id") == "evt_1" && request.header("Acme-Event") == "order.paid")
        #expect(request.header("X-Acme-Try") == "1" && request.header("X-Webhook-Id") == nil)
        #expect(request.header("traceparent") == trace)
    }

    @Test func aProxyIsUsed() async throws {
        let sender = try Sender(retry: RetryPolicy.none, allowPrivate: true, proxy: "http://127.0.0.1:9")
        let delivery = try await sender.send(to: endpoint("first-200"), type: "a", payload: "{}")
        #expect(delivery.status == .dead && delivery.attempts.first?.error == .connectionRefused)
    }

    @Test func manyAreSentInOneCall() async throws {
        let sender = try Sender(allowPrivate: true)
        let endpoint = try endpoint("first-200")
        let items = try (1...20).map { (endpoint, try Event("order.paid", ["n": $0], id: "evt_\($0)")) }
        let deliveries = try await sender.sendMany(items)
        #expect(deliveries.map(\.id) == items.map { $0.1.id } && deliveries.allSatisfy { $0.status == .delivered })
    }

    // MARK: What is refused

    @Test func whatCannotBeSentIsRefusedAtOnce() async throws {
        let guarded = try Sender()
        let local = try endpoint("first-200")
        #expect(await eventualCode { try await guarded.send(to: local, type: "a", payload: "{}") } == .blockedAddress)
        #expect(await eventualCode { try await guarded.sendMany([(local, Event("a", "{}"))]) } == .blockedAddress)
        #expect(code { try guarded.enqueue(to: local, type: "a b", payload: "{}") } == .invalidEvent)
        #expect(code { try guarded.enqueue(to: local, Event("a", "{}", id: "a.b")) } == .invalidEvent)
        #expect(code { try guarded.enqueue(to: local, type: "a", payload: "{}", traceparent: "00-0") } == .invalidEvent)
        #expect(code { try guarded.enqueue(to: local, Event("a", "{}", contentType: "a\n")) } == .invalidHeader)
        #expect(
            code { try guarded.enqueue(to: local, type: "a", payload: Data(count: 1 << 20 + 1)) } == .payloadTooLarge)
        #expect(code { try Endpoint(url: "ftp://a.example/", secrets: ["whsec_demo"]) } == .invalidURL)
        #expect(code { try Endpoint(url: "https://a.example/", secrets: [""]) } == .emptySecret)
        #expect(
            code { try Endpoint(url: "https://a.example/", secrets: ["k"], headers: ["Host": "b"]) } == .invalidHeader)
        #expect(
            code { try Endpoint(url: "https://a.example/", secrets: ["k"], timeout: .seconds(61)) } == .invalidConfig)
    }

    @Test func optionsAreJudgedByTheCore() {
        #expect(code { try Sender(timeout: .zero) } == .invalidConfig)
        #expect(code { try Sender(timeout: .seconds(-1)) } == .invalidConfig)
        #expect(code { try Sender(maxInFlight: 0) } == .invalidConfig)
        #expect(code { try Sender(maxQueued: -1) } == .invalidConfig)
        #expect(code { try Sender(allowPorts: [65_536]) } == .invalidConfig)
        #expect(code { try Sender(rateLimit: RateLimit(perSecond: .nan)) } == .invalidConfig)
        #expect(code { try Sender(retry: RetryPolicy(factor: 0)) } == .invalidConfig)
        #expect(code { try Sender(breaker: Breaker(failures: 0)) } == .invalidConfig)
        #expect(code { try Sender(breaker: nil) } == nil)
        #expect(code { try Sender(http2: true) } == nil)
        #expect(code { try Sender(identity: "no PEM") } == .invalidConfig)
        #expect(code { try Sender(proxy: "ftp://a.example") } == .invalidConfig)
        #expect(code { try Sender(headerPrefix: "a b") } == .invalidConfig)
        #expect(code { try Sender(headerNames: HeaderNames(id: "Host")) } == .invalidConfig)
        #expect(
            code { try Endpoint(url: "https://a.example/", secrets: ["k"], identity: "no PEM") } == .invalidConfig)
    }

    @Test func whatIsNoJSONNamesItsPlace() {
        struct Price: Encodable { let amounts: [Double] }
        do {
            _ = try Event("a", Price(amounts: [1, .nan]))
            Issue.record("a number that is none was taken")
        } catch {
            #expect(error.code == .invalidEvent && error.kind == .sending && error.message.contains("amounts"))
        }
    }

    @Test func aFullQueueIsSaid() throws {
        let sender = try Sender(retry: .schedule([.seconds(3600)]), allowPrivate: true, maxQueued: 4)
        let endpoint = try endpoint("silent")
        try sender.enqueue(to: endpoint, type: "a", payload: "{}")
        do {
            _ = try sender.enqueue(to: endpoint, type: "a", payload: "{}")
            Issue.record("there is room for one")
        } catch {
            #expect(error.code == .queueFull && error.retryable && error.kind == .sending)
        }
    }

    // MARK: Waiting, cancelling, closing

    @Test func cancellingTheWaitDoesNotCancelTheDelivery() async throws {
        let sender = try Sender(allowPrivate: true)
        let endpoint = try endpoint("third")
        let notices = sender.notices
        let task = Task { try await sender.send(to: endpoint, type: "a", payload: "{}", id: "evt_1") }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }

        let last = await notices.first { $0.kind == .succeeded || $0.kind == .dead }
        #expect(last?.kind == .succeeded && last?.delivery == "evt_1" && last?.eventType == "a")
        #expect(try await sender.flush(timeout: .seconds(10)))
        #expect(sender.unfinished == 0)
    }

    @Test func aHandleCancelsTheDelivery() async throws {
        let sender = try Sender(retry: .schedule([.seconds(3600)]), allowPrivate: true)
        let notices = sender.notices
        let handle = try sender.enqueue(to: endpoint("third"), type: "a", payload: "{}")
        let retrying = await notices.first { $0.kind == .retrying }
        #expect(retrying?.retryIn.map { $0 > .seconds(2000) } == true && handle.delivery.status == .pending)

        #expect(handle.cancel())
        let delivery = try await handle.result()
        #expect(delivery.status == .cancelled && delivery.attempts.count == 1 && delivery.id == handle.id)
        #expect(!handle.cancel())
    }

    @Test func closeHandsBackWhatIsNotFinished() async throws {
        let sender = try Sender(retry: .schedule([.seconds(3600)]), allowPrivate: true)
        let endpoint = try endpoint("third")
        let handle = try sender.enqueue(to: endpoint, type: "a", payload: "{}")
        #expect(try await !sender.flush(timeout: .zero))
        let waiter = Task { try await handle.result().status }
        let unfinished = await sender.close(grace: .seconds(10))

        #expect(unfinished.map(\.id) == [handle.id] && unfinished.allSatisfy { $0.status == .pending })
        #expect(try await waiter.value == .pending)
        #expect(code { try sender.enqueue(to: endpoint, type: "a", payload: "{}") } == .closed)
        #expect(await eventualCode { try await sender.send(to: endpoint, type: "a", payload: "{}") } == .closed)
        #expect(await sender.close().isEmpty)
    }

    @Test func everyPlanIsAsItSays() throws {
        let file = try Data(contentsOf: checkout.appending(path: "spec/scenarios/plans.json"))
        let plans = try #require(
            (JSONSerialization.jsonObject(with: file) as? Judge.JSON)?["tests"] as? [Judge.JSON])
        for json in plans {
            let (outage, seed) = (try #require(json["outage"] as? Double), try #require(json["seed"] as? Int))
            let expect = try #require(json["expect"] as? Judge.JSON)
            let plan = try RetryPolicy(scenario: json["policy"] as? Judge.JSON ?? [:]).plan(
                outage: .seconds(outage), seed: UInt64(seed))
            #expect(plan.attempts == (expect["attempts"] as? [Double])?.map { .seconds($0) }, "\(json)")
            #expect(plan.reason?.rawValue == expect["reason"] as? String, "\(json)")
        }
        print("plans: \(plans.count)")
        #expect(!plans.isEmpty)
    }

    @Test func aPolicyCanBeActedOut() throws {
        let plan = try RetryPolicy.standard.plan(outage: .seconds(30 * 86_400))
        #expect(plan.attempts.count == 10 && plan.reason == .attemptsExhausted)
        #expect(try RetryPolicy.none.plan(outage: .seconds(1)).reason == .attemptsExhausted)
        #expect(code { try RetryPolicy(factor: .infinity).plan(outage: .zero) } == .invalidConfig)
    }
}

extension RetryPolicy {
    init(scenario json: Judge.JSON) {
        let seconds = { (value: Any?) in (value as? Double).map { Duration.seconds($0) } }
        self.init(
            initial: seconds(json["initial"]), factor: json["factor"] as? Double, max: seconds(json["max"]),
            maxAttempts: json["max_attempts"] as? Int, maxAge: seconds(json["max_age"]),
            jitter: (json["jitter"] as? Double).map { .spread($0) }
                ?? (json["jitter"] as? String == "none" ? Jitter.none : nil),
            retryOn: (json["retry_on"] as? String).flatMap(RetryOn.init(rawValue:)))
        schedule = (json["schedule"] as? [Double])?.map { .seconds($0) }
    }
}
