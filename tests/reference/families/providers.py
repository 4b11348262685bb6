"""The other named schemes: how each provider signs, written once by hand, and the same questions to all of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import ed25519
from suite import NOW, Expectation, Suite, b64, b64_mac, error, hex_mac, ok

SEED = b"the seed of Discord's vectors..."
OTHER_SEED = b"some other seed, not that one..."
SECRET, OLD_SECRET, WRONG_SECRET = "a secret of the provider", "whsec_the one before", "something else"
URL = "https://example.com/hooks/incoming?tenant=7"
ZENDESK_NOW = "2023-11-14T22:13:20Z"
JSON_BODY = b'{"event":"order.paid","data":{"id":42}}'
OTHER_JSON = b'{"event":"order.paid","data":{"id":43}}'


@dataclass(frozen=True)
class Provider:
    name: str
    label: str
    header: str
    value: Callable[[str, str, bytes], str]  # secret, timestamp text, body -> signature header
    malformed: str
    timestamp_header: str | None = None
    timestamp: str | None = None  # the text that means NOW, where there is one
    stale: str = str(NOW - 301)
    future: str = str(NOW + 301)
    bad_timestamps: tuple[str, ...] = ("", "abc", f"0{NOW}", f" {NOW}", f"{NOW}.0", f"-{NOW}", "9" * 16)
    secret: str = SECRET
    old_secret: str = OLD_SECRET
    wrong_secret: str = WRONG_SECRET
    url: str | None = None
    body: bytes = JSON_BODY
    other_body: bytes = OTHER_JSON
    bodies: dict[str, bytes] = field(default_factory=lambda: {"empty": b"", "binary": b"\x00\xff\xfe\r\n"})


def seconds(separator: str, prefix: str = "") -> Callable[[str, str, bytes], str]:
    return lambda secret, t, body: hex_mac(secret, f"{prefix}{t}{separator}".encode() + body)


def discord_key(seed: bytes) -> str:
    return ed25519.public_key(seed).hex()


def discord_value(secret: str, t: str, body: bytes) -> str:
    seed = next(seed for seed in (SEED, OTHER_SEED, b"a third seed that nobody knows!!") if discord_key(seed) == secret)
    return ed25519.sign(seed, t.encode() + body).hex()


def square_value(secret: str, t: str, body: bytes) -> str:
    return b64_mac(secret, URL.encode() + body)


def twilio_value(secret: str, t: str, body: bytes) -> str:
    fields = {b"": "", b"From=%2B14158675309&Digits=1234&CallSid=CA123": "CallSidCA123Digits1234From+14158675309", b"Digits=1235": "Digits1235"}
    return b64_mac(secret, URL + fields[body], "sha1")


PROVIDERS = [
    Provider("togo", "v1", "X-Webhook-Signature", lambda s, t, b: f"t={t},v1=" + hex_mac(s, f"{t}.".encode() + b), f"t={NOW},v1=", timestamp=str(NOW)),
    Provider("go-hookd", "", "X-Webhook-Signature", seconds("."), "abc", "X-Webhook-Timestamp", str(NOW)),
    Provider("link", "", "X-Link-Webhook-Signature", seconds("."), "zz" * 32, "X-Link-Webhook-Timestamp", str(NOW)),
    Provider("rustango", "sha256", "X-Webhook-Signature", lambda s, t, b: "sha256=" + hex_mac(s, b), "sha256=abc"),
    Provider("rustango-hex", "", "X-Webhook-Signature", lambda s, t, b: hex_mac(s, b), "ab" * 31),
    Provider("rustango-base64", "", "X-Webhook-Signature", lambda s, t, b: b64_mac(s, b), "ab" * 32),
    Provider("convoy", "v1", "X-Convoy-Signature", lambda s, t, b: f"t={t},v1=" + hex_mac(s, f"{t},".encode() + b), f"t={NOW},v1=1234567890",
             timestamp=str(NOW), bodies={"empty": b"", "already-compact": b'{"a":[1,2,{"b":"c d"}]}'}),
    Provider("convoy-simple", "", "X-Convoy-Signature", lambda s, t, b: hex_mac(s, b), "0", bodies={"empty": b"", "already-compact": b'{"a":[1,2,{"b":"c d"}]}'}),
    Provider("outpost", "v0", "x-outpost-signature", lambda s, t, b: "v0=" + hex_mac(s, b), "v0=,,"),
    Provider("github", "sha256", "X-Hub-Signature-256", lambda s, t, b: "sha256=" + hex_mac(s, b), "sha256="),
    Provider("slack", "v0", "X-Slack-Signature", lambda s, t, b: "v0=" + hex_mac(s, f"v0:{t}:".encode() + b), "v0=0", "X-Slack-Request-Timestamp", str(NOW)),
    Provider("zoom", "v0", "x-zm-signature", lambda s, t, b: "v0=" + hex_mac(s, f"v0:{t}:".encode() + b), "v0=xyz", "x-zm-request-timestamp", str(NOW)),
    Provider("shopify", "", "X-Shopify-Hmac-SHA256", lambda s, t, b: b64_mac(s, b), b64(b"short")),
    Provider("paddle", "h1", "Paddle-Signature", lambda s, t, b: f"ts={t};h1=" + hex_mac(s, f"{t}:".encode() + b), f"ts={NOW};h1=dummy", timestamp=str(NOW)),
    Provider("square", "", "x-square-hmacsha256-signature", square_value, "ab" * 32, url=URL),
    Provider("twilio", "", "X-Twilio-Signature", twilio_value, b64(bytes(32)), url=URL, body=b"From=%2B14158675309&Digits=1234&CallSid=CA123",
             other_body=b"Digits=1235", bodies={"empty": b""}),
    Provider("linear", "", "linear-signature", lambda s, t, b: hex_mac(s, b), "ab" * 33),
    Provider("pagerduty", "v1", "X-PagerDuty-Signature", lambda s, t, b: "v1=" + hex_mac(s, b), "v1=ab"),
    Provider("workos", "v1", "WorkOS-Signature", lambda s, t, b: f"t={t}, v1=" + hex_mac(s, f"{t}.".encode() + b), f"t={NOW}000, v1=ab", timestamp=f"{NOW}000",
             stale=f"{NOW - 301}000", future=f"{NOW + 301}000", bad_timestamps=("", "abc", f"0{NOW}000", f" {NOW}000", f"{NOW}000.0", "9" * 16)),
    Provider("zendesk", "", "X-Zendesk-Webhook-Signature", lambda s, t, b: b64_mac(s, t.encode() + b), "!", "X-Zendesk-Webhook-Signature-Timestamp", ZENDESK_NOW,
             stale="2023-11-14T22:08:19Z", future="2023-11-14T22:18:21Z",
             bad_timestamps=("", str(NOW), "2023-11-14 22:13:20Z", "2023-11-14T22:13:20", "2023-11-14T22:13:20+00:00", "2023-11-14t22:13:20Z", "2023-11-14T22:13:20z",
                             "2023-11-14T22:13Z", "2023-11-31T22:13:20Z", "2023-02-29T22:13:20Z", "2023-13-14T22:13:20Z", "2023-11-14T24:13:20Z", "2023-11-14T22:60:20Z",
                             "2023-11-14T22:13:61Z", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20,5Z", " 2023-11-14T22:13:20Z", "23-11-14T22:13:20Z", "2023-11-4T22:13:20Z")),
    Provider("discord", "", "X-Signature-Ed25519", discord_value, "ab" * 63, "X-Signature-Timestamp", str(NOW), secret=discord_key(SEED),
             old_secret=discord_key(OTHER_SEED), wrong_secret=discord_key(b"a third seed that nobody knows!!")),
    Provider("intercom", "sha1", "X-Hub-Signature", lambda s, t, b: "sha1=" + hex_mac(s, b, "sha1"), "sha1=" + "ab" * 32),
]


def families() -> list[Suite]:
    extras = {"zendesk": zendesk, "twilio": twilio, "square": square, "convoy": convoy, "convoy-simple": convoy_simple, "outpost": outpost, "paddle": paddle,
              "github": github, "pagerduty": pagerduty, "workos": workos, "go-hookd": go_hookd, "discord": discord, "rustango": rustango}
    suites = []
    for provider in PROVIDERS:
        suite = questions(provider)
        if provider.name in extras:
            extras[provider.name](suite)
        suites.append(suite)
    return [*suites, gitlab()]


def questions(provider: Provider) -> Suite:
    suite = Suite(provider.name, scheme=provider.name, secrets=[provider.secret], body=provider.body, **({"url": provider.url} if provider.url else {}))
    scheme = suite.note("Scheme", "What the provider writes, as its documentation says.")
    form = suite.note("TimestampForm", "Only the canonical form of the scheme's unit is a timestamp.")
    window = suite.note("Window", "The distance between now and the timestamp is judged in both directions, edges included.")
    value = suite.note("SignatureValue", "Only a value of the right length and alphabet is compared.")
    rotation = suite.note("Rotation", "Several secrets, newest first; the result says which one matched.")
    replay = suite.note("Replay", "A guard needs a signed timestamp or id; without one it is a wrong configuration.")
    timed = provider.timestamp is not None
    accepted = ok(provider.label, NOW if timed else None)

    def sent(body: bytes = provider.body, secret: str = provider.secret, t: str | None = provider.timestamp, value: str | None = None) -> list[list[str]]:
        signature = provider.value(secret, t or "", body) if value is None else value
        headers = [[provider.header, signature]]
        return headers if provider.timestamp_header is None or t is None else [*headers, [provider.timestamp_header, t]]

    def add(id: str, comment: str, expect: Expectation, headers: list[list[str]], flag: str, **fields: object) -> None:
        suite.add(id, comment, expect, flags=(flag,), headers=headers, **fields)

    def at(t: str) -> list[list[str]]:
        return sent(t=t)

    add("accepted", "as the provider writes it", accepted, sent(), scheme)
    for name, body in provider.bodies.items():
        add(f"accepted-{name}-body", f"a body that is {name}", accepted, sent(body), scheme, body=body)
    add("accepted-lower-case-names", "header names have no case", accepted, [[name.lower(), text] for name, text in sent()], scheme)
    add("accepted-upper-case-names", "header names have no case", accepted, [[name.upper(), text] for name, text in sent()], scheme)
    add("tampered-body", "the body changed after signing", error("no_matching_signature"), sent(), scheme, body=provider.other_body)
    add("wrong-secret", "signed with another secret", error("no_matching_signature"), sent(secret=provider.wrong_secret), scheme)
    add("missing-header", "no signature header", error("missing_header"), sent()[1:], scheme)
    add("header-twice", "the signature header twice", error("malformed_header"), sent() + sent()[:1], scheme)
    add("empty-header", "an empty signature header", error("malformed_header"), sent(value=""), scheme)
    add("blank-header", "a blank signature header", error("malformed_header"), sent(value=" \t"), scheme)
    add("high-byte", "a byte beyond ASCII", error("malformed_header"), sent(value=sent()[0][1] + "\u00ff"), scheme)
    add("header-too-large", "8,193 bytes", error("header_too_large"), sent(value="a" * 8193), scheme)
    add("malformed-signature", "the wrong length or alphabet", error("malformed_signature"), sent(value=provider.malformed), value)
    add("max-body", "a body beyond max_body", error("body_too_large"), sent(), scheme, max_body=1)

    two = [provider.secret, provider.old_secret]
    add("two-secrets-new", "V-54: signed by the new secret", accepted, sent(), rotation, secrets=two)
    add("two-secrets-old", "V-54: signed by the old secret", ok(provider.label, NOW if timed else None, key_index=1), sent(secret=provider.old_secret), rotation, secrets=two)
    add("two-secrets-neither", "V-54: signed by neither", error("no_matching_signature"), sent(secret=provider.wrong_secret), rotation, secrets=two)

    if timed:
        add("stale", "V-3: 301 seconds old", error("timestamp_too_old"), at(provider.stale), window)
        add("stale-tolerated", "with a larger tolerance", ok(provider.label, NOW - 301), at(provider.stale), window, tolerance=301)
        add("ahead", "V-5: 301 seconds ahead", error("timestamp_in_future"), at(provider.future), window)
        add("edge-old", "V-2: 300 seconds old", accepted, sent(), window, now=NOW + 300)
        add("edge-ahead", "V-4: 300 seconds ahead", accepted, sent(), window, now=NOW - 300)
        for number, text in enumerate(provider.bad_timestamps, 1):
            add(f"bad-timestamp-{number}", f"not canonical, correctly signed: {text[:40]!r}", error("malformed_timestamp"), at(text), form)
        add("replayed", "V-69: the same delivery twice", error("replayed"), sent(), replay, repeat=2)
    else:
        add("replay-impossible", "nothing dates or names the message", error("invalid_config"), sent(), replay, repeat=2)
        add("any-age", "there is no timestamp, so the clock does not matter", accepted, sent(), scheme, now=4_000_000_000)
    if provider.timestamp_header is not None:
        add("missing-timestamp", "no timestamp header", error("missing_timestamp"), sent()[:1], form)
        add("timestamp-twice", "the timestamp header twice", error("duplicate_timestamp"), sent() + sent()[1:], form)
        add("timestamp-changed", "the timestamp changed after signing", error("no_matching_signature"), sent()[:1] + [[provider.timestamp_header, provider.stale]], form)
    if provider.label:
        add("unknown-label", "the right value under another label", error("unsupported_version"), sent(value=sent()[0][1].replace(f"{provider.label}=", "other=")), value)
    if provider.url is not None:
        suite.defaults.pop("url")
        add("missing-url", "no URL given", error("missing_url"), sent(), scheme)
        add("missing-url-malformed", "no URL and a malformed signature", error("malformed_signature"), sent(value=provider.malformed), scheme)
        add("other-url", "another URL", error("no_matching_signature"), sent(), scheme, url=URL + "&x=1")
        suite.defaults["url"] = provider.url
    return suite


def zendesk(suite: Suite) -> None:
    def sent(t: str) -> list[list[str]]:
        return [["X-Zendesk-Webhook-Signature", b64_mac(SECRET, t.encode() + JSON_BODY)], ["X-Zendesk-Webhook-Signature-Timestamp", t]]

    for name, t, comment in [("fraction", "2023-11-14T22:13:20.5Z", "a fraction of a second is allowed and cut"), ("milliseconds", "2023-11-14T22:13:20.999Z", "three digits of it"),
                             ("nanoseconds", "2023-11-14T22:13:20.123456789Z", "nine digits of it")]:
        suite.add(f"rfc3339-{name}", comment, ok(""), flags=("TimestampForm",), headers=sent(t))
    suite.add("rfc3339-leap-day", "29 February of a leap year", ok("", 1_709_164_800), flags=("TimestampForm",), headers=sent("2024-02-29T00:00:00Z"), now=1_709_164_800)
    suite.add("rfc3339-century", "1900 was no leap year", error("malformed_timestamp"), flags=("TimestampForm",), headers=sent("1900-02-29T00:00:00Z"))
    suite.add("rfc3339-last", "the last date that four digits can say", ok("", 253_402_300_799), flags=("TimestampForm",), headers=sent("9999-12-31T23:59:59Z"), now=253_402_300_799)
    suite.add("rfc3339-year-0", "year 0 is a date, long ago", error("timestamp_too_old"), flags=("TimestampForm",), headers=sent("0000-02-29T00:00:00Z"))
    suite.add("rfc3339-leap-second", "Unix time has no leap seconds", error("malformed_timestamp"), flags=("TimestampForm",), headers=sent("2016-12-31T23:59:60Z"))
    suite.add("rfc3339-epoch", "the first second", ok("", 0), flags=("TimestampForm",), headers=sent("1970-01-01T00:00:00Z"), now=0)


def workos(suite: Suite) -> None:
    def sent(t: str) -> list[list[str]]:
        return [["WorkOS-Signature", f"t={t},v1=" + hex_mac(SECRET, f"{t}.".encode() + JSON_BODY)]]

    suite.add("milliseconds-cut", "milliseconds are cut to whole seconds", ok("v1"), flags=("TimestampForm",), headers=sent(f"{NOW}999"))
    suite.add("seconds", "seconds are far in the past when read as milliseconds", error("timestamp_too_old"), flags=("Window",), headers=sent(str(NOW)))
    suite.add("zero", "0 is canonical", ok("v1", 0), flags=("TimestampForm",), headers=sent("0"), now=0)
    suite.add("missing-timestamp", "no t", error("missing_timestamp"), flags=("TimestampForm",), headers=[["WorkOS-Signature", "v1=" + hex_mac(SECRET, JSON_BODY)]])


def go_hookd(suite: Suite) -> None:
    suite.add("id-not-covered", "the delivery id is not signed, so it is not handed on", ok(""), flags=("Scheme",),
              headers=[["X-Webhook-Signature", hex_mac(SECRET, f"{NOW}.".encode() + JSON_BODY)], ["X-Webhook-Timestamp", str(NOW)], ["X-Webhook-Delivery-ID", "not: judged"]])
    suite.add("blanks-cut", "blanks around a bare signature are cut", ok(""), flags=("Scheme",),
              headers=[["X-Webhook-Signature", " \t" + hex_mac(SECRET, f"{NOW}.".encode() + JSON_BODY) + " "], ["X-Webhook-Timestamp", str(NOW)]])


def rustango(suite: Suite) -> None:
    suite.add("fields-not-covered", "id and event are not signed, so they are not handed on", ok("sha256", None), flags=("Scheme",),
              headers=[["X-Webhook-Signature", "sha256=" + hex_mac(SECRET, JSON_BODY)], ["X-Webhook-Id", "evt_1"], ["X-Webhook-Id", "evt_2"], ["X-Webhook-Event", "a"]])


def github(suite: Suite) -> None:
    good = hex_mac(SECRET, JSON_BODY)
    for name, text, expect in [
        ("blanks-cut", f" \tsha256={good} ", ok("sha256", None)), ("blank-after-equals", f"sha256= {good}", error("malformed_signature")),
        ("blank-before-equals", f"sha256 ={good}", error("unsupported_version")), ("sha1-label", f"sha1={good[:40]}", error("unsupported_version")),
        ("upper-case-label", f"SHA256={good}", error("unsupported_version")), ("no-label", good, error("malformed_header")), ("empty-label", f"={good}", error("malformed_header")),
        ("two-values", f"sha256={good},{good}", error("malformed_signature")), ("two-pairs", f"sha256={good},sha256={good}", error("malformed_signature")),
        ("upper-case-hex", f"sha256={good.upper()}", ok("sha256", None)),
    ]:
        suite.add(f"prefixed-{name}", "the grammar with one prefix and one value", expect, flags=("SignatureValue",), headers=[["X-Hub-Signature-256", text]])


def outpost(suite: Suite) -> None:
    good, other = hex_mac(SECRET, JSON_BODY), hex_mac(OLD_SECRET, JSON_BODY)
    for name, text, expect in [
        ("two", f"v0={other},{good}", ok("v0", None)), ("blanks", f"v0= {other} ,\t{good} ", ok("v0", None)), ("empty-among", f"v0=,{good},,", ok("v0", None)),
        ("malformed-among", f"v0=zz,{good}", ok("v0", None)), ("none", "v0=", error("malformed_signature")), ("only-blanks", "v0= , ", error("malformed_signature")),
        ("none-right", f"v0={other},{other}", error("no_matching_signature")), ("label-repeated", f"v0={other},v0={good}", error("no_matching_signature")),
        ("32", "v0=" + ",".join(["0" * 64] * 31 + [good]), ok("v0", None)), ("33", "v0=" + ",".join([good] + ["0" * 64] * 32), error("too_many_signatures")),
    ]:
        suite.add(f"joined-{name}", "several values under one label", expect, flags=("SignatureValue",), headers=[["x-outpost-signature", text]])


def paddle(suite: Suite) -> None:
    good, other = hex_mac(SECRET, f"{NOW}:".encode() + JSON_BODY), hex_mac(OLD_SECRET, f"{NOW}:".encode() + JSON_BODY)
    for name, text, expect in [
        ("two-values", f"ts={NOW};h1={other};h1={good}", ok("h1")), ("commas", f"ts={NOW},h1={good}", error("malformed_timestamp")),
        ("comma-in-value", f"ts={NOW};h1={good},h1={good}", error("malformed_signature")), ("t-for-ts", f"t={NOW};h1={good}", error("missing_timestamp")),
        ("two-timestamps", f"ts={NOW};ts={NOW};h1={good}", error("duplicate_timestamp")),
    ]:
        suite.add(f"pairs-{name}", "pairs separated by semicolons", expect, flags=("SignatureValue",), headers=[["Paddle-Signature", text]])


def pagerduty(suite: Suite) -> None:
    good, other = hex_mac(SECRET, JSON_BODY), hex_mac(OLD_SECRET, JSON_BODY)
    for name, text, expect in [
        ("two-values", f"v1={other},v1={good}", ok("v1", None)), ("blank", f"v1={other}, v1={good}", ok("v1", None)), ("t-ignored", f"t=abc,v1={good}", ok("v1", None)),
        ("newer-version-ignored", f"v2={other},v1={good}", ok("v1", None)),
    ]:
        suite.add(f"pairs-{name}", "pairs without a timestamp", expect, flags=("SignatureValue",), headers=[["X-PagerDuty-Signature", text]])


def convoy(suite: Suite) -> None:
    compact = suite.note("CompactJson", "Convoy signs the compacted JSON: blanks outside strings do not count, everything else does.")

    def add(id: str, comment: str, body: bytes, text: bytes, expect: Expectation | None = None) -> None:
        signature = hex_mac(SECRET, f"{NOW},".encode() + text)
        suite.add(f"compact-{id}", comment, expect or ok("v1"), flags=(compact,), headers=[["X-Convoy-Signature", f"t={NOW},v1={signature}"]], body=body)

    add("blanks", "blanks after separators", b'{"b": {}, "e": "123", "a": 1}', b'{"b":{},"e":"123","a":1}')
    add("indented", "indented with line ends and tabs", b'{\r\n\t"a": [\n1,\n 2 ]\r\n}\n', b'{"a":[1,2]}')
    add("around", "blanks before and after", b' \t\r\n{"a":1}\n\n', b'{"a":1}')
    add("in-strings", "blanks inside strings stay", b'{ "a b" : " c\td " }', b'{"a b":" c\td "}')
    add("escaped-quote", "an escaped quote does not end a string", rb'{ "a\" b" : 1 }', rb'{"a\" b":1}')
    add("escaped-backslash", "an escaped backslash does not escape the quote", rb'{ "a\\" : "b \\" }', rb'{"a\\":"b \\"}')
    add("bare-words", "two bare words stay apart by one blank", b"true \n\t false", b"true false")
    add("numbers", "and two numbers", b"[1  2 , 3]", b"[1 2,3]")
    add("word-and-quote", "a word and a string need no blank", b'1 "a" 2', b'1"a"2')
    add("not-json", "what is not JSON is compacted all the same", b"hello,  world ", b"hello,world")
    add("unterminated", "an unterminated string runs to the end", b'{ "a b', b'{"a b')
    add("escape-outside", "a backslash outside a string escapes nothing", b'\\ " a"', b'\\" a"')
    add("only-blanks", "nothing but blanks is empty", b" \n ", b"")
    add("other-white-space", "form feed and no-break space are not JSON's blanks", b"{\x0c}\xc2\xa0", b"{\x0c}\xc2\xa0")
    add("unicode", "text beyond ASCII is copied", '{ "name" : "Łukasz 😀" }'.encode(), '{"name":"Łukasz 😀"}'.encode())
    add("invalid-utf8", "so are bytes that are not UTF-8", b'{ "a" : "\xff" }', b'{"a":"\xff"}')
    add("signed-uncompacted", "signed over the body as sent, blanks and all", b'{"a": 1}', b'{"a": 1}', error("no_matching_signature"))
    add("key-order", "another order of keys is another text", b'{"a":1,"b":2}', b'{"b":2,"a":1}', error("no_matching_signature"))
    add("string-changed", "a blank inside a string counts", b'{"a":"b  c"}', b'{"a":"b c"}', error("no_matching_signature"))
    suite.add("separator-full-stop", "Convoy signs a comma after the timestamp, not a full stop", error("no_matching_signature"), flags=(compact,),
              headers=[["X-Convoy-Signature", f"t={NOW},v1=" + hex_mac(SECRET, f"{NOW}.".encode() + JSON_BODY)]])


def convoy_simple(suite: Suite) -> None:
    flag = suite.note("CompactJson", "Convoy signs the compacted JSON: blanks outside strings do not count, everything else does.")
    suite.add("compact-blanks", "blanks after separators", ok("", None), flags=(flag,), headers=[["X-Convoy-Signature", hex_mac(SECRET, b'{"a":1,"b":[2]}')]], body=b'{"a": 1, "b": [ 2 ]}\n')


def square(suite: Suite) -> None:
    def sent(url: str) -> list[list[str]]:
        return [["x-square-hmacsha256-signature", b64_mac(SECRET, url.encode() + JSON_BODY)]]

    suite.add("url-exact", "the URL is used as registered", error("no_matching_signature"), flags=("Scheme",), headers=sent("https://example.com/hooks"), url="https://example.com/hooks/")
    suite.add("url-unicode", "a URL beyond ASCII is its UTF-8 bytes", ok("", None), flags=("Scheme",), headers=sent("https://example.com/é"), url="https://example.com/é")


def twilio(suite: Suite) -> None:
    form = suite.note("SortedForm", "Form fields are decoded, sorted by their bytes, equal pairs taken once, and appended to the URL.")
    address = suite.note("TwilioUrl", "The URL is tried as given, and with its default port added or cut; with bodySHA256 in the query the body is covered by that hash.")

    def sent(text: str, secret: str = SECRET) -> list[list[str]]:
        return [["X-Twilio-Signature", b64_mac(secret, text, "sha1")]]

    def add(id: str, comment: str, body: bytes, text: str, expect: Expectation | None = None, url: str = URL, flag: str = form) -> None:
        suite.add(id, comment, expect or ok("", None), flags=(flag,), headers=sent(text), body=body, url=url)

    add("form-sorted", "keys in another order on the wire", b"b=2&a=1&C=3", URL + "C3a1b2")
    add("form-values-sorted", "one key with several values", b"k=z&k=a&k=m", URL + "kakmkz")
    add("form-equal-pairs", "equal pairs count once", b"k=v&k=v&a=1&k=v", URL + "a1kv")
    add("form-plus", "a plus sign is a blank", b"Body=hello+world", URL + "Bodyhello world")
    add("form-percent", "percent encoding, either case", b"To=%2b1&x=%C3%A9", URL + "To+1xé")
    add("form-encoded-plus", "an encoded plus sign stays", b"From=%2B1", URL + "From+1")
    add("form-encoded-keys", "keys are decoded before they are sorted", b"b=1&%61=2", URL + "a2b1")
    add("form-empty-values", "empty values", b"a=&b", URL + "ab")
    add("form-equals-in-value", "only the first equals sign divides", b"a=b=c", URL + "ab=c")
    add("form-empty-pieces", "nothing between two ampersands is no pair", b"&&a=1&", URL + "a1")
    add("form-bad-percent", "a percent sign without two digits is itself", b"a=100%&b=%zz&c=%4", URL + "a100%b%zzc%4")
    add("form-changed", "one field changed", b"a=2", URL + "a1", error("no_matching_signature"))
    add("form-added", "one field added", b"a=1&b=2", URL + "a1", error("no_matching_signature"))
    add("form-unsorted-signed", "signed in the order of the wire", b"b=2&a=1", URL + "b2a1", error("no_matching_signature"))

    add("url-port-added", "signed with the default port, given without", b"a=1", "https://example.com:443/pa1", url="https://example.com/p", flag=address)
    add("url-port-cut", "signed without the default port, given with it", b"a=1", "https://example.com/pa1", url="https://example.com:443/p", flag=address)
    add("url-port-http", "the default port of http", b"a=1", "http://example.com:80/pa1", url="http://example.com/p", flag=address)
    add("url-port-other-scheme", "443 is not the default port of http", b"a=1", "http://example.com/pa1", error("no_matching_signature"), url="http://example.com:443/p", flag=address)
    add("url-port-explicit", "another port stays", b"a=1", "https://example.com:8443/pa1", url="https://example.com:8443/p", flag=address)
    add("url-port-explicit-not-cut", "and is never cut", b"a=1", "https://example.com/pa1", error("no_matching_signature"), url="https://example.com:8443/p", flag=address)
    add("url-scheme", "http is not https", b"a=1", "http://example.com/pa1", error("no_matching_signature"), url="https://example.com/p", flag=address)

    body = b'{"json":true}'
    digest = hashlib.sha256(body).hexdigest()
    hashed = f"https://example.com/p?bodySHA256={digest}"
    add("body-hash", "a JSON body, covered by its hash in the URL", body, hashed, url=hashed, flag=address)
    add("body-hash-among", "among other parameters", body, f"https://example.com/p?a=1&bodySHA256={digest}&b=2", url=f"https://example.com/p?a=1&bodySHA256={digest}&b=2", flag=address)
    add("body-hash-port", "and with the port added", body, f"https://example.com:443/p?bodySHA256={digest}", url=hashed, flag=address)
    upper = f"https://example.com/p?bodySHA256={digest.upper()}"
    add("body-hash-upper-case", "the hash in upper case", body, upper, url=upper, flag=address)
    add("body-hash-tampered", "a body with another hash", b'{"json":false}', hashed, error("no_matching_signature"), url=hashed, flag=address)
    add("body-hash-form-not-appended", "with a hash in the URL the form is not appended", b"a=1", f"https://example.com/p?bodySHA256={digest}a1", error("no_matching_signature"),
        url=f"https://example.com/p?bodySHA256={digest}", flag=address)


def discord(suite: Suite) -> None:
    good = ed25519.sign(SEED, str(NOW).encode() + JSON_BODY)
    unreduced = good[:32] + (int.from_bytes(good[32:], "little") + ed25519.ORDER).to_bytes(32, "little")

    def add(id: str, comment: str, expect: Expectation, signature: bytes | str = good, **fields: object) -> None:
        text = signature if isinstance(signature, str) else signature.hex()
        suite.add(id, comment, expect, flags=("SignatureValue",), headers=[["X-Signature-Ed25519", text], ["X-Signature-Timestamp", str(NOW)]], **fields)

    add("upper-case-hex", "upper-case digits are accepted", ok(""), good.hex().upper())
    add("key-upper-case", "and in the key", ok(""), secrets=[discord_key(SEED).upper()])
    add("key-typed", "a typed public key", ok(""), secrets=[{"type": "ed25519_public", "value": "whpk_" + b64(ed25519.public_key(SEED))}])
    add("key-short", "31 bytes", error("malformed_secret"), secrets=[discord_key(SEED)[:-2]])
    add("key-not-hex", "not hex", error("malformed_secret"), secrets=["z" * 64])
    add("key-weak", "a key of small order", error("malformed_secret"), secrets=["01" + "00" * 31])
    add("unreduced", "the same signature with S + L", error("no_matching_signature"), unreduced)
    add("base64", "base64 for hex", error("malformed_signature"), base64.b64encode(good).decode())


def gitlab() -> Suite:
    suite = Suite("gitlab", scheme="gitlab", secrets=[SECRET], body=JSON_BODY)
    token = suite.note("Token", "A token is compared as a whole; the body is not protected.")
    accepted = ok("", None)

    def add(id: str, comment: str, expect: Expectation, headers: list[list[str]], **fields: object) -> None:
        suite.add(id, comment, expect, flags=(token,), headers=headers, **fields)

    def sent(value: str) -> list[list[str]]:
        return [["X-Gitlab-Token", value]]

    add("accepted", "the token", accepted, sent(SECRET))
    add("accepted-lower-case-name", "header names have no case", accepted, [["x-gitlab-token", SECRET]])
    add("accepted-any-body", "the body is not protected", accepted, sent(SECRET), body=b"\xff anything")
    add("accepted-any-age", "nothing dates the message", accepted, sent(SECRET), now=4_000_000_000)
    add("blanks-cut", "blanks around the token are cut", accepted, sent(f" \t{SECRET} "))
    add("wrong", "another token", error("no_matching_signature"), sent(WRONG_SECRET))
    add("prefix", "only the beginning", error("no_matching_signature"), sent(SECRET[:-1]))
    add("longer", "more than the token", error("no_matching_signature"), sent(SECRET + "x"))
    add("case", "a token has case", error("no_matching_signature"), sent(SECRET.upper()))
    add("hash-of-token", "the token's hash is not the token", error("no_matching_signature"), sent(hashlib.sha256(SECRET.encode()).hexdigest()))
    add("missing", "no token", error("missing_header"), [])
    add("twice", "the header twice", error("malformed_header"), sent(SECRET) * 2)
    add("empty", "an empty header", error("malformed_header"), sent(""))
    add("blank", "a blank header", error("malformed_header"), sent("  "))
    add("high-byte", "a byte beyond ASCII", error("malformed_header"), sent("\u00e9"))
    add("too-large", "8,193 bytes", error("header_too_large"), sent("a" * 8193))
    add("two-secrets-old", "the older of two tokens", ok("", None, key_index=1), sent(OLD_SECRET), secrets=[SECRET, OLD_SECRET])
    letters = b"sixteen letters."
    for name, written in (("base64", b64(letters)), ("hex", letters.hex()), ("bytes", b64(letters))):
        secret = {"type": name, "value": written}
        add(f"typed-{name}", "a typed key is the token that it stands for", accepted, sent("sixteen letters."), secrets=[secret])
        add(f"typed-{name}-as-written", "and not the text that it was written in", error("no_matching_signature"), sent(secret["value"]), secrets=[secret])
    add("unprintable", "a token that no header can carry", error("malformed_secret"), sent("x"), secrets=[{"type": "bytes", "value": b64(b"a\0b")}])
    add("beyond-ascii", "nor this one", error("malformed_secret"), sent("x"), secrets=["schlüssel"])
    add("max-body", "a body beyond max_body", error("body_too_large"), sent(SECRET), max_body=1)
    add("replay-impossible", "nothing dates or names the message", error("invalid_config"), sent(SECRET), repeat=2)
    add("window-settings-unused", "a tolerance changes nothing", accepted, sent(SECRET), tolerance=0)
    return suite
