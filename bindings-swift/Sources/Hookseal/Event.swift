import Foundation
internal import HooksealFFI

/// What is sent: an event type and a payload.
///
/// ```swift
/// struct Order: Encodable { let id: Int }
///
/// let json = try Event("order.paid", Order(id: 42))                       // sorted keys, no escaped slashes
/// let text = try Event("order.paid", Data("<order/>".utf8), contentType: "application/xml", id: "evt_1")
/// assert(json.payload == Data(#"{"id":42}"#.utf8) && text.id == "evt_1")
/// ```
public struct Event: Sendable {
    public let type: String
    /// The bytes that are signed and sent.
    public let payload: Data
    public let contentType: String
    /// One per delivery; made by the sender when absent.
    public let id: String?
    /// The trace that this is a part of, as W3C Trace Context writes it: `00-<32 hex digits>-<16>-<2>`.
    public let traceparent: String?

    /// `Data`, `[UInt8]` and `String` are sent as they are; any other payload as JSON. What cannot be JSON is
    /// `invalid_event`, naming the path.
    public init(
        _ type: String, _ payload: some Encodable, contentType: String = "application/json", id: String? = nil,
        traceparent: String? = nil
    ) throws(WebhookError) {
        self.type = type
        self.payload = try Event.bytes(of: payload)
        self.contentType = contentType
        self.id = id
        self.traceparent = traceparent
    }

    private static func bytes(of payload: some Encodable) throws(WebhookError) -> Data {
        switch payload {
        case let data as Data: return data
        case let bytes as [UInt8]: return Data(bytes)
        case let text as String: return Data(text.utf8)
        default: break
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        do {
            return try encoder.encode(payload)
        } catch {
            throw WebhookError(
                code: .invalidEvent, kind: .sending, message: "the payload is not JSON: \(reason(error))",
                retryable: false)
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard case EncodingError.invalidValue(_, let context) = error else { return "\(error)" }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return "at \(path.isEmpty ? "the top" : path): \(context.debugDescription)"
    }
}

extension Event {
    var native: NativeEvent {
        NativeEvent(eventType: type, payload: payload, contentType: contentType, id: id, traceparent: traceparent)
    }
}
