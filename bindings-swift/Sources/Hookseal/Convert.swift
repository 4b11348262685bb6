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
