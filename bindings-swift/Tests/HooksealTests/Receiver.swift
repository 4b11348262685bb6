import ConformanceKit
import Foundation
import Hookseal
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The scripted receiver (`tests/receiver`), as a child process that ends with its standard input.
final class Receiver: Sendable {
    static let shared = Result { try Receiver("deliveries.json") }
    static let overTLS = Result { try Receiver("deliveries-tls.json") }

    let scenarioFile: URL
    private let ports: Ports
    private let input = Pipe()

    private init(_ scenarios: String) throws {
        scenarioFile = checkout.appending(path: "spec/scenarios/\(scenarios)")
        let target = ProcessInfo.processInfo.environment["CARGO_TARGET_DIR"].map { URL(filePath: $0) }
        let process = Process()
        process.executableURL = (target ?? checkout.appending(path: "target")).appending(
            path: "release/hookseal-receiver")
        process.arguments = ["--scenarios", scenarioFile.path]
        process.standardInput = input
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        ports = try JSONDecoder().decode(Ports.self, from: output.fileHandleForReading.availableData)
    }

    private struct Ports: Decodable {
        let port: Int
        let tls: [String: Int]
    }

    /// Where a scenario is played: on the port without TLS, or on the one of that name.
    func url(_ scenario: String, run: String, server: String? = nil) throws -> String {
        let origin =
            switch server {
            case nil: "http://127.0.0.1:\(ports.port)"
            case "clear": "https://127.0.0.1:\(ports.port)"
            case let name?: "https://localhost:\(try #require(ports.tls[name]))"
            }
        return "\(origin)/s/\(scenario)/\(run)/in"
    }

    /// What arrived in a run.
    func requests(_ run: String) async throws -> [Request] {
        try await JSONDecoder().decode(Records.self, from: get("records/\(run)")).requests
    }

    /// The root certificate behind the TLS ports.
    func root() async throws -> String {
        String(decoding: try await get("root.pem"), as: UTF8.self)
    }

    private func get(_ path: String) async throws -> Data {
        let url = try #require(URL(string: "http://127.0.0.1:\(ports.port)/\(path)"))
        return try await URLSession.shared.data(from: url).0
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
