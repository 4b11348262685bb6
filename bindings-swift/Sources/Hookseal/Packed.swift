import Foundation

/// The compact form in which the calls that are made for every webhook cross to the core (`src/packed.rs`).
struct Packer {
    private var bytes: [UInt8] = []

    init() {
        bytes.reserveCapacity(512)
    }

    mutating func number(_ number: Int64?) {
        bytes.append(number == nil ? 0 : 1)
        append(number ?? 0)
    }

    mutating func text(_ text: String?) {
        guard let text else { return append(absent) }
        append(UInt32(clamping: text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func append(_ integer: some FixedWidthInteger) {
        withUnsafeBytes(of: integer.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Calls with the packed bytes and with those of the body, both in their places.
    func call<T>(_ body: some DataProtocol, _ call: (Data, Data) throws -> T) throws -> T {
        try borrowed(body) { body in try borrowed(bytes) { packed in try call(body, packed) } }
    }
}

/// What the core has packed.
struct Unpacker {
    private let bytes: Data
    private var offset = 0

    init(_ bytes: Data) {
        self.bytes = bytes
    }

    var isEmpty: Bool { offset == bytes.count }

    mutating func number() -> Int64? {
        let isPresent: UInt8 = integer()
        let number: Int64 = integer()
        return isPresent == 1 ? number : nil
    }

    mutating func text() -> String? {
        let length: UInt32 = integer()
        guard length != absent else { return nil }
        defer { offset += Int(length) }
        return bytes.withUnsafeBytes { String(decoding: $0[offset..<offset + Int(length)], as: UTF8.self) }
    }

    private mutating func integer<T: FixedWidthInteger>() -> T {
        defer { offset += MemoryLayout<T>.size }
        return T(littleEndian: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) })
    }
}

private let absent = UInt32.max

/// Calls with bytes that are not copied where they lie in one piece. The call must not keep them.
private func borrowed<T>(_ bytes: some DataProtocol, _ call: (Data) throws -> T) rethrows -> T {
    if let data = bytes as? Data { return try call(data) }
    let result = try bytes.withContiguousStorageIfAvailable { bytes in
        guard let base = bytes.baseAddress else { return try call(Data()) }
        let start = UnsafeMutableRawPointer(mutating: base)
        return try call(Data(bytesNoCopy: start, count: bytes.count, deallocator: .none))
    }
    return try result ?? call(Data(bytes))
}
