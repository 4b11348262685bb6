import Foundation

/// JSON on one line, keys sorted: equal values give equal text.
public func line(_ json: Any) -> String {
    let data = try? JSONSerialization.data(
        withJSONObject: json, options: [.sortedKeys, .withoutEscapingSlashes, .fragmentsAllowed])
    return String(decoding: data ?? Data("null".utf8), as: UTF8.self)
}
