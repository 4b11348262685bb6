import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// As much of HTTP/1.1 as an example needs, on POSIX sockets: one request a connection, with a `Content-Length`.
struct HTTPServer {
    typealias Handler = @Sendable (HTTPRequest) async throws -> HTTPResponse

    let port: UInt16
    private let listener: Int32
    private let maxBody: Int

    /// Listens on 127.0.0.1; port 0 takes a free one.
    init(port: UInt16, maxBody: Int) throws {
        signal(SIGPIPE, SIG_IGN)
        #if canImport(Glibc)
            listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        self.maxBody = maxBody
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let (listener, size) = (listener, socklen_t(MemoryLayout<sockaddr_in>.size))
        let opened = withUnsafeMutableBytes(of: &address) { bytes in
            let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
            var length = size
            return bind(listener, address, size) == 0 && listen(listener, 64) == 0
                && getsockname(listener, address, &length) == 0
        }
        guard opened else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        self.port = UInt16(bigEndian: address.sin_port)
    }

    /// Serves for ever; of more than 64 connections at a time the rest wait their turn.
    func run(_ handler: @escaping Handler) -> Never {
        let turns = DispatchSemaphore(value: 64)
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { continue }
            turns.wait()
            let maxBody = maxBody
            Thread.detachNewThread {
                let connection = Connection(connection)
                let parsed = Result { () throws(HTTPResponse) in try HTTPRequest(connection, maxBody: maxBody) }
                Task {
                    let answer = await Self.answer(parsed, handler)
                    Thread.detachNewThread {
                        connection.finish(answer.bytes)
                        turns.signal()
                    }
                }
            }
        }
    }

    private static func answer(_ parsed: Result<HTTPRequest, HTTPResponse>, _ handler: Handler) async -> HTTPResponse {
        switch parsed {
        case .failure(let refusal): return refusal
        case .success(let request):
            do { return try await handler(request) } catch { return HTTPResponse(status: 500) }
        }
    }
}

/// A socket that is read for so long, then answered, then closed.
private final class Connection: Sendable {
    private let socket: Int32
    private let deadline = ContinuousClock.now + .seconds(10)

    init(_ socket: Int32) {
        self.socket = socket
        var wait = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    }

    /// What has come, or `nil` at the end, after too long a pause, and after the deadline.
    func read() -> [UInt8]? {
        guard ContinuousClock.now < deadline else { return nil }
        let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
            count = max(0, recv(socket, buffer.baseAddress, buffer.count, 0))
        }
        return bytes.isEmpty ? nil : bytes
    }

    func finish(_ answer: [UInt8]) {
        var rest = answer[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, 0) }
            guard sent > 0 else { break }
            rest = rest.dropFirst(sent)
        }
        shutdown(socket, Int32(SHUT_WR))
        while read() != nil {}  // closed with bytes unread, the socket would take the answer back
        close(socket)
    }
}

struct HTTPRequest: Sendable {
    let method: String
    let target: String
    /// As received: a name can occur twice. Each character is one byte.
    let headers: [(name: String, value: String)]
    let body: [UInt8]

    var path: Substring { target.prefix { $0 != "?" } }

    private static let maxHead = 16 * 1024

    fileprivate init(_ connection: Connection, maxBody: Int) throws(HTTPResponse) {
        var bytes: [UInt8] = []
        var head: ArraySlice<UInt8>?
        while head == nil {
            guard let more = connection.read() else { throw HTTPResponse(status: 408) }
            let searched = max(0, bytes.count - 3)
            bytes += more
            head = bytes[searched...].firstIndex(ofSequence: [13, 10, 13, 10]).map { bytes[..<$0] }
            guard (head ?? bytes[...]).count <= Self.maxHead else { throw HTTPResponse(status: 431) }
        }
        guard let head else { throw HTTPResponse(status: 400) }
        var lines = latin1(head).split(separator: "\r\n", omittingEmptySubsequences: false)[...]
        let request = lines.removeFirst().split(separator: " ", omittingEmptySubsequences: false)
        guard request.count == 3, request[2].hasPrefix("HTTP/1."), request[1].hasPrefix("/") else {
            throw HTTPResponse(status: 400)
        }
        (method, target) = (String(request[0]), String(request[1]))
        var headers: [(name: String, value: String)] = []
        for line in lines {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].allSatisfy(isTokenCharacter),
                colon > line.startIndex
            else { throw HTTPResponse(status: 400) }
            headers.append((String(line[..<colon]), line[line.index(after: colon)...].trimming(" \t")))
        }
        self.headers = headers
        body = try Self.body(connection, headers, Array(bytes[(head.endIndex + 4)...]), maxBody)
    }

    private static func body(
        _ connection: Connection, _ headers: [(name: String, value: String)], _ begun: [UInt8], _ maxBody: Int
    ) throws(HTTPResponse) -> [UInt8] {
        let values = { (wanted: String) in headers.filter { $0.name.lowercased() == wanted }.map(\.value) }
        guard values("transfer-encoding").isEmpty else { throw HTTPResponse(status: 411) }
        let lengths = values("content-length")
        guard let length = lengths.first else { return [] }
        guard lengths.count == 1, length.utf8.allSatisfy({ (48...57).contains($0) }) else {
            throw HTTPResponse(status: 400)
        }
        guard let length = Int(length), length <= maxBody else { throw HTTPResponse(status: 413) }
        var body = begun
        while body.count < length {
            guard let more = connection.read() else { throw HTTPResponse(status: 408) }
            body += more
        }
        return Array(body.prefix(length))
    }
}

struct HTTPResponse: Error {
    var status: Int
    var headers: [(String, String)] = []
    var body = Data()

    static func json(_ value: some Encodable) throws -> HTTPResponse {
        HTTPResponse(
            status: 200, headers: [("Content-Type", "application/json")], body: try JSONEncoder().encode(value))
    }

    var bytes: [UInt8] {
        var head = "HTTP/1.1 \(status) \r\nConnection: close\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if status != 204 { head += "Content-Length: \(body.count)\r\n" }
        return Array((head + "\r\n").utf8) + body
    }
}

private func latin1(_ bytes: some Sequence<UInt8>) -> String {
    String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
}

private func isTokenCharacter(_ character: Character) -> Bool {
    character.isASCII && (character.isLetter || character.isNumber || "!#$%&'*+-.^_`|~".contains(character))
}

extension Substring {
    fileprivate func trimming(_ characters: String) -> String {
        var rest = self
        while let first = rest.first, characters.contains(first) { rest.removeFirst() }
        while let last = rest.last, characters.contains(last) { rest.removeLast() }
        return String(rest)
    }
}

extension ArraySlice<UInt8> {
    fileprivate func firstIndex(ofSequence wanted: [UInt8]) -> Int? {
        indices.first { self[$0...].starts(with: wanted) }
    }
}
