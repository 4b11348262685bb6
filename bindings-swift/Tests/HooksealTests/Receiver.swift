import ConformanceKit
import Foundation
import Hookseal
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The scripted receiver (`tests/receiver`), as a child process that ends with its standard input.
final class Receiver: Sendable {
    static let scenarioFile = checkout.appending(path: "spec/scenarios/deliveries.json")
    static let shared = Result { try Receiver() }

    let port: Int
    private let input = Pipe()

    private init() throws {
        let target = ProcessInfo.processInfo.environment["CARGO_TARGET_DIR"].map { URL(filePath: $0) }
        let process = Process()
        process.executableURL = (target ?? checkout.appending(path: "target")).appending(
            path: "release/hookseal-receiver")
        process.arguments = ["--scenarios", Self.scenarioFile.path]
        process.standardInput = input
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let ready = try JSONSerialization.jsonObject(with: output.fileHandleForReading.availableData)
        port = try #require((ready as? Judge.JSON)?["port"] as? Int)
    }

    func url(_ scenario: String, run: String) -> String {
        "http://127.0.0.1:\(port)/s/\(scenario)/\(run)/in"
    }

    /// What arrived in a run.
    func requests(_ run: String) async throws -> [Request] {
        let url = try #require(URL(string: "http://127.0.0.1:\(port)/records/\(run)"))
        let (data, _) = try await URLSession.shared.data(from: url)
        return try JSONDecoder().decode(Records.self, from: data).requests
    }

    struct Records: Decodable {
        let requests: [Request]
    }

    struct Request: Decodable {
        let method: String
        let path: String
        let headers: [[String]]
        let body: Data

        func header(_ name: String) -> String? {
            headers.first { $0[0].lowercased() == name.lowercased() }?[1]
        }
    }
}
