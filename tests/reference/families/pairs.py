"""The grammar `t=…,v1=…` as the default scheme and Stripe write it: timestamps, elements, values, bodies, windows."""

from __future__ import annotations

from suite import BODY, NOW, OLD_SECRET, SECRET, Expectation, Suite, as_header, b64_mac, error, flip_hex, hex_mac, ok

FAR = 10**9


def build(scheme: str, header: str) -> Suite:
    suite = Suite(scheme, scheme=scheme, secrets=[SECRET])
    form = suite.note("TimestampForm", "Only 0 or up to twelve ASCII digits without a leading zero are a timestamp.")
    window = suite.note("Window", "The distance between now and the timestamp is judged in both directions, edges included.")
    grammar = suite.note("Grammar", "How the signature header is cut into elements, and what is ignored.")
    value = suite.note("SignatureValue", "Only a value of the right length and alphabet is compared.")
    raw = suite.note("RawBody", "The signature is over the bytes as received; no decoding, no clean-up.")
    limits = suite.note("Limits", "Bounds that are checked before any MAC is computed.")
    order = suite.note("Order", "Of several faults the first in the specified order decides.")
    rotation = suite.note("Rotation", "Several secrets, newest first; the result says which one matched.")

    def v1(body: bytes = BODY, t: object = NOW, secret: str = SECRET) -> str:
        return hex_mac(secret, str(t).encode() + b"." + body)

    def signed(value: str) -> list[list[str]]:
        return [[header, value]]

    def add(id: str, comment: str, text: str, expect: Expectation, flag: str, **fields: object) -> None:
        suite.add(id, comment, expect, flags=(flag,), headers=signed(text), **fields)

    good = v1()
    accepted = ok("v1")

    # Timestamps
    add("now", "V-1: signed now", f"t={NOW},v1={good}", accepted, window)
    add("age-300", "V-2: exactly as old as the tolerance", f"t={NOW},v1={good}", accepted, window, now=NOW + 300)
    add("age-301", "V-3: one second older than the tolerance", f"t={NOW},v1={good}", error("timestamp_too_old"), window, now=NOW + 301)
    add("ahead-300", "V-4: exactly as far ahead as the tolerance", f"t={NOW},v1={good}", accepted, window, now=NOW - 300)
    add("ahead-301", "V-5: one second further ahead", f"t={NOW},v1={good}", error("timestamp_in_future"), window, now=NOW - 301)
    add("ahead-ten-years", "V-5: ten years ahead", f"t={NOW + 315_360_000},v1={v1(t=NOW + 315_360_000)}", error("timestamp_in_future"), window)
    add("epoch", "V-15: t=0, correctly signed", f"t=0,v1={v1(t=0)}", error("timestamp_too_old"), window)
    add("epoch-now", "t=0 is canonical; accepted when the clock says so", f"t=0,v1={v1(t=0)}", ok("v1", 0), window, now=10)
    add("twelve-digits", "the largest timestamp", f"t=999999999999,v1={v1(t=999999999999)}", ok("v1", 999999999999), form, now=999999999999)
    add("tolerance-0-exact", "V-17: tolerance 0 accepts the exact second", f"t={NOW},v1={good}", accepted, window, tolerance=0)
    add("tolerance-0-late", "V-17: tolerance 0 is not «no check»", f"t={NOW},v1={good}", error("timestamp_too_old"), window, tolerance=0, now=NOW + 1)
    add("tolerance-0-early", "V-17: tolerance 0 in the other direction", f"t={NOW},v1={good}", error("timestamp_in_future"), window, tolerance=0, now=NOW - 1)
    add("tolerance-largest", "the largest tolerance", f"t={NOW},v1={good}", accepted, window, tolerance=4294967295, now=NOW + FAR)
    add("tolerance-too-large", "V-18: a tolerance beyond 4,294,967,295 seconds", f"t={NOW},v1={good}", error("invalid_config"), window, tolerance=4294967296)
    add("future-tolerance-0", "future_tolerance stands alone", f"t={NOW},v1={good}", error("timestamp_in_future"), window, future_tolerance=0, now=NOW - 1)
    add("future-tolerance-0-past", "and leaves the past to tolerance", f"t={NOW},v1={good}", accepted, window, future_tolerance=0, now=NOW + 300)
    add("future-tolerance-larger", "it may be the larger one", f"t={NOW},v1={good}", accepted, window, tolerance=10, future_tolerance=1000, now=NOW - 1000)
    add("future-tolerance-too-large", "V-18: the same bound", f"t={NOW},v1={good}", error("invalid_config"), window, future_tolerance=4294967296)
    add("window-off-old", "the window switched off, and the message very old", f"t={NOW},v1={good}", accepted, window, dangerously_ignore_timestamp=True, now=NOW + FAR)
    add("window-off-future", "the window switched off, and the message far ahead", f"t={NOW},v1={good}", accepted, window, dangerously_ignore_timestamp=True, now=NOW - FAR)
    add("window-off-malformed", "switching off the window does not make the form free", f"t=abc,v1={v1(t='abc')}", error("malformed_timestamp"), form, dangerously_ignore_timestamp=True)
    add("window-off-missing", "nor the timestamp optional", f"v1={hex_mac(SECRET, BODY)}", error("missing_timestamp"), form, dangerously_ignore_timestamp=True)

    add("letters-signed-as-nan", "V-6: t=abc, signed over the text NaN", f"t=abc,v1={v1(t='NaN')}", error("malformed_timestamp"), form)
    add("missing", "V-7: no t", f"v1={good}", error("missing_timestamp"), form)
    add("missing-body-only", "V-7: no t, signed over the body alone", f"v1={hex_mac(SECRET, BODY)}", error("missing_timestamp"), form)
    for name, text, row in [
        ("letters", "abc", "V-6: letters"), ("nan", "NaN", "V-6: the word NaN"), ("empty", "", "V-7: t is empty"), ("negative", "-5", "V-8: a minus sign"),
        ("plus", f"+{NOW}", "V-8: a plus sign"), ("leading-zero", f"0{NOW}", "V-9: a leading zero"),
        ("zeros", "00", "V-9: two zeros"), ("fraction", f"{NOW}.9", "V-10: a fraction"), ("exponent", "1.7e9", "V-10: an exponent"),
        ("exponent-whole", "17e8", "V-10: an exponent without a point"), ("hex", "0x6553F100", "V-10: hexadecimal"),
        ("underscores", "1_700_000_000", "V-10: underscores"), ("blank-after-equals", f" {NOW}", "V-11: a blank after the equals sign belongs to the value"),
        ("tab-after-equals", f"\t{NOW}", "V-11: a tab after the equals sign"), ("trailing-junk", f"{NOW}abc", "V-12: junk after the digits"),
        ("blank-inside", "1700 000000", "V-12: a blank among the digits"),
        ("two-to-63", str(2**63), "V-14: 2^63"), ("two-to-64", str(2**64), "V-14: 2^64"), ("thirteen-digits", "1000000000000", "V-14: thirteen digits"),
        ("thirty-digits", str(10**30), "V-14: thirty-one digits"), ("four-thousand-digits", "9" * 4000, "V-14: four thousand digits"),
        ("milliseconds", f"{NOW}000", "V-16: milliseconds, correctly signed"), ("equals-inside", f"{NOW}=", "everything after the first equals sign is the value"),
    ]:
        add(f"timestamp-{name}", f"{row}; correctly signed over that text", f"t={text},v1={v1(t=text)}", error("malformed_timestamp"), form)
    for name, digits in [("arabic-indic", "١٧٠٠٠٠٠٠٠٠"), ("full-width", "１７００００００００"), ("no-break-space", f"\u00a0{NOW}")]:
        add(f"timestamp-{name}", "V-11, V-13: bytes beyond ASCII in the signature header", as_header(f"t={digits},v1={v1(t=digits)}"), error("malformed_header"), form)
    add("timestamp-blank-at-edge", "V-11: a blank at the element's edge is cut", f"t={NOW} ,v1={good}", accepted, grammar)
    add("timestamp-blank-at-edge-signed", "V-11: and is not part of the signed text", f"t={NOW} ,v1={v1(t=f'{NOW} ')}", error("no_matching_signature"), grammar)

    # The header's grammar
    suite.add("header-missing", "V-21: no signature header", error("missing_header"), flags=(grammar,), headers=[["Content-Type", "application/json"]])
    suite.add("header-none-at-all", "V-21: no headers at all", error("missing_header"), flags=(grammar,), headers=[])
    suite.add("header-similar-name", "V-21: another header's name begins with it", error("missing_header"), flags=(grammar,), headers=[[header + "s", f"t={NOW},v1={good}"]])
    suite.add("header-lower-case", "header names have no case", accepted, flags=(grammar,), headers=[[header.lower(), f"t={NOW},v1={good}"]])
    suite.add("header-upper-case", "header names have no case", accepted, flags=(grammar,), headers=[[header.upper(), f"t={NOW},v1={good}"]])
    suite.add("header-among-others", "other headers do not matter", accepted, flags=(grammar,),
              headers=[["Host", "example.com"], [header, f"t={NOW},v1={good}"], ["X-Other", as_header("é\u0000")]])
    suite.add("header-twice", "V-26: two header lines, the same value", error("malformed_header"), flags=(grammar,), headers=[[header, f"t={NOW},v1={good}"]] * 2)
    suite.add("header-twice-cases", "V-26: two spellings of the name", error("malformed_header"), flags=(grammar,),
              headers=[[header, f"t={NOW},v1={good}"], [header.lower(), f"t={NOW},v1={good}"]])
    add("header-joined", "V-26: two header lines that a framework joined", f"t={NOW},v1={good}, t={NOW},v1={good}", error("duplicate_timestamp"), grammar)
    for name, text in [("empty", ""), ("commas", ",,,"), ("blanks", " \t "), ("commas-and-blanks", " , ,\t, "), ("no-pairs", "foo"), ("only-v1-word", "v1"),
                       ("no-keys", "=1,=2"), ("bare-hex", good)]:
        add(f"header-{name}", "V-22, V-23: no well-formed element", text, error("malformed_header"), grammar)
    add("stray-word", "V-23: an element without an equals sign among good ones", f"foo,t={NOW},v1,v1={good}", accepted, grammar)
    add("empty-elements", "empty elements are no elements", f",,t={NOW}, ,v1={good},", accepted, grammar)
    add("order-reversed", "the order of elements is free", f"v1={good},t={NOW}", accepted, grammar)
    add("t-twice-same", "V-24: two t with one value", f"t={NOW},t={NOW},v1={good}", error("duplicate_timestamp"), grammar)
    add("t-twice-different", "V-25: two t, the first one signed", f"t={NOW},t={NOW + 1},v1={good}", error("duplicate_timestamp"), grammar)
    add("t-twice-last-signed", "V-25: two t, the last one signed", f"t={NOW + 1},t={NOW},v1={good}", error("duplicate_timestamp"), grammar)
    add("t-twice-one-empty", "V-25: two t, one of them empty", f"t=,t={NOW},v1={good}", error("duplicate_timestamp"), grammar)
    add("blank-after-comma", "V-27: blanks around elements are cut", f"t={NOW}, v1={good}", accepted, grammar)
    add("blanks-and-tabs", "V-27: and tabs too", f" \tt={NOW}\t ,  v1={good} ", accepted, grammar)
    add("blank-before-equals", "V-27: a blank before the equals sign belongs to the key", f"t ={NOW},v1={good}", error("missing_timestamp"), grammar)
    add("blanks-around-equals", "V-27: blanks around the equals sign", f"t = {NOW},v1={good}", error("missing_timestamp"), grammar)
    add("upper-case-t", "V-28: keys have case", f"T={NOW},v1={good}", error("missing_timestamp"), grammar)
    add("upper-case-v1", "V-28: keys have case", f"t={NOW},V1={good}", error("unsupported_version"), grammar)
    add("upper-case-beside", "V-28: an upper-case key is just unknown", f"T=1,V1=x,t={NOW},v1={good}", accepted, grammar)
    add("unknown-elements", "V-29: unknown elements beside a good one", f"t={NOW},v0={'0' * 64},v9=x,foo=bar,v1={good}", accepted, grammar)
    add("only-unknown", "V-30: only unknown versions", f"t={NOW},v8={good},v9={good}", error("unsupported_version"), grammar)
    add("only-v0", "V-49: the decoy version v0, correctly signed", f"t={NOW},v0={good}", error("unsupported_version"), grammar)
    add("semicolons", "the separator is a comma", f"t={NOW};v1={good}", error("malformed_timestamp"), grammar)

    # Limits
    padding = "x=" + "a" * (8192 - len(f"t={NOW},v1={good},x="))
    add("header-8192", "V-31: the longest header", f"t={NOW},v1={good},{padding}", accepted, limits)
    add("header-8193", "V-31: one byte more", f"t={NOW},v1={good},{padding}a", error("header_too_large"), limits)
    add("header-huge", "V-32: hundreds of signatures", f"t={NOW}," + ",".join([f"v1={good}"] * 500), error("header_too_large"), limits)
    add("elements-64", "64 elements", f"t={NOW},v1={good}," + ",".join(f"x{i}=1" for i in range(62)), accepted, limits)
    add("elements-65", "65 elements", f"t={NOW},v1={good}," + ",".join(f"x{i}=1" for i in range(63)), error("too_many_signatures"), limits)
    add("elements-65-stray", "elements that are not well formed count too", f"t={NOW},v1={good}," + ",".join(["x"] * 63), error("too_many_signatures"), limits)
    add("elements-empty-uncounted", "empty elements do not count", f"t={NOW},v1={good}" + "," * 200, accepted, limits)
    add("values-32", "V-33: 32 values, the last one correct", f"t={NOW}," + f"v1={'0' * 64}," * 31 + f"v1={good}", accepted, limits)
    add("values-33", "V-32: 33 values, the first one correct", f"t={NOW},v1={good}" + f",v1={'0' * 64}" * 32, error("too_many_signatures"), limits)
    add("values-33-unknown", "values of versions that are not accepted count only as elements", f"t={NOW},v1={good}" + ",v9=x" * 33, accepted, limits)
    for name, byte in [("nul", "\0"), ("bell", "\a"), ("newline", "\n"), ("return", "\r"), ("delete", "\x7f"), ("high", "\u00e9"), ("c1-control", "\u0085")]:
        add(f"byte-{name}", "V-34, V-35: a byte that is not printable ASCII or a tab", f"t={NOW},v1={good},x={byte}", error("malformed_header"), limits)
    add("byte-in-signature", "V-35: such a byte inside the signature", f"t={NOW},v1=\u00e9{good[1:]}", error("malformed_header"), limits)
    add("tab-inside", "a tab inside an unknown element is allowed", f"t={NOW},x=a\tb,v1={good}", accepted, grammar)

    # Values
    add("bit-first", "V-37: the first bit changed", f"t={NOW},v1={flip_hex(good, 0)}", error("no_matching_signature"), value)
    add("bit-last", "V-37: the last bit changed", f"t={NOW},v1={flip_hex(good, -1)}", error("no_matching_signature"), value)
    add("hex-63", "V-38: one digit short", f"t={NOW},v1={good[:-1]}", error("malformed_signature"), value)
    add("hex-65", "V-38: one digit more", f"t={NOW},v1={good}0", error("malformed_signature"), value)
    add("hex-62", "V-38: one byte short", f"t={NOW},v1={good[:-2]}", error("malformed_signature"), value)
    add("hex-128", "V-38: twice the signature", f"t={NOW},v1={good}{good}", error("malformed_signature"), value)
    add("hex-upper", "V-39: upper-case digits are accepted", f"t={NOW},v1={good.upper()}", accepted, value)
    add("hex-mixed", "V-39: and mixed ones", f"t={NOW},v1={good[:32].upper()}{good[32:]}", accepted, value)
    add("hex-not-digits", "V-38: a letter beyond f", f"t={NOW},v1=g{good[1:]}", error("malformed_signature"), value)
    add("hex-prefixed", "a 0x prefix", f"t={NOW},v1=0x{good}", error("malformed_signature"), value)
    add("hex-blank-inside", "a blank inside the digits", f"t={NOW},v1={good[:32]} {good[32:]}", error("malformed_signature"), value)
    add("hex-blank-before", "V-27: a blank after the equals sign belongs to the value", f"t={NOW},v1= {good}", error("malformed_signature"), value)
    add("base64-for-hex", "the right MAC in base64", f"t={NOW},v1={b64_mac(SECRET, f'{NOW}.'.encode() + BODY)}", error("malformed_signature"), value)
    add("empty-value", "V-40: an empty value alone", f"t={NOW},v1=", error("malformed_signature"), value)
    add("empty-value-beside", "V-40: an empty value beside a good one", f"t={NOW},v1=,v1={good}", accepted, value)
    add("malformed-beside", "a malformed value beside a good one", f"t={NOW},v1=zz,v1={good},v1={good[:-1]}", accepted, value)
    add("malformed-beside-wrong", "a malformed value beside a wrong one", f"t={NOW},v1=zz,v1={flip_hex(good, 5)}", error("no_matching_signature"), value)
    add("all-zero", "64 zeros", f"t={NOW},v1={'0' * 64}", error("no_matching_signature"), value)
    add("sha1", "V-42: HMAC-SHA1 has another length", f"t={NOW},v1={hex_mac(SECRET, f'{NOW}.'.encode() + BODY, 'sha1')}", error("malformed_signature"), value)
    add("sha512", "V-42: HMAC-SHA512 has another length", f"t={NOW},v1={hex_mac(SECRET, f'{NOW}.'.encode() + BODY, 'sha512')}", error("malformed_signature"), value)
    add("sha512-cut", "V-42: HMAC-SHA512 cut to the right length", f"t={NOW},v1={hex_mac(SECRET, f'{NOW}.'.encode() + BODY, 'sha512')[:64]}", error("no_matching_signature"), value)
    add("body-alone", "V-43: a signature of the body alone", f"t={NOW},v1={hex_mac(SECRET, BODY)}", error("no_matching_signature"), value)
    add("other-separator", "a signature over another separator", f"t={NOW},v1={hex_mac(SECRET, f'{NOW}:'.encode() + BODY)}", error("no_matching_signature"), value)
    add("other-timestamp", "the header's timestamp changed after signing", f"t={NOW + 1},v1={good}", error("no_matching_signature"), value)

    # Secrets
    add("wrong-secret", "signed with another secret", f"t={NOW},v1={v1(secret='whsec_of_somebody_else_entirely')}", error("no_matching_signature"), rotation)
    add("secret-without-prefix", "whsec_ is part of the key", f"t={NOW},v1={v1(secret=SECRET.removeprefix('whsec_'))}", error("no_matching_signature"), rotation)
    two = [SECRET, OLD_SECRET]
    add("two-secrets-new", "V-54: signed by the new secret", f"t={NOW},v1={good}", ok("v1", key_index=0), rotation, secrets=two)
    add("two-secrets-old", "V-54: signed by the old secret", f"t={NOW},v1={v1(secret=OLD_SECRET)}", ok("v1", key_index=1), rotation, secrets=two)
    add("two-secrets-both", "V-54: signed by both, old one first", f"t={NOW},v1={v1(secret=OLD_SECRET)},v1={good}", ok("v1", key_index=0), rotation, secrets=two)
    add("two-signatures-one-known", "V-54: signed by both, one of them known here", f"t={NOW},v1={good},v1={v1(secret=OLD_SECRET)}", ok("v1", key_index=0), rotation, secrets=[OLD_SECRET])
    add("two-secrets-neither", "V-54: signed by neither", f"t={NOW},v1={v1(secret='x')}", error("no_matching_signature"), rotation, secrets=two)
    add("secret-unicode", "a secret beyond ASCII is its UTF-8 bytes", f"t={NOW},v1={v1(secret='schlüssel-ключ-🔑')}", accepted, rotation, secrets=["schlüssel-ключ-🔑"])
    add("secret-one-character", "short text keys are the provider's choice", f"t={NOW},v1={v1(secret='k')}", accepted, rotation, secrets=["k"])
    add("secret-longer-than-block", "a key longer than the hash's block", f"t={NOW},v1={v1(secret='k' * 200)}", accepted, rotation, secrets=["k" * 200])

    # Bodies
    for name, body, comment in [
        ("empty", b"", "V-58: an empty body"), ("bom", b"\xef\xbb\xbf{}", "V-59: a byte order mark that was signed"),
        ("invalid-utf8", b'{"a":"\xff\xfe"}', "V-60: bytes that are not UTF-8"), ("nul", b"\0a\0", "NUL bytes"), ("crlf", b'{\r\n"a":1\r\n}\r\n', "line ends"),
        ("unicode", '{"name":"Łukasz 😀"}'.encode(), "text beyond ASCII"), ("all-bytes", bytes(range(256)), "every byte"),
        ("dots", b"..1700000000.", "a body that looks like the separator"),
    ]:
        add(f"body-{name}", f"{comment}, correctly signed", f"t={NOW},v1={v1(body)}", accepted, raw, body=body)
    for name, body, sent, comment in [
        ("bom-added", b"{}", b"\xef\xbb\xbf{}", "V-59: a byte order mark added"), ("bom-removed", b"\xef\xbb\xbf{}", b"{}", "V-59: a byte order mark removed"),
        ("other-invalid-byte", b"\xff", b"\xfe", "V-61: an invalid byte replaced by another"), ("replacement-character", b"\xff", "\ufffd".encode(), "V-61: an invalid byte replaced by U+FFFD"),
        ("crlf-to-lf", b"{\r\n}", b"{\n}", "V-62: line ends changed"), ("indented", b'{"a":1}', b'{\n  "a": 1\n}', "V-62: indented"),
        ("keys-reordered", b'{"b":1,"a":2}', b'{"a":2,"b":1}', "V-62: keys in another order"), ("number-shortened", b'{"a":1.0}', b'{"a":1}', "V-62: 1.0 written as 1"),
        ("unescaped", rb'{"a":"\u00e9"}', '{"a":"é"}'.encode(), "V-62: an escape written as the character"), ("newline-added", b"{}", b"{}\n", "a final line end added"),
        ("truncated", BODY, BODY[:-1], "the last byte missing"), ("emptied", BODY, b"", "the body missing"), ("tampered", BODY, BODY.replace(b"9.99", b"0.01"), "one value changed"),
    ]:
        add(f"body-{name}", f"{comment} after signing", f"t={NOW},v1={v1(body)}", error("no_matching_signature"), raw, body=sent)

    # Size of the body
    add("max-body-equal", "a body as long as allowed", f"t={NOW},v1={good}", accepted, limits, max_body=len(BODY))
    add("max-body-exceeded", "a body one byte longer", f"t={NOW},v1={good}", error("body_too_large"), limits, max_body=len(BODY) - 1)
    add("max-body-zero", "no body allowed, and none sent", f"t={NOW},v1={v1(b'')}", accepted, limits, max_body=0, body=b"")
    suite.add("max-body-first", "judged before everything else", error("body_too_large"), flags=(order,), headers=[], max_body=3)

    # The order of the checks
    add("order-large-before-bytes", "too large and with a forbidden byte", f"t={NOW},v1={good},x=\u00e9" + "a" * 8192, error("header_too_large"), order)
    suite.add("order-twice-before-large", "twice and too large", error("malformed_header"), flags=(order,), headers=[[header, "a" * 9000]] * 2)
    add("order-bytes-before-count", "a forbidden byte and too many elements", ",".join(["x=\n"] * 65), error("malformed_header"), order)
    add("order-count-before-form", "too many elements, none well formed", ",".join(["x"] * 65), error("too_many_signatures"), order)
    add("order-count-before-timestamp", "too many values and no timestamp", ",".join([f"v1={good}"] * 33), error("too_many_signatures"), order)
    add("order-timestamp-before-version", "no timestamp and no known version", "v9=1", error("missing_timestamp"), order)
    add("order-duplicate-before-form", "two timestamps, both malformed", f"t=a,t=b,v1={good}", error("duplicate_timestamp"), order)
    add("order-form-before-version", "a malformed timestamp and no known version", "t=a,v9=1", error("malformed_timestamp"), order)
    add("order-version-before-window", "a stale timestamp and no known version", "t=1,v9=1", error("unsupported_version"), order)
    add("order-value-before-window", "a stale timestamp and a malformed signature", "t=1,v1=zz", error("malformed_signature"), order)
    add("order-mac-before-window", "a stale timestamp and a wrong signature", f"t=1,v1={good}", error("no_matching_signature"), order)

    # Replay
    replay = suite.note("Replay", "With a replay guard the second delivery of one message is refused.")
    add("replayed", "V-69: the same delivery twice", f"t={NOW},v1={good}", error("replayed"), replay, repeat=2)
    add("replayed-stale", "a stale message claims nothing", f"t={NOW},v1={good}", error("timestamp_too_old"), replay, repeat=2, now=NOW + 301)
    add("replayed-wrong", "a forged message claims nothing", f"t={NOW},v1={flip_hex(good, 3)}", error("no_matching_signature"), replay, repeat=2)
    add("replay-without-window", "a guard needs the window", f"t={NOW},v1={good}", error("invalid_config"), replay, repeat=2, dangerously_ignore_timestamp=True)

    # Require
    required = suite.note("Require", "`require` names the weakest version that is accepted.")
    add("require-v1", "the version that was sent", f"t={NOW},v1={good}", accepted, required, require="v1")
    add("require-unknown", "a version that the scheme does not list", f"t={NOW},v1={good}", error("invalid_config"), required, require="v7")
    return suite


