import ConformanceKit
import Foundation
import Hookseal

/// Speaks the line protocol of the tests that cross languages, one JSON object a line:
///
///     hookseal-swift-tool sign     reads sign vectors, answers {"headers": [[name, value], …]} or {"error": code}
///     hookseal-swift-tool verify   reads verify vectors, answers {"ok": {…}} or {"error": code}
///     hookseal-swift-tool send URL TYPE SECRET [ID]
///                                  sends standard input to a local receiver, prints the delivery
///     hookseal-swift-tool turns CALL BYTES
///                                  times calls (`tests/bench/race.py`)
///     hookseal-swift-tool memory COUNT
///                                  verifies so often, prints the memory before and after (Linux)
///     hookseal-swift-tool sqlite   runs the `Transaction` of its standard input, with the system's SQLite
@main
struct Tool {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.count) {
        case ("sign", 1): answerLines(Judge.sign)
        case ("verify", 1): answerLines(Judge.verify)
        case ("send", 4...5):
            let id = arguments.count == 5 ? arguments[4] : nil
            await send(url: arguments[1], type: arguments[2], secret: Secret(arguments[3]), id: id)
        case ("turns", 3): try Turns.take(arguments[1], bytes: Int(arguments[2]) ?? 0)
        case ("memory", 2): answer(try Memory.growth(verifications: Int(arguments[1]) ?? 0))
        case ("sqlite", 1):
            let transaction = FileHandle.standardInput.readDataToEndOfFile()
            try JSONDecoder().decode(Transaction.self, from: transaction).run()
        default:
            let usage = """
                usage: hookseal-swift-tool sign | verify | send URL TYPE SECRET [ID] | turns CALL BYTES | memory COUNT | sqlite

                """
            FileHandle.standardError.write(Data(usage.utf8))
            exit(2)
        }
    }

    private static func answerLines(_ judge: (Judge.JSON) -> Judge.JSON) {
        while let request = readLine() {
            let json = try? JSONSerialization.jsonObject(with: Data(request.utf8))
            answer((json as? Judge.JSON).map(judge) ?? ["error": "not a JSON object"])
        }
    }

    private static func send(url: String, type: String, secret: Secret, id: String?) async {
        do {
            let sender = try Sender(allowPrivate: true)
            let payload = FileHandle.standardInput.readDataToEndOfFile()
            let delivery = try await sender.send(
                to: Endpoint(url: url, secrets: [secret]), type: type, payload: payload, id: id)
            await sender.close()
            answer(describe(delivery))
        } catch {
            answer(["error": (error as? WebhookError)?.code.rawValue ?? "\(error)"])
            exit(1)
        }
    }

    private static func describe(_ delivery: Delivery) -> Judge.JSON {
        let attempts = delivery.attempts.map { attempt -> Judge.JSON in
            [
                "number": attempt.number, "status_code": attempt.statusCode ?? NSNull(),
                "error": attempt.error?.rawValue ?? NSNull(),
            ]
        }
        return ["status": delivery.status.rawValue, "id": delivery.id, "attempts": attempts]
    }

    private static func answer(_ json: Judge.JSON) {
        FileHandle.standardOutput.write(Data((line(json) + "\n").utf8))
    }
}
