import Foundation

// The compact form in which the calls that are made for every webhook cross to the core (`src/packed.rs`).

/// Packs what the core is given.
struct Packer {
    private var bytes: [UInt8] = []

    init() {
        bytes.reserveCapacity(512)
    }

    mutating func number(_ number: Int64?) {
        bytes.append(number == nil ? 0 : 1)
        withUnsafeBytes(of: (number ?? 0).littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func text(_ text: String?) {
        let length = text.map { UInt32(clamping: $0.utf8.count) } ?? absent
        withUnsafeBytes(of: length.littleEndian) { bytes.append(contentsOf: $0) }
        if let text { bytes.append(contentsOf: text.utf8) }
    }

    /// Calls with the packed bytes, in their place.
    func call<T>(_ call: (Data) throws -> T) rethrows -> T {
        try borrowed(bytes, call)
    }
}

/// Takes apart what the core has packed.
struct Unpacker {
    private var rest: UnsafeRawBufferPointer.SubSequence

    static func unpack<T>(_ packed: Data, _ make: (inout Unpacker) -> T) -> T {
        packed.withUnsafeBytes { bytes in
            var unpacker = Unpacker(rest: bytes[...])
            return make(&unpacker)
        }
    }

    var isEmpty: Bool { rest.isEmpty }

    mutating func number() -> Int64? {
        let isPresent = take(1).first == 1
        let number = UnsafeRawBufferPointer(rebasing: take(8)).loadUnaligned(as: Int64.self)
        return isPresent ? Int64(littleEndian: number) : nil
    }

    mutating func text() -> String? {
        let length = UInt32(littleEndian: UnsafeRawBufferPointer(rebasing: take(4)).loadUnaligned(as: UInt32.self))
        return length == absent ? nil : String(decoding: take(Int(length)), as: UTF8.self)
    }

    private mutating func take(_ count: Int) -> UnsafeRawBufferPointer.SubSequence {
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}

private let absent = UInt32.max

/// Calls with bytes that are not copied where they lie in one piece. The call must not keep them.
@inlinable
func borrowed<T>(_ bytes: some DataProtocol, _ call: (Data) throws -> T) rethrows -> T {
    if let data = bytes as? Data { return try call(data) }
    let result = try bytes.withContiguousStorageIfAvailable { bytes in
        guard let base = bytes.baseAddress else { return try call(Data()) }
        let start = UnsafeMutableRawPointer(mutating: base)
        return try call(Data(bytesNoCopy: start, count: bytes.count, deallocator: .none))
    }
    return try result ?? call(Data(bytes))
}
