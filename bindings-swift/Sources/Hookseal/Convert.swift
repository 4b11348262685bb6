import Foundation

/// Unix seconds, rounded down.
func seconds(_ date: Date) throws(WebhookError) -> Int64 {
    guard let seconds = Int64(exactly: date.timeIntervalSince1970.rounded(.down)) else {
        throw invalidConfig("the date is not a number of seconds")
    }
    return seconds
}

func date(_ seconds: Int64) -> Date {
    Date(timeIntervalSince1970: Double(seconds))
}

func wholeSeconds(_ duration: Duration, _ option: String) throws(WebhookError) -> UInt64 {
    let (seconds, attoseconds) = duration.components
    guard attoseconds == 0, let whole = UInt64(exactly: seconds) else {
        throw invalidConfig("\(option) must be whole seconds, and not negative")
    }
    return whole
}

func count(_ number: Int, _ option: String) throws(WebhookError) -> UInt64 {
    guard let count = UInt64(exactly: number) else { throw invalidConfig("\(option) must not be negative") }
    return count
}

func timeInterval(_ duration: Duration) -> TimeInterval {
    let (seconds, attoseconds) = duration.components
    return Double(seconds) + Double(attoseconds) / 1e18
}

func invalidConfig(_ message: String) -> WebhookError {
    WebhookError(code: .invalidConfig, kind: .configuration, message: message, retryable: false)
}

/// An answer of the core: JSON in snake_case, times in seconds.
func decoded<Answer: Decodable>(_ json: String) throws -> Answer {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.dateDecodingStrategy = .secondsSince1970
    return try decoder.decode(Answer.self, from: Data(json.utf8))
}

/// A document inside of options; its names are left as they are.
enum JSON: Codable, Sendable {
    case null
    case text(String)
    case list([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([JSON].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .text(let text): try container.encode(text)
        case .list(let list): try container.encode(list)
        case .object(let object): try container.encode(object)
        }
    }
}
