import Foundation
import Hookseal

/// Runs one test of a vector file (`spec/vectors`) and answers with a verdict in the form of its `expect`.
///
/// The conformance suite compares the verdict; `hookseal-swift-tool` prints it.
public enum Judge {
    public typealias JSON = [String: Any]

    /// `{"ok": {…}}` or `{"error": code}`.
    public static func verify(_ test: JSON) -> JSON {
        answer {
            let verifier = try makeVerifier(test)
            let verify = {
                try verifier.verify(
                    body: try body(test), headers: try pairs(test), now: date(test["now"]), url: test["url"] as? String)
            }
            if test["repeat"] as? Int == 2 { _ = try? verify() }
            return ["ok": describe(try verify())]
        }
    }

    /// `{"headers": [[name, value], …]}`, sorted by name, or `{"error": code}`.
    public static func sign(_ test: JSON) -> JSON {
        answer {
            let message = test["message"] as? JSON ?? [:]
            let signer = try Signer(ring: KeyRing(keys(test)), scheme: scheme(test))
            let headers = try signer.sign(
                body: body(test), id: message["id"] as? String, eventType: message["event_type"] as? String,
                timestamp: message["timestamp"] as? Int, url: message["url"] as? String)
            return ["headers": headers.map { [$0.key, $0.value] }.sorted { $0[0] < $1[0] }]
        }
    }

    private static func answer(_ run: () throws -> JSON) -> JSON {
        do {
            return try run()
        } catch let error as WebhookError {
            return ["error": error.code.rawValue]
        } catch {
            return ["error": "not a WebhookError: \(error)"]
        }
    }

    private static func makeVerifier(_ test: JSON) throws -> Verifier {
        try Verifier(
            ring: KeyRing(keys(test)), scheme: scheme(test),
            tolerance: duration(test["tolerance"]) ?? .seconds(300),
            futureTolerance: duration(test["future_tolerance"]),
            require: test["require"] as? String,
            replay: test["repeat"] as? Int == 2 ? ReplayGuard() : nil,
            maxBody: test["max_body"] as? Int,
            dangerouslyIgnoreTimestamp: test["dangerously_ignore_timestamp"] as? Bool ?? false)
    }

    private static func scheme(_ test: JSON) throws -> Scheme {
        if let document = test["scheme_document"] {
            let text = try JSONSerialization.data(withJSONObject: document, options: .fragmentsAllowed)
            return try Scheme(document: String(decoding: text, as: UTF8.self))
        }
        return try Scheme(named: test["scheme"] as? String ?? "hookseal")
    }

    private static func keys(_ test: JSON) throws -> [Key] {
        try (test["secrets"] as? [Any] ?? []).map { entry in
            guard let entry = entry as? JSON else { return Key(Secret(entry as? String ?? "")) }
            return Key(
                try secret(entry), id: entry["id"] as? String, notBefore: date(entry["not_before"]),
                notAfter: date(entry["not_after"]))
        }
    }

    private static func secret(_ entry: JSON) throws -> Secret {
        let value = entry["value"] as? String ?? ""
        return switch entry["type"] as? String {
        case nil: Secret(value)
        case "utf8": try .utf8(value)
        case "base64": try .base64(value)
        case "hex": try .hex(value)
        case "bytes": try .bytes(bytes(value))
        case "ed25519_private": try .ed25519Private(value)
        case "ed25519_public": try .ed25519Public(value)
        case let type?: throw BadVector("no such type of secret: \(type)")
        }
    }

    private static func body(_ test: JSON) throws -> Data {
        try bytes(test["body_base64"] as? String ?? "")
    }

    private static func bytes(_ base64: String) throws -> Data {
        guard let data = Data(base64Encoded: base64) else { throw BadVector("not base64: \(base64)") }
        return data
    }

    private static func pairs(_ test: JSON) throws -> [(String, String)] {
        try (test["headers"] as? [Any] ?? []).map { pair in
            guard let pair = pair as? [String], pair.count == 2 else { throw BadVector("not a header: \(pair)") }
            return (pair[0], pair[1])
        }
    }

    private static func date(_ seconds: Any?) -> Date? {
        (seconds as? Int).map { Date(timeIntervalSince1970: Double($0)) }
    }

    private static func duration(_ seconds: Any?) -> Duration? {
        (seconds as? Int).map { .seconds($0) }
    }

    private static func describe(_ verified: Verified) -> JSON {
        var ok: JSON = [
            "timestamp": verified.timestamp ?? NSNull(), "id": verified.id ?? NSNull(),
            "event_type": verified.eventType ?? NSNull(), "version": verified.version, "key_index": verified.keyIndex,
        ]
        ok["key_id"] = verified.keyID
        return ok
    }
}

struct BadVector: Error {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}
