internal import HooksealFFI

/// How a provider signs: which headers, what is signed, with which algorithms.
///
/// A scheme is data. The constants are the built-in ones; a scheme of your own is a JSON document:
///
/// ```swift
/// let acme = try Scheme(document: """
///     { "name": "acme",
///       "signature": { "header": "X-Acme-Signature", "grammar": "pairs" },
///       "timestamp": { "element": "t", "unit": "seconds" },
///       "content": "{timestamp}.{body}",
///       "versions": [{ "label": "v1", "algorithm": "hmac-sha512", "encoding": "base64" }],
///       "key": "utf8" }
///     """)
/// let headers = try Signer(secrets: ["a shared secret"], scheme: acme).sign(body: Data("{}".utf8))
/// _ = try Verifier(secrets: ["a shared secret"], scheme: acme).verify(body: Data("{}".utf8), headers: headers)
/// ```
public struct Scheme: Sendable {
    let native: NativeScheme

    /// The built-in scheme of that name; `unknown_scheme` if there is none.
    public init(named name: String) throws(WebhookError) {
        native = try Hookseal.native { try NativeScheme.named(name: name) }
    }

    /// A scheme from a JSON document; `invalid_scheme` names the field to correct.
    public init(document: String) throws(WebhookError) {
        native = try Hookseal.native { try NativeScheme.fromJson(document: document) }
    }

    /// The names of the built-in schemes, sorted.
    public static func names() -> [String] {
        schemeNames()
    }

    public var name: String { native.name() }
    /// One sentence about it.
    public var summary: String { native.summary() }
    /// The page that it was taken from.
    public var source: String { native.source() }
    /// Whether the receiver's URL is signed, which ``Verifier`` must then be given.
    public var signsURL: Bool { native.signsUrl() }

    private init(builtIn name: String) {
        do { native = try NativeScheme.named(name: name) } catch { fatalError("\(name) is not a built-in scheme") }
    }
}

extension Scheme: CustomStringConvertible {
    public var description: String { "Scheme(\(name))" }
}

// MARK: - The built-in schemes
extension Scheme {
    /// The default.
    public static let hookseal = Scheme(builtIn: "hookseal")
    public static let convoy = Scheme(builtIn: "convoy")
    public static let convoySimple = Scheme(builtIn: "convoy-simple")
    public static let discord = Scheme(builtIn: "discord")
    public static let github = Scheme(builtIn: "github")
    public static let gitlab = Scheme(builtIn: "gitlab")
    public static let goHookd = Scheme(builtIn: "go-hookd")
    public static let intercom = Scheme(builtIn: "intercom")
    public static let linear = Scheme(builtIn: "linear")
    public static let link = Scheme(builtIn: "link")
    public static let outpost = Scheme(builtIn: "outpost")
    public static let paddle = Scheme(builtIn: "paddle")
    public static let pagerduty = Scheme(builtIn: "pagerduty")
    public static let rustango = Scheme(builtIn: "rustango")
    public static let rustangoBase64 = Scheme(builtIn: "rustango-base64")
    public static let rustangoHex = Scheme(builtIn: "rustango-hex")
    public static let shopify = Scheme(builtIn: "shopify")
    public static let slack = Scheme(builtIn: "slack")
    public static let square = Scheme(builtIn: "square")
    public static let standardWebhooks = Scheme(builtIn: "standard-webhooks")
    public static let stripe = Scheme(builtIn: "stripe")
    public static let svix = Scheme(builtIn: "svix")
    public static let togo = Scheme(builtIn: "togo")
    public static let twilio = Scheme(builtIn: "twilio")
    public static let workos = Scheme(builtIn: "workos")
    public static let zendesk = Scheme(builtIn: "zendesk")
    public static let zoom = Scheme(builtIn: "zoom")

    static let builtIn: [Scheme] = [
        .hookseal, .convoy, .convoySimple, .discord, .github, .gitlab, .goHookd, .intercom, .linear, .link, .outpost,
        .paddle, .pagerduty, .rustango, .rustangoBase64, .rustangoHex, .shopify, .slack, .square, .standardWebhooks,
        .stripe, .svix, .togo, .twilio, .workos, .zendesk, .zoom,
    ]
}
