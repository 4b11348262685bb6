import Foundation
import Hookseal

/// The Swift side of a race with the core (`tests/bench/race.py`): reads a number of calls a line and answers with the
/// nanoseconds of one.
enum Turns {
    static func take(_ call: String, bytes: Int) throws {
        let text = Array(#"{"id":42,"event":"order.paid","note":"all of it is text"}"#.utf8)
        let array = (0..<bytes).map { text[$0 % text.count] }
        let data = Data(array)
        let signer = try Signer(secrets: [secret])
        let verifier = try Verifier(secrets: [secret])
        let headers = try ordinary.merging(signer.sign(body: data, id: "msg_1", eventType: "order.paid")) { $1 }
        let pairs = headers.map { ($0, $1) }
        switch call {
        case "verify": try answer { try verifier.verify(body: data, headers: headers).keyIndex == 0 }
        case "verify-pairs": try answer { try verifier.verify(body: array, headers: pairs).keyIndex == 0 }
        case "sign": try answer { try signer.sign(body: data, id: "msg_1", eventType: "order.paid").count == 4 }
        default: throw CocoaError(.featureUnsupported)
        }
    }

    private static let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    private static let ordinary = [
        "host": "example.com", "user-agent": "sender/1.0", "accept": "*/*", "content-type": "application/json",
        "content-length": "1024", "x-request-id": "7f1c2d",
    ]

    private static func answer(_ call: () throws -> Bool) throws {
        let clock = ContinuousClock()
        while let calls = readLine().flatMap(Int.init) {
            let time = try clock.measure {
                for _ in 0..<calls {
                    guard try call() else { throw CocoaError(.featureUnsupported) }
                }
            }
            let nanoseconds: Double = time / .nanoseconds(1)
            FileHandle.standardOutput.write(Data("\(nanoseconds / Double(calls))\n".utf8))
        }
    }
}
