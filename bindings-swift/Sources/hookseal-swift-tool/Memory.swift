import Foundation
import Hookseal

/// Signs and verifies over and over, with and without a replay guard, and says how the process has grown.
enum Memory {
    static func growth(verifications: Int) throws -> [String: Int] {
        let body = Data(repeating: 0x20, count: 1024)
        let signer = try Signer(secrets: ["whsec_demo"])
        let plain = try Verifier(secrets: ["whsec_demo"])
        let replay = try ReplayGuard(capacity: 10)
        let guarded = try Verifier(secrets: ["whsec_demo"], replay: replay)
        let headers = try signer.sign(body: body, id: "evt_1", eventType: "order.paid")

        func verify(_ count: Int) throws {
            for number in 0..<count {
                switch number % 8 {
                case 0: replay.release(try guarded.verify(body: body, headers: headers))
                case 1: _ = try? plain.verify(body: [UInt8(0)], headers: headers)
                case 2: _ = try signer.sign(body: body, id: "evt_\(number)")
                default: _ = try plain.verify(body: body, headers: headers)
                }
            }
        }
        try verify(20_000)
        let before = try resident()
        try verify(verifications)
        return ["verified": verifications, "before": before, "after": try resident()]
    }

    /// Resident memory in kilobytes.
    private static func resident() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .ascii).split(separator: " ")[1]
        return (Int(pages) ?? 0) * 4
    }
}