def families() -> list[Suite]:
    return [build("stripe", "Stripe-Signature"), hookseal(build("hookseal", "X-Webhook-Signature"))]


def hookseal(suite: Suite) -> Suite:
    """What the default scheme adds: v2, which covers the id and the event type."""
    covered = suite.note("CoveredFields", "v2 covers the id and the event type; v1 does not, and then they are not handed on.")
    downgrade = suite.note("Downgrade", "The strongest acceptable version that is present decides alone.")
    id, event = "evt_1", "order.paid"
    v1 = hex_mac(SECRET, f"{NOW}.".encode() + BODY)

    def v2(id: str = id, event: str = event, body: bytes = BODY, secret: str = SECRET) -> str:
        return hex_mac(secret, f"v2:{NOW}:{id}:{event}:".encode() + body)

    def headers(text: str, id: str | None = id, event: str | None = event, *more: list[str]) -> list[list[str]]:
        rest = [["X-Webhook-Id", id]] if id is not None else []
        rest += [["X-Webhook-Event", event]] if event is not None else []
        return [["X-Webhook-Signature", text], *rest, *more]

    def add(id: str, comment: str, expect: Expectation, sent: list[list[str]], flag: str = covered, **fields: object) -> None:
        suite.add(f"v2-{id}", comment, expect, flags=(flag,), headers=sent, **fields)

    both = f"t={NOW},v2={v2()},v1={v1}"
    full = ok("v2", id=id, event_type=event)
    large = b"a" * 65537
    weak = ok("v1")
    add("both", "v2 and v1, as the signer writes them", full, headers(both))
    add("alone", "v2 without v1", full, headers(f"t={NOW},v2={v2()}"))
    add("order-free", "v1 before v2", full, headers(f"v1={v1},v2={v2()},t={NOW}"))
    add("lower-case-names", "header names have no case", full, [[name.lower(), value] for name, value in headers(both)])
    add("old-secret", "signed by the older of two secrets", ok("v2", id=id, event_type=event, key_index=1), headers(both), secrets=["whsec_the_newer_one_of_both", SECRET])
    add("two-keys-two-versions", "two secrets and both versions", full, headers(f"t={NOW},v2={v2()},v2={v2(secret=OLD_SECRET)},v1={v1}"), secrets=[SECRET, OLD_SECRET])
    add("empty-body", "an empty body", full, headers(f"t={NOW},v2={v2(body=b'')}"), body=b"")
    add("large-body", "a body beyond 64 KiB", full, headers(f"t={NOW},v2={v2(body=large)}"), body=large)
    add("timestamp-header-ignored", "X-Webhook-Timestamp is written and never read", full, headers(both, id, event, ["X-Webhook-Timestamp", "1"]))
    add("id-256", "the longest id", ok("v2", id="i" * 256, event_type=event), headers(f"t={NOW},v2={v2('i' * 256)}", "i" * 256))
    add("event-256", "the longest event type", ok("v2", id=id, event_type="e" * 256), headers(f"t={NOW},v2={v2(event='e' * 256)}", id, "e" * 256))
    add("punctuation", "visible ASCII is free but for the separators", ok("v2", id="!#/;=~_-", event_type="a.b/c;d"), headers(f"t={NOW},v2={v2('!#/;=~_-', 'a.b/c;d')}", "!#/;=~_-", "a.b/c;d"))
    add("id-changed", "the id changed after signing", error("no_matching_signature"), headers(both, "evt_2"))
    add("event-changed", "the event type changed after signing", error("no_matching_signature"), headers(both, id, "order.refunded"))
    add("body-changed", "the body changed after signing", error("no_matching_signature"), headers(both), body=BODY + b" ")
    add("swapped", "id and event type exchanged", error("no_matching_signature"), headers(f"t={NOW},v2={v2('a', 'b')}", "b", "a"))
    add("id-case", "an id has case", error("no_matching_signature"), headers(both, "EVT_1"))
    for name, bad in [("full-stop", "evt.1"), ("colon", "evt:1"), ("comma", "evt,1"), ("blank", "evt 1"), ("leading-blank", " evt_1"),
                      ("tab", "evt\t1"), ("empty", ""), ("257", "i" * 257), ("newline", "evt\n1"), ("delete", "evt\x7f")]:
        add(f"id-{name}", "V-44: an id that breaks the character rule, correctly signed", error("malformed_header"), headers(f"t={NOW},v2={v2(bad)},v1={v1}", bad))
    add("id-high-byte", "V-44: an id beyond ASCII", error("malformed_header"), headers(f"t={NOW},v2={v2('é')}", as_header("é")))
    for name, bad in [("colon", "order:paid"), ("comma", "a,b"), ("blank", "order paid"), ("empty", ""), ("257", "e" * 257)]:
        add(f"event-{name}", "an event type that breaks the character rule, correctly signed", error("malformed_header"), headers(f"t={NOW},v2={v2(event=bad)},v1={v1}", id, bad))
    add("id-twice", "the id header twice", error("malformed_header"), headers(both, id, event, ["X-Webhook-Id", id]))
    add("id-twice-cases", "the id header twice, in two spellings", error("malformed_header"), headers(both, id, event, ["x-webhook-id", id]))
    add("event-twice", "the event type header twice", error("malformed_header"), headers(both, id, event, ["X-Webhook-Event", event]))

    add("v1-only-hides-fields", "V-46: v2 stripped: accepted as v1, and neither id nor type is handed on", weak, headers(f"t={NOW},v1={v1}"), downgrade)
    add("v1-only-bad-id", "an id that v1 does not cover is not judged", weak, headers(f"t={NOW},v1={v1}", "a b"), downgrade)
    add("v1-only-id-twice", "nor counted", weak, headers(f"t={NOW},v1={v1}", id, event, ["X-Webhook-Id", "x"]), downgrade)
    add("wrong-v2-right-v1", "V-45: a right v1 does not rescue a wrong v2", error("no_matching_signature"), headers(f"t={NOW},v2={flip_hex(v2(), 0)},v1={v1}"), downgrade)
    add("malformed-v2-right-v1", "V-45: nor a malformed one", error("malformed_signature"), headers(f"t={NOW},v2=abc,v1={v1}"), downgrade)
    add("empty-v2-right-v1", "V-45: nor an empty one", error("malformed_signature"), headers(f"t={NOW},v2=,v1={v1}"), downgrade)
    add("right-v2-wrong-v1", "a wrong v1 beside a right v2 is not looked at", full, headers(f"t={NOW},v2={v2()},v1={flip_hex(v1, 0)}"), downgrade)
    add("v1-value-as-v2", "a v1 MAC under v2", error("no_matching_signature"), headers(f"t={NOW},v2={v1}"), downgrade)
    add("v2-value-as-v1", "a v2 MAC under v1", error("no_matching_signature"), headers(f"t={NOW},v1={v2()}"), downgrade)
    add("id-absent-v1-beside", "the id header was removed: v2 can not be judged, v1 is", weak, headers(both, None), downgrade)
    add("event-absent-v1-beside", "the event type header was removed", weak, headers(both, id, None), downgrade)
    add("id-absent-alone", "v2 alone without its id", error("unsupported_version"), headers(f"t={NOW},v2={v2()}", None), downgrade)
    add("event-absent-alone", "v2 alone without its event type", error("unsupported_version"), headers(f"t={NOW},v2={v2()}", id, None), downgrade)
    add("v1-text-forged-as-v2", "a body under v1 whose text reads like v2's", ok("v1"), headers(f"t={NOW},v1={hex_mac(SECRET, f'{NOW}.v2:{NOW}:a:b:c')}"), downgrade, body=f"v2:{NOW}:a:b:c".encode())
    add("values-mixed-32", "v1 and v2 share the limit of 32 values", full, headers(f"t={NOW},v2={v2()}" + f",v2={'0' * 64}" * 15 + f",v1={v1}" * 16), downgrade)
    add("values-mixed-33", "33 values over both versions", error("too_many_signatures"), headers(f"t={NOW},v2={v2()}" + f",v2={'0' * 64}" * 16 + f",v1={v1}" * 16), downgrade)

    add("require", "v2 required and sent", full, headers(both), downgrade, require="v2")
    add("require-stripped", "V-46: v2 required and stripped", error("unsupported_version"), headers(f"t={NOW},v1={v1}"), downgrade, require="v2")
    add("require-stripped-no-id", "V-47: v2 required, and neither it nor the id was sent", error("unsupported_version"), headers(f"t={NOW},v1={v1}", None, None), downgrade, require="v2")
    add("require-id-removed", "v2 required, and its id removed", error("missing_header"), headers(both, None), downgrade, require="v2")
    add("require-event-removed", "v2 required, and its event type removed", error("missing_header"), headers(both, id, None), downgrade, require="v2")
    add("require-v1-id-removed", "v1 required: v1 can still be judged", weak, headers(both, None), downgrade, require="v1")
    add("require-v1-alone-removed", "v1 required, v2 sent alone and its id removed", error("missing_header"), headers(f"t={NOW},v2={v2()}", None), downgrade, require="v1")
    add("require-values-uncounted", "values of a version that is too weak count only as elements", full, headers(f"t={NOW},v2={v2()}" + f",v1={v1}" * 40), downgrade, require="v2")

    replay = suite.note("Replay", "With a replay guard the second delivery of one message is refused.")
    add("replayed", "the same v2 delivery twice", error("replayed"), headers(both), replay, repeat=2)
    add("stale", "v2 is subject to the window", error("timestamp_too_old"), headers(both), now=NOW + 301)
    return suite
