"""Schemes that users write themselves: good documents in use, and every kind of mistake in a bad one."""

from __future__ import annotations

import copy
from typing import Any

import ed25519
from suite import BODY, NOW, Expectation, Suite, b64, b64_mac, error, hex_mac, ok

KEY = "a shared key"
HEX_KEY = "00112233445566778899aabbccddeeff"


def families() -> list[Suite]:
    return [documents(), invalid_schemes()]


def documents() -> Suite:
    suite = Suite("documents", secrets=[KEY])
    flag = suite.note("UserScheme", "A scheme document passed in place of a name.")

    def add(id: str, comment: str, expect: Expectation, document: dict[str, Any], headers: list[list[str]], **fields: Any) -> None:
        suite.add(id, comment, expect, flags=(flag,), scheme_document=document, headers=headers, **fields)

    def scheme(grammar: str, label: str, content: str, algorithm: str = "hmac-sha256", encoding: str = "hex", key: str = "utf8", **more: Any) -> dict[str, Any]:
        signature = {"header": "X-Sig", "grammar": grammar, **more.pop("signature", {})}
        return {"name": "mine", "signature": signature, **more, "content": content, "versions": [{"label": label, "algorithm": algorithm, "encoding": encoding}], "key": key}

    element: dict[str, Any] = {"timestamp": {"element": "t", "unit": "seconds"}}
    own: dict[str, Any] = {"timestamp": {"header": "X-Time", "unit": "seconds"}}
    dotted = f"{NOW}.".encode() + BODY

    full = {**scheme("bare", "", "{body}"), "summary": "One sentence.", "source": "Somewhere."}
    add("all-texts", "summary and source may be given", ok("", None), full, [["X-Sig", hex_mac(KEY, BODY)]])
    add("minimal", "and left out", ok("", None), scheme("bare", "", "{body}"), [["X-Sig", hex_mac(KEY, BODY)]])
    for algorithm, digest in (("hmac-sha1", "sha1"), ("hmac-sha256", "sha256"), ("hmac-sha512", "sha512")):
        add(f"{algorithm}-hex", f"{algorithm} in hex", ok("", None), scheme("bare", "", "{body}", algorithm), [["X-Sig", hex_mac(KEY, BODY, digest)]])
        add(f"{algorithm}-base64", f"{algorithm} in base64", ok("", None), scheme("bare", "", "{body}", algorithm, "base64"), [["X-Sig", b64_mac(KEY, BODY, digest)]])
        add(f"{algorithm}-tampered", f"{algorithm} over another body", error("no_matching_signature"), scheme("bare", "", "{body}", algorithm), [["X-Sig", hex_mac(KEY, BODY, digest)]], body=b"{}")
        add(f"{algorithm}-cut", f"{algorithm} one byte short", error("malformed_signature"), scheme("bare", "", "{body}", algorithm), [["X-Sig", hex_mac(KEY, BODY, digest)[2:]]])

    outpost = scheme("pairs", "v0", "{timestamp}.{body}", **element)
    add("outpost-template", "Outpost with a template that signs the timestamp", ok("v0"), outpost, [["X-Sig", f"t={NOW},v0={hex_mac(KEY, dotted)}"]])
    add("outpost-template-stale", "and its window", error("timestamp_too_old"), outpost, [["X-Sig", f"t={NOW},v0={hex_mac(KEY, dotted)}"]], now=NOW + 301)
    add("outpost-template-replayed", "and a replay guard", error("replayed"), outpost, [["X-Sig", f"t={NOW},v0={hex_mac(KEY, dotted)}"]], repeat=2)
    convoy = scheme("pairs", "v1", "{timestamp},{body:compact-json}", "hmac-sha512", "base64", **element)
    add("convoy-sha512-base64", "Convoy with other project settings", ok("v1"), convoy,
        [["X-Sig", f"t={NOW},v1=" + b64_mac(KEY, f'{NOW},{{"a":1}}', "sha512")]], body=b'{ "a": 1 }')
    semicolons = scheme("pairs", "s", "{timestamp}{body}", signature={"separator": ";"}, **element)
    add("semicolons", "pairs separated by semicolons", ok("s"), semicolons, [["X-Sig", f"t={NOW}; s={hex_mac(KEY, str(NOW).encode() + BODY)}"]])
    commas = scheme("pairs", "s", "{timestamp}{body}", signature={"separator": ","}, **element)
    add("commas-explicit", "the default separator, written out", ok("s"), commas, [["X-Sig", f"t={NOW}, s={hex_mac(KEY, str(NOW).encode() + BODY)}"]])
    joined = scheme("prefixed", "v1", "{body}", signature={"joined": ","})
    add("joined", "several values under one prefix", ok("v1", None), joined, [["X-Sig", f"v1={'0' * 64},{hex_mac(KEY, BODY)}"]])
    unjoined = scheme("prefixed", "v1", "{body}")
    add("not-joined", "without joined a comma belongs to the value", error("malformed_signature"), unjoined, [["X-Sig", f"v1={'0' * 64},{hex_mac(KEY, BODY)}"]])
    listed = scheme("list", "v1", "{timestamp}.{body}", encoding="base64", **own)
    add("list", "a list with base64", ok("v1"), listed, [["X-Sig", "v0,x v1," + b64_mac(KEY, dotted)], ["X-Time", str(NOW)]])
    add("base64-in-pairs", "base64 padding does not disturb pairs", ok("v1"), scheme("pairs", "v1", "{timestamp}.{body}", encoding="base64", **element),
        [["X-Sig", f"t={NOW},v1=" + b64_mac(KEY, dotted)]])

    own_milliseconds = scheme("bare", "", "{timestamp}|{body}", timestamp={"header": "X-Time", "unit": "milliseconds"})
    add("milliseconds-header", "milliseconds in a header of their own", ok(""), own_milliseconds, [["X-Sig", hex_mac(KEY, f"{NOW}250|".encode() + BODY)], ["X-Time", f"{NOW}250"]])
    for text, expect in ((f"0{NOW}250", error("malformed_timestamp")), (f"{NOW}250.5", error("malformed_timestamp")), ("1" + "0" * 15, error("malformed_timestamp"))):
        add(f"milliseconds-{text}", "not canonical milliseconds, correctly signed", expect, own_milliseconds, [["X-Sig", hex_mac(KEY, f"{text}|".encode() + BODY)], ["X-Time", text]])
    rfc3339 = scheme("pairs", "sig", "{timestamp}\n{body}", timestamp={"element": "at", "unit": "rfc3339"})
    add("rfc3339-element", "an RFC 3339 date inside the signature header", ok("sig"), rfc3339,
        [["X-Sig", "at=2023-11-14T22:13:20Z,sig=" + hex_mac(KEY, b"2023-11-14T22:13:20Z\n" + BODY)]])
    add("rfc3339-offset", "UTC is written Z and nothing else", error("malformed_timestamp"), rfc3339,
        [["X-Sig", "at=2023-11-14T22:13:20+00:00,sig=" + hex_mac(KEY, b"2023-11-14T22:13:20+00:00\n" + BODY)]])
    add("rfc3339-stale", "and its window", error("timestamp_too_old"), rfc3339,
        [["X-Sig", "at=2023-11-14T22:08:19Z,sig=" + hex_mac(KEY, b"2023-11-14T22:08:19Z\n" + BODY)]])

    everything = scheme("pairs", "v1", "a {timestamp}/{id}/{type}/{url}/{body}", id={"header": "X-Id"}, type={"header": "X-Type"}, **element)
    all_fields = f"a {NOW}/evt_1/order.paid/https://example.com/h/".encode() + BODY
    signed, id_header, type_header = ["X-Sig", f"t={NOW},v1={hex_mac(KEY, all_fields)}"], ["X-Id", "evt_1"], ["X-Type", "order.paid"]
    rest = [id_header, type_header]
    add("everything", "all fields signed", ok("v1", id="evt_1", event_type="order.paid"), everything, [signed, *rest], url="https://example.com/h")
    add("everything-no-url", "no URL given", error("missing_url"), everything, [signed, *rest])
    add("everything-no-id", "no id", error("missing_header"), everything, [signed, type_header], url="https://example.com/h")
    add("everything-no-type", "no event type", error("missing_header"), everything, [signed, id_header], url="https://example.com/h")
    add("everything-bad-type", "an event type with a colon", error("malformed_header"), everything, [signed, id_header, ["X-Type", "a:b"]], url="https://example.com/h")
    add("everything-type-twice", "two event types", error("malformed_header"), everything, [signed, *rest, type_header], url="https://example.com/h")
    add("everything-url-changed", "another URL", error("no_matching_signature"), everything, [signed, *rest], url="https://example.com/H")
    add("everything-replayed", "with a replay guard", error("replayed"), everything, [signed, *rest], url="https://example.com/h", repeat=2)
    id_only = scheme("bare", "", "{id}.{body}", id={"header": "X-Id"})
    add("id-without-timestamp", "an id and no timestamp", ok("", None, id="evt_1"), id_only, [["X-Sig", hex_mac(KEY, b"evt_1." + BODY)], ["X-Id", "evt_1"]])
    add("id-without-timestamp-replayed", "is enough for a replay guard", error("replayed"), id_only, [["X-Sig", hex_mac(KEY, b"evt_1." + BODY)], ["X-Id", "evt_1"]], repeat=2)
    form = scheme("bare", "", "{url} {form:sorted}", encoding="base64")
    add("form", "a sorted form after a URL", ok("", None), form, [["X-Sig", b64_mac(KEY, b"https://example.com/ a1b2")]], body=b"b=2&a=1", url="https://example.com/")
    compact = scheme("bare", "", "{body:compact-json}")
    add("compact-json", "compacted JSON", ok("", None), compact, [["X-Sig", hex_mac(KEY, b'{"a":[1,2]}')]], body=b'{ "a" : [ 1, 2 ] }')

    hexed = scheme("bare", "", "{body}", key="hex")
    add("key-hex", "a key written in hex", ok("", None), hexed, [["X-Sig", hex_mac(bytes.fromhex(HEX_KEY), BODY)]], secrets=[HEX_KEY])
    add("key-hex-upper", "in upper case", ok("", None), hexed, [["X-Sig", hex_mac(bytes.fromhex(HEX_KEY), BODY)]], secrets=[HEX_KEY.upper()])
    for name, bad in (("odd", HEX_KEY + "0"), ("letters", "x" + HEX_KEY[1:]), ("short", HEX_KEY[:-2]), ("prefixed", "0x" + HEX_KEY)):
        add(f"key-hex-{name}", "not a key in hex", error("malformed_secret"), hexed, [["X-Sig", hex_mac(bytes.fromhex(HEX_KEY), BODY)]], secrets=[bad])

    seed = b"the seed of the document vectors"
    whpk = "whpk_" + b64(ed25519.public_key(seed))
    both = {**scheme("pairs", "h", "{timestamp}.{body}", **element)}
    both["versions"] = [{"label": "e", "algorithm": "ed25519", "encoding": "hex"}, *both["versions"]]
    signature = ed25519.sign(seed, dotted).hex()
    public = {"type": "ed25519_public", "value": whpk}
    add("ed25519-hex", "Ed25519 in pairs", ok("e"), both, [["X-Sig", f"t={NOW},e={signature}"]], secrets=[public])
    add("ed25519-beside-hmac", "the stronger one decides", error("no_matching_signature"), both, [["X-Sig", f"t={NOW},e={'0' * 128},h={hex_mac(KEY, dotted)}"]], secrets=[public, KEY])
    add("ed25519-or-hmac", "the other one where only it can be judged", ok("h"), both, [["X-Sig", f"t={NOW},e={signature},h={hex_mac(KEY, dotted)}"]])

    own_contents = {"name": "mine", "signature": {"header": "X-Sig", "grammar": "pairs"}, **element,
                    "versions": [{"label": "v3", "algorithm": "hmac-sha512", "encoding": "hex", "content": "v3 {timestamp} {body}"},
                                 {"label": "v2", "algorithm": "hmac-sha256", "encoding": "base64", "content": "{timestamp}.{body}"},
                                 {"label": "v1", "algorithm": "hmac-sha1", "encoding": "hex", "content": "{timestamp}{body}"}], "key": "utf8"}
    three = (hex_mac(KEY, f"v3 {NOW} ".encode() + BODY, "sha512"), b64_mac(KEY, dotted), hex_mac(KEY, str(NOW).encode() + BODY, "sha1"))
    add("three-versions", "three versions with contents of their own: the strongest", ok("v3"), own_contents, [["X-Sig", f"v1={three[2]},v2={three[1]},v3={three[0]},t={NOW}"]])
    add("three-versions-middle", "the middle one", ok("v2"), own_contents, [["X-Sig", f"t={NOW},v1={three[2]},v2={three[1]}"]])
    add("three-versions-required", "the middle one is too weak", error("unsupported_version"), own_contents, [["X-Sig", f"t={NOW},v1={three[2]},v2={three[1]}"]], require="v3")
    add("three-versions-require-middle", "the middle one is strong enough", ok("v2"), own_contents, [["X-Sig", f"t={NOW},v1={three[2]},v2={three[1]}"]], require="v2")
    labelled = {"name": "mine", "signature": {"header": "X-Sig", "grammar": "prefixed"}, "content": "{body}", "key": "utf8",
                "versions": [{"label": "b", "algorithm": "hmac-sha512", "encoding": "hex"}, {"label": "a", "algorithm": "hmac-sha256", "encoding": "hex"}]}
    add("prefixed-strong", "one of two labels", ok("b", None), labelled, [["X-Sig", "b=" + hex_mac(KEY, BODY, "sha512")]])
    add("prefixed-weak", "the other one", ok("a", None), labelled, [["X-Sig", "a=" + hex_mac(KEY, BODY)]])
    add("prefixed-weak-required", "too weak", error("unsupported_version"), labelled, [["X-Sig", "a=" + hex_mac(KEY, BODY)]], require="b")
    token = {"name": "mine", "signature": {"header": "X-Token", "grammar": "token"}, "key": "utf8"}
    add("token", "a token", ok("", None), token, [["X-Token", KEY]])
    add("token-wrong", "another token", error("no_matching_signature"), token, [["X-Token", KEY + "."]])
    return suite


