import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The example server (`Sources/hookseal-example-server`), as a child process that ends with this object.
final class Server: Sendable {
    static let secret = "whsec_demo"

    let port: UInt16
    private let process: Process

    init(failures: Int = 0) throws {
        process = Process()
        process.executableURL = checkout.appending(path: "bindings-swift/.build/debug/hookseal-example-server")
        process.arguments = ["0", "\(failures)"]
        process.environment = ["HOOKSEAL_SECRET": Self.secret]
        process.standardError = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        port = try #require(line.split(whereSeparator: \.isWhitespace).last.flatMap { UInt16($0) })
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)  // SIGTERM is blocked in what a thread of the pool starts
    }

    /// Posts a webhook.
    func post(_ body: some DataProtocol, _ headers: [String: String]) throws -> Answer {
        var request = "POST /hooks HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.count)\r\n"
        for (name, value) in headers { request += "\(name): \(value)\r\n" }
        return try #require(try exchange(Array((request + "\r\n").utf8) + body))
    }

    func get(_ path: String) throws -> Answer {
        try #require(try exchange(Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)))
    }

    /// Sends these bytes and then no more; the answer, if there is one.
    func exchange(_ bytes: [UInt8]) throws -> Answer? {
        #if canImport(Glibc)
            let stream = Int32(SOCK_STREAM.rawValue)
        #else
            let stream = SOCK_STREAM
        #endif
        let socket = socket(AF_INET, stream, 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isConnected = withUnsafeBytes(of: &address) { bytes in
            connect(
                socket, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!,
                socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
        try #require(isConnected)
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { break }  // it has heard enough
            rest = rest.dropFirst(sent)
        }
        shutdown(socket, Int32(SHUT_WR))

        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(socket, &buffer, buffer.count, 0), count > 0 { received += buffer[..<count] }
        return Answer(received)
    }

    struct Answer: Equatable {
        let status: Int
        let body: String

        init?(_ bytes: [UInt8]) {
            let text = String(decoding: bytes, as: UTF8.self)
            guard let status = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
            self.status = status
            body = text.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
        }
    }
}
