import Foundation
import Hookseal

/// A server that receives webhooks and lists what it has received.
///
///     hookseal-example-server PORT [FAILURES]
///
/// POST /hooks takes webhooks that are signed with the secret in `HOOKSEAL_SECRET`; GET /received lists them. The handler
/// fails at the first FAILURES attempts of each message, as one does whose database is away: the replay guard lets the
/// sender's next attempt in.
@main
struct ExampleServer {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst().map { UInt16($0) }
        guard (1...2).contains(arguments.count), let port = arguments[0], let failures = arguments.last ?? nil else {
            FileHandle.standardError.write(Data("usage: hookseal-example-server PORT [FAILURES]\n".utf8))
            exit(2)
        }
        let secret = Secret(ProcessInfo.processInfo.environment["HOOKSEAL_SECRET"] ?? "")
        let receiver = try WebhookReceiver(Verifier(secrets: [secret], replay: ReplayGuard()))
        let inbox = Inbox(failures: arguments.count == 2 ? Int(failures) : 0)

        let server = try HTTPServer(port: port, maxBody: receiver.maxBody)
        FileHandle.standardOutput.write(Data("listening on \(server.port)\n".utf8))
        server.run { request in
            switch (request.method, request.path) {
            case ("POST", "/hooks"):
                let answer = try await receiver.receive(
                    body: request.body, headers: request.headers, target: request.target
                ) { event in try await inbox.take(event) }
                return HTTPResponse(status: answer.status, headers: answer.headers, body: answer.body)
            case ("GET", "/received"):
                return try await HTTPResponse.json(inbox.received)
            default:
                return HTTPResponse(status: 404)
            }
        }
    }
}

/// What the program does with its webhooks.
actor Inbox {
    struct Order: Codable {
        let id: Int
    }

    struct Received: Encodable {
        let id: String?
        let type: String?
        let data: Order
        let key: String
        let version: String
    }

    struct DatabaseIsAway: Error {}

    private(set) var received: [Received] = []
    private var attempts: [String: Int] = [:]
    private let failures: Int

    init(failures: Int) {
        self.failures = failures
    }

    func take(_ event: WebhookEvent) throws {
        let order = try event.decode(Order.self)
        attempts[event.id ?? "", default: 0] += 1
        guard attempts[event.id ?? "", default: 0] > failures else { throw DatabaseIsAway() }
        received.append(
            Received(
                id: event.id, type: event.type, data: order, key: "#\(event.verified.keyIndex)",
                version: event.verified.version))
    }
}