GOOD: dict[str, Any] = {
    "name": "mine", "summary": "One sentence.", "source": "Somewhere.",
    "signature": {"header": "X-Sig", "grammar": "pairs", "separator": ","}, "timestamp": {"element": "t", "unit": "seconds"},
    "id": {"header": "X-Id"}, "type": {"header": "X-Type"}, "content": "{timestamp}.{id}.{type}.{body}",
    "versions": [{"label": "v2", "algorithm": "hmac-sha512", "encoding": "hex"}, {"label": "v1", "algorithm": "hmac-sha256", "encoding": "hex"}],
    "key": "utf8", "also_writes": ["X-Time"],
}
REMOVED = object()
NAMES = {"": "empty", "|": "bar", "Pairs": "capital", "HMAC-SHA256": "capitals"}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good document with one place of it changed; a path is like `versions.0.label`."""
    document = copy.deepcopy(GOOD)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = document
    for part in parents:
        place = place[part]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return document


def invalid_schemes() -> Suite:
    suite = Suite("invalid-schemes", secrets=[KEY], headers=[])
    flag = suite.note("InvalidScheme", "A scheme document with one mistake is refused when the verifier is made.")

    def add(id: str, comment: str, document: Any, expect: str = "invalid_scheme") -> None:
        suite.add(id, comment, error(expect), flags=(flag,), scheme_document=document)

    add("none", "the document that the others are made from has no mistake", GOOD, "missing_header")
    add("empty", "an empty document", {})
    for field in ("name", "signature", "key", "versions", "content", "signature.header", "signature.grammar", "timestamp.unit", "timestamp.element",
                  "id.header", "type.header", "versions.0.label", "versions.0.algorithm", "versions.0.encoding"):
        add(f"without-{field.replace('.', '-')}", f"{field} is missing", changed(field, REMOVED))
    for path in ("extra", "signature.extra", "timestamp.extra", "id.extra", "type.extra", "versions.0.extra"):
        add(f"unknown-{path.replace('.', '-')}", f"an unknown field: {path}", changed(path, "x"))
    for path, value in [("name", 7), ("summary", 7), ("source", []), ("signature", "X-Sig"), ("signature.header", None), ("signature.grammar", ["pairs"]), ("timestamp", "t"),
                        ("timestamp.element", 1), ("id", "X-Id"), ("type", ["X-Type"]), ("content", 1), ("versions", {}), ("versions.0", "v2"), ("versions.0.label", 2),
                        ("versions.0.content", False), ("versions.1", ["v1", "hmac-sha256", "hex"]), ("signature.separator", None), ("timestamp.header", None),
                        ("key", {}), ("also_writes", "X-Time"), ("also_writes.0", 1)]:
        add(f"type-of-{path.replace('.', '-')}", f"{path} is of the wrong type", changed(path, value))
    for path in ("summary", "timestamp", "content", "also_writes", "versions.0.content"):
        add(f"null-{path.replace('.', '-')}", f"{path} is null, which is not the same as absent", changed(path, None))
    for path, value in [("signature.grammar", "json"), ("signature.grammar", "Pairs"), ("signature.separator", "|"), ("signature.separator", ""), ("timestamp.unit", "minutes"),
                        ("versions.0.algorithm", "md5"), ("versions.0.algorithm", "HMAC-SHA256"), ("versions.0.encoding", "base32"), ("versions.0.encoding", "base64url"),
                        ("key", "ascii"), ("key", "")]:
        add(f"value-{path.replace('.', '-')}-{NAMES.get(value, value)}", f"{path} is {value!r}", changed(path, value))
    for path in ("signature.header", "id.header", "type.header", "also_writes.0"):
        add(f"header-name-{path.replace('.', '-')}", f"{path} is not a header name", changed(path, "X Sig"))
        add(f"header-name-empty-{path.replace('.', '-')}", f"{path} is empty", changed(path, ""))

    for id, content, comment in [
        ("no-body", "{timestamp}.{id}", "no body"), ("empty", "", "nothing at all"), ("only-text", "body", "only literal text"),
        ("body-not-last", "{body}.{timestamp}", "the body is not at the end"), ("text-after-body", "{timestamp}.{body}.", "literal text after the body"),
        ("body-twice", "{body}{body}", "two bodies"), ("two-bodies", "{body:compact-json}{body}", "two kinds of body"), ("field-twice", "{id}{timestamp}{id}{body}", "a field twice"),
        ("unknown-token", "{nonce}{body}", "an unknown token"), ("unknown-form", "{body:sorted}", "an unknown form of the body"), ("blank-in-token", "{ body }", "blanks in a token"),
        ("case", "{Body}", "tokens have case"), ("open-brace", "{timestamp{body}", "a brace that does not close"), ("close-brace", "}{body}", "a brace that does not open"),
        ("double-braces", "{{timestamp}}{body}", "doubled braces"), ("empty-token", "{}{body}", "an empty token"), ("condition", "{timestamp?}{body}", "there are no conditions"),
    ]:
        add(f"content-{id}", f"the content: {comment}", changed("content", content))
    add("content-of-version", "the content of one version is wrong", changed("versions.1.content", "{timestamp}"))
    add("content-without-timestamp", "the content names a timestamp that the scheme does not have", {name: GOOD[name] for name in GOOD if name not in ("timestamp", "also_writes")})
    add("content-without-id", "the content names an id that the scheme does not have", {name: GOOD[name] for name in GOOD if name != "id"})
    add("content-without-type", "the content names an event type that the scheme does not have", {name: GOOD[name] for name in GOOD if name != "type"})

    unsigned = {"label": "v0", "algorithm": "hmac-sha256", "encoding": "hex", "content": "{id}.{type}.{body}"}
    add("timestamp-unsigned", "a version does not sign the timestamp that the scheme places", changed("versions", [*GOOD["versions"], unsigned]))
    add("timestamp-unsigned-anywhere", "no version does", changed("content", "{id}.{type}.{body}"))
    add("content-form-without-url", "a sorted form goes with the URL", changed("content", "{timestamp}.{id}.{type}.{form:sorted}"))
    add("name-empty", "an empty name", changed("name", ""))
    add("name-blank", "a blank in the name", changed("name", "my scheme"))
    add("name-long", "a name of 65 characters", changed("name", "a" * 65))
    for id, label in (("equals", "v=1"), ("comma", "v,1"), ("semicolon", "v;1"), ("blank", "v 1"), ("high", "vé"), ("long", "v" * 65)):
        add(f"label-{id}", f"a label that no header can carry: {label[:9]!r}", changed("versions.0.label", label))
        add(f"element-{id}", f"an element that no header can carry: {label[:9]!r}", changed("timestamp.element", label))
    add("element-empty", "an empty element", changed("timestamp.element", ""))
    add("element-is-label", "the timestamp's element is the label of a version", changed("timestamp.element", "v1"))
    add("seventeen-versions", "more than 16 versions", changed("versions", [{"label": f"v{number}", "algorithm": "hmac-sha256", "encoding": "hex"} for number in range(17)]))
    for path, role in (("id.header", "x-sig"), ("type.header", "X-ID"), ("also_writes.0", "X-SIG")):
        add(f"header-twice-{path.replace('.', '-')}", "one header has two roles", changed(path, role))
    add("four-headers", "verification reads at most three headers", {**{name: GOOD[name] for name in GOOD if name != "also_writes"}, "timestamp": {"header": "X-Time", "unit": "seconds"}})
    add("timestamp-twice", "the timestamp is in an element and in a header", changed("timestamp.header", "X-Time"))
    add("timestamp-nowhere", "the timestamp is nowhere", changed("timestamp", {"unit": "seconds"}))
    element = {"name": "mine", "timestamp": {"element": "t", "unit": "seconds"}, "content": "{timestamp}{body}", "key": "utf8"}
    version = {"algorithm": "hmac-sha256", "encoding": "hex"}
    for grammar, label in (("list", "v1"), ("prefixed", "v1"), ("bare", "")):
        add(f"element-in-{grammar}", f"the grammar {grammar} has no element for a timestamp",
            {**element, "signature": {"header": "X-Sig", "grammar": grammar}, "versions": [{"label": label, **version}]})
    plain = {"name": "mine", "content": "{body}", "key": "utf8"}
    for grammar, label in (("list", "v1"), ("prefixed", "v1"), ("bare", "")):
        add(f"separator-in-{grammar}", f"the grammar {grammar} has no separator", {**plain, "signature": {"header": "X-Sig", "grammar": grammar, "separator": ","},
            "versions": [{"label": label, **version}]})
    for grammar, label in (("list", "v1"), ("pairs", "v1"), ("bare", "")):
        add(f"joined-in-{grammar}", f"the grammar {grammar} joins no values", {**plain, "signature": {"header": "X-Sig", "grammar": grammar, "joined": ","}, "versions": [{"label": label, **version}]})
    prefixed = {"header": "X-Sig", "grammar": "prefixed", "joined": ";"}
    add("joined-other", "values are joined by a comma", {**plain, "signature": prefixed, "versions": [{"label": "v1", **version}]})
    bare = {"header": "X-Sig", "grammar": "bare"}
    add("bare-two-versions", "a bare signature has one version", {**plain, "signature": bare, "versions": [{"label": "", **version}, {"label": "v1", **version}]})
    add("bare-with-label", "and its label is empty", {**plain, "signature": bare, "versions": [{"label": "v1", **version}]})
    add("no-versions", "no versions", changed("versions", []))
    add("labels-equal", "two versions with one label", changed("versions.1.label", "v2"))
    add("label-empty", "an empty label in pairs", changed("versions.1.label", ""))
    token = {"name": "mine", "signature": {"header": "X-Token", "grammar": "token"}, "key": "utf8"}
    add("token-with-content", "a token signs nothing", {**token, "content": "{body}"})
    add("token-with-versions", "and has no versions", {**token, "versions": [{"label": "", **version}]})
    add("also-writes-without-element", "also_writes repeats a timestamp that is an element",
        {**plain, "content": "{timestamp}{body}", "signature": bare, "timestamp": {"header": "X-Time", "unit": "seconds"}, "versions": [{"label": "", **version}], "also_writes": ["X-Also"]})
    return suite
