"""Standard Webhooks and Svix: the grammar `v1,… v1a,…`, base64 keys, and Ed25519."""

from __future__ import annotations

import base64

import ed25519
from suite import BODY, NOW, Expectation, Suite, as_header, b64, b64_mac, error, hex_mac, mac, ok

KEY = b"a key of exactly 32 bytes, so ok"
OLD_KEY = b"the key that was used before it."
SECRET = "whsec_" + b64(KEY)
OLD_SECRET = "whsec_" + b64(OLD_KEY)
SEED = b"seed of the Ed25519 vectors, 32b"
OTHER_SEED = b"another seed for Ed25519 vectors"
PUBLIC = ed25519.public_key(SEED)
WHPK = "whpk_" + b64(PUBLIC)
OTHER_WHPK = "whpk_" + b64(ed25519.public_key(OTHER_SEED))
ID = "msg_1"


def text(id: str = ID, t: object = NOW, body: bytes = BODY) -> bytes:
    return f"{id}.{t}.".encode() + body


def v1(id: str = ID, t: object = NOW, body: bytes = BODY, key: bytes = KEY) -> str:
    return "v1," + b64_mac(key, text(id, t, body))


def v1a(id: str = ID, t: object = NOW, body: bytes = BODY, seed: bytes = SEED) -> str:
    return "v1a," + b64(ed25519.sign(seed, text(id, t, body)))


def families() -> list[Suite]:
    return [build("standard-webhooks", "webhook-"), build("svix", "svix-")]


def build(scheme: str, prefix: str) -> Suite:
    suite = Suite(scheme, scheme=scheme, secrets=[SECRET])
    form = suite.note("TimestampForm", "Only 0 or up to twelve ASCII digits without a leading zero are a timestamp; its own header is not trimmed.")
    window = suite.note("Window", "The distance between now and the timestamp is judged in both directions, edges included.")
    covered = suite.note("CoveredFields", "The id is signed: it must be there once, and follow the character rule.")
    grammar = suite.note("Grammar", "Elements are separated by blanks and divided at their first comma.")
    strict = suite.note("StrictBase64", "Standard alphabet, padded, no blanks, no spare bits: one spelling per signature.")
    rotation = suite.note("Rotation", "Several secrets, newest first; the result says which one matched.")
    downgrade = suite.note("Downgrade", "The strongest acceptable version that is present decides alone; keys are typed.")
    limits = suite.note("Limits", "Bounds that are checked before any MAC is computed.")
    derivation = suite.note("KeyDerivation", "A plain string is base64, with or without whsec_; a typed key says what it is.")
    edges = suite.note("StrictEd25519", "Reduced scalars, no points of small order.")
    replay = suite.note("Replay", "With a replay guard the second delivery of one message is refused.")

    def headers(signature: str | None, id: str | None = ID, t: str | None = str(NOW), *more: list[str]) -> list[list[str]]:
        given = [("id", id), ("timestamp", t), ("signature", signature)]
        return [[prefix + name, value] for name, value in given if value is not None] + list(more)

    def add(id: str, comment: str, expect: Expectation, sent: list[list[str]], flag: str, **fields: object) -> None:
        suite.add(id, comment, expect, flags=(flag,), headers=sent, **fields)

    accepted = ok("v1", id=ID)
    accepted_v1a = ok("v1a", id=ID)
    good = v1()
    add("accepted", "as the specification's libraries write it", accepted, headers(good), grammar)
    add("names-upper-case", "header names have no case", accepted, [[name.upper(), value] for name, value in headers(good)], grammar)
    add("empty-body", "an empty body", accepted, headers(v1(body=b"")), grammar, body=b"")
    add("binary-body", "a body that is not UTF-8", accepted, headers(v1(body=b"\xff\0\xfe")), grammar, body=b"\xff\0\xfe")
    add("secret-without-prefix", "the secret without whsec_", accepted, headers(good), derivation, secrets=[b64(KEY)])
    add("secret-typed-base64", "a typed base64 key with whsec_", accepted, headers(good), derivation, secrets=[{"type": "base64", "value": SECRET}])
    add("secret-typed-base64-bare", "and without", accepted, headers(good), derivation, secrets=[{"type": "base64", "value": b64(KEY)}])
    add("secret-typed-bytes", "the key's bytes", accepted, headers(good), derivation, secrets=[{"type": "bytes", "value": b64(KEY)}])
    add("secret-typed-hex", "the key in hex", accepted, headers(good), derivation, secrets=[{"type": "hex", "value": KEY.hex()}])
    add("secret-typed-hex-upper", "and in upper case", accepted, headers(good), derivation, secrets=[{"type": "hex", "value": KEY.hex().upper()}])
    add("secret-typed-utf8", "a typed text key overrides the scheme's rule", accepted, headers(v1(key=SECRET.encode())), derivation, secrets=[{"type": "utf8", "value": SECRET}])
    add("secret-as-text", "the best known accident: signed with the whole string as the key", error("no_matching_signature"), headers(v1(key=SECRET.encode())), derivation)
    add("secret-16-bytes", "the shortest decoded key", accepted, headers(v1(key=b"k" * 16)), derivation, secrets=["whsec_" + b64(b"k" * 16)])
    add("secret-15-bytes", "one byte shorter", error("malformed_secret"), headers(good), derivation, secrets=["whsec_" + b64(b"k" * 15)])

    add("id-changed", "another id", error("no_matching_signature"), headers(good, "msg_2"), covered)
    add("body-changed", "another body", error("no_matching_signature"), headers(good), covered, body=BODY + b"\n")
    add("timestamp-changed", "another timestamp", error("no_matching_signature"), headers(good, ID, str(NOW - 1)), covered)
    add("wrong-secret", "another secret", error("no_matching_signature"), headers(v1(key=OLD_KEY)), covered)
    add("no-id", "no id", error("missing_header"), headers(good, None), covered)
    add("no-timestamp", "no timestamp", error("missing_timestamp"), headers(good, ID, None), covered)
    add("no-id-no-timestamp", "neither: the timestamp is asked for first", error("missing_timestamp"), headers(good, None, None), covered)
    add("no-signature", "no signature", error("missing_header"), headers(None), covered)
    add("id-twice", "two ids", error("malformed_header"), headers(good, ID, str(NOW), [prefix + "id", ID]), covered)
    add("timestamp-twice", "two timestamps", error("duplicate_timestamp"), headers(good, ID, str(NOW), [prefix + "timestamp", str(NOW)]), covered)
    add("signature-twice", "two signature headers", error("malformed_header"), headers(good, ID, str(NOW), [prefix + "signature", good]), covered)
    add("signature-twice-cases", "in two spellings", error("malformed_header"), headers(good, ID, str(NOW), [(prefix + "signature").upper(), good]), covered)
    add("id-256", "the longest id", ok("v1", id="m" * 256), headers(v1("m" * 256), "m" * 256), covered)
    for name, bad in [("257", "m" * 257), ("empty", ""), ("full-stop", "msg.1"), ("colon", "msg:1"), ("comma", "msg,1"), ("blank", "msg 1"), ("trailing-blank", "msg_1 "), ("tab", "msg\t1")]:
        add(f"id-{name}", "V-44: an id that breaks the character rule, correctly signed", error("malformed_header"), headers(v1(bad), bad), covered)
    add("id-high-byte", "an id beyond ASCII", error("malformed_header"), headers(v1("é"), as_header("é")), covered)
    add("ambiguous-id", "V-44: the same text cut elsewhere: id a.1 with 2", error("malformed_timestamp"), headers(v1("a", "1.2"), "a", "1.2"), covered)
    add("ambiguous-id-other", "V-44: and id a with 1.2", error("malformed_header"), headers(v1("a.1", "2"), "a.1", "2"), covered)

    add("age-300", "V-2: exactly as old as the tolerance", accepted, headers(good), window, now=NOW + 300)
    add("age-301", "V-3: one second older", error("timestamp_too_old"), headers(good), window, now=NOW + 301)
    add("ahead-300", "V-4: exactly as far ahead", accepted, headers(good), window, now=NOW - 300)
    add("ahead-301", "V-5: one second further", error("timestamp_in_future"), headers(good), window, now=NOW - 301)
    add("epoch", "V-15: timestamp 0", error("timestamp_too_old"), headers(v1(t=0), ID, "0"), window)
    add("window-off", "the window switched off", accepted, headers(good), window, dangerously_ignore_timestamp=True, now=1)
    for name, bad in [
        ("letters", "abc"), ("empty", ""), ("plus", f"+{NOW}"), ("minus", f"-{NOW}"), ("leading-zero", f"0{NOW}"), ("fraction", f"{NOW}.9"), ("exponent", "1.7e9"),
        ("underscores", "1_700_000_000"), ("hex", "0x6553f100"), ("leading-blank", f" {NOW}"), ("trailing-blank", f"{NOW} "), ("trailing-tab", f"{NOW}\t"), ("junk", f"{NOW}abc"),
        ("milliseconds", f"{NOW}000"), ("thirteen-digits", "1000000000000"), ("two-to-64", str(2**64)), ("300-digits", "9" * 300), ("joined", f"{NOW}, {NOW}"),
    ]:
        add(f"timestamp-{name}", "V-6 to V-16: not canonical, correctly signed over that text", error("malformed_timestamp"), headers(v1(t=bad), ID, bad), form)
    add("timestamp-arabic-indic", "V-13: digits beyond ASCII", error("malformed_timestamp"), headers(v1(t="١٧٠٠٠٠٠٠٠٠"), ID, as_header("١٧٠٠٠٠٠٠٠٠")), form)
    add("timestamp-full-width", "V-13: full-width digits", error("malformed_timestamp"), headers(v1(t="１７００００００００"), ID, as_header("１７００００００００")), form)

    value = good.removeprefix("v1,")
    for name, bad in [("empty", ""), ("blanks", " \t "), ("word", "foo"), ("version-alone", "v1"), ("no-label", f",{value}"), ("bare-value", value)]:
        add(f"signature-{name}", "V-22, V-23: no well-formed element", error("malformed_header"), headers(bad), grammar)
    add("signature-two-commas", "V-23: the value is everything after the first comma", error("malformed_signature"), headers("v1,a,b"), grammar)
    add("signature-stray-word", "V-23: a word beside a good element", accepted, headers(f"foo {good} v1"), grammar)
    add("signature-many-blanks", "blanks and tabs between elements", accepted, headers(f"  v9,x \t  {good}  "), grammar)
    add("signature-comma-separated", "elements joined by a comma are one element", error("malformed_signature"), headers(f"{good},{good}"), grammar)
    add("signature-comma-blank", "as frameworks join two header lines", error("malformed_signature"), headers(f"{good}, {good},"), grammar)
    add("signature-equals", "v1= is another grammar", error("malformed_header"), headers(f"v1={value}"), grammar)
    add("signature-upper-label", "labels have case", error("unsupported_version"), headers(f"V1,{value}"), grammar)
    add("signature-unknown-version", "V-30: only unknown versions", error("unsupported_version"), headers(f"v2,{value} v0,{value}"), grammar)
    add("signature-empty-value", "V-40: an empty value", error("malformed_signature"), headers("v1,"), grammar)
    add("signature-high-byte", "V-35: a byte beyond ASCII", error("malformed_header"), headers(as_header(f"v1,é{value[1:]}")), grammar)
    add("signature-newline", "V-41: a line end", error("malformed_header"), headers(f"{good}\n"), grammar)

    spare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    urlsafe_id = next(f"msg_{n}" for n in range(100) if "+" in v1(f"msg_{n}") and "/" in v1(f"msg_{n}"))
    add("base64-plus-and-slash", "a signature with + and /", ok("v1", id=urlsafe_id), headers(v1(urlsafe_id), urlsafe_id), strict)
    add("base64-url-safe", "V-41: the same in the URL-safe alphabet", error("malformed_signature"), headers(v1(urlsafe_id).replace("+", "-").replace("/", "_"), urlsafe_id), strict)
    add("base64-no-padding", "V-41: no padding", error("malformed_signature"), headers(good.rstrip("=")), strict)
    add("base64-more-padding", "V-41: too much padding", error("malformed_signature"), headers(good + "="), strict)
    add("base64-spare-bits", "V-41: the unused bits of the last digit are not zero", error("malformed_signature"),
        headers("v1," + value[:42] + spare[spare.index(value[42]) + 1] + "="), strict)
    add("base64-blank-inside", "V-41: a blank inside cuts the element in two", error("malformed_signature"), headers(f"v1,{value[:20]} {value[20:]}"), strict)
    add("base64-short", "V-38: one byte short", error("malformed_signature"), headers("v1," + b64(base64.b64decode(value)[:31])), strict)
    add("base64-long", "V-38: one byte more", error("malformed_signature"), headers("v1," + b64(base64.b64decode(value) + b"x")), strict)
    add("hex-for-base64", "the right MAC in hex", error("malformed_signature"), headers("v1," + hex_mac(KEY, text())), strict)
    add("bit-first", "V-37: the first bit changed", error("no_matching_signature"), headers("v1," + b64(bytes([base64.b64decode(value)[0] ^ 128]) + base64.b64decode(value)[1:])), strict)
    add("bit-last", "V-37: the last bit changed", error("no_matching_signature"), headers("v1," + b64(base64.b64decode(value)[:31] + bytes([base64.b64decode(value)[31] ^ 1]))), strict)
    add("malformed-beside", "a malformed value beside a good one", accepted, headers(f"v1,abc {good}"), strict)

    two = [SECRET, OLD_SECRET]
    add("two-secrets-new", "V-54: signed by the new secret", accepted, headers(good), rotation, secrets=two)
    add("two-secrets-old", "V-54: signed by the old secret", ok("v1", id=ID, key_index=1), headers(v1(key=OLD_KEY)), rotation, secrets=two)
    add("two-secrets-both", "V-54: signed by both", accepted, headers(f"{v1(key=OLD_KEY)} {good}"), rotation, secrets=two)
    add("two-signatures-old-receiver", "V-54: signed by both, the receiver knows the old secret", accepted, headers(f"{good} {v1(key=OLD_KEY)}"), rotation, secrets=[OLD_SECRET])

    add("v1a-accepted", "an Ed25519 signature", accepted_v1a, headers(v1a()), downgrade, secrets=[WHPK])
    add("v1a-empty-body", "over an empty body", accepted_v1a, headers(v1a(body=b"")), downgrade, secrets=[WHPK], body=b"")
    add("v1a-typed-key", "a typed public key", accepted_v1a, headers(v1a()), downgrade, secrets=[{"type": "ed25519_public", "value": WHPK}])
    add("v1a-second-key", "the older of two public keys", ok("v1a", id=ID, key_index=1), headers(v1a()), downgrade, secrets=[OTHER_WHPK, WHPK])
    add("v1a-and-v1", "both versions and both kinds of key: the stronger decides", ok("v1a", id=ID, key_index=1), headers(f"{good} {v1a()}"), downgrade, secrets=[SECRET, WHPK])
    add("v1a-unknown-to-holder-of-secret", "v1a beside v1, and only a shared secret here", accepted, headers(f"{v1a()} {good}"), downgrade)
    add("v1a-wrong-v1-right", "V-45: a right v1 does not rescue a wrong v1a", error("no_matching_signature"), headers(f"{v1a(seed=OTHER_SEED)} {good}"), downgrade, secrets=[SECRET, WHPK])
    add("v1a-malformed-v1-right", "V-45: nor a malformed one", error("malformed_signature"), headers(f"v1a,abc {good}"), downgrade, secrets=[SECRET, WHPK])
    add("v1a-stripped", "V-46: both kinds held, v1a stripped", accepted, headers(good), downgrade, secrets=[SECRET, WHPK])
    add("v1a-stripped-required", "V-46: and v1a required", error("unsupported_version"), headers(good), downgrade, secrets=[SECRET, WHPK], require="v1a")
    add("v1a-required", "v1a required and sent", accepted_v1a, headers(f"{v1a()} {good}"), downgrade, secrets=[WHPK, SECRET], require="v1a")
    add("v1a-required-no-key", "v1a required and no key for it", error("unsupported_version"), headers(f"{v1a()} {good}"), downgrade, require="v1a")
    add("algorithm-confusion", "V-48: v1 keyed with the public key's bytes, and only the public key held", error("unsupported_version"), headers(v1(key=PUBLIC)), downgrade, secrets=[WHPK])
    add("algorithm-confusion-both", "V-48: the same, and a shared secret held too", error("no_matching_signature"), headers(v1(key=PUBLIC)), downgrade, secrets=[SECRET, WHPK])
    add("v1a-with-secret-only", "only v1a sent, only a shared secret held", error("unsupported_version"), headers(v1a()), downgrade)
    add("v1a-wrong-key", "another public key", error("no_matching_signature"), headers(v1a()), downgrade, secrets=[OTHER_WHPK])
    add("v1a-body-changed", "another body", error("no_matching_signature"), headers(v1a()), downgrade, secrets=[WHPK], body=b"{}")
    add("v1a-mac-as-signature", "a MAC twice over is as long as a signature", error("no_matching_signature"), headers("v1a," + b64(mac(PUBLIC, text()) * 2)), downgrade, secrets=[WHPK])
    add("v1a-stale", "the window holds for v1a", error("timestamp_too_old"), headers(v1a()), downgrade, secrets=[WHPK], now=NOW + 301)
    add("v1a-secret-given-private", "a verifier takes no private key", error("malformed_secret"), headers(v1a()), downgrade, secrets=["whsk_" + b64(SEED)])
    add("v1a-secret-typed-private", "nor a typed one", error("malformed_secret"), headers(v1a()), downgrade, secrets=[{"type": "ed25519_private", "value": "whsk_" + b64(SEED)}])

    raw = ed25519.sign(SEED, text())
    unreduced = raw[:32] + (int.from_bytes(raw[32:], "little") + ed25519.ORDER).to_bytes(32, "little")
    add("v1a-unreduced", "the same signature with S + L", error("no_matching_signature"), headers("v1a," + b64(unreduced)), edges, secrets=[WHPK])
    add("v1a-zeros", "64 zero bytes", error("no_matching_signature"), headers("v1a," + b64(bytes(64))), edges, secrets=[WHPK])
    add("v1a-neutral", "R is the neutral point, S is 0", error("no_matching_signature"), headers("v1a," + b64(b"\1" + bytes(63))), edges, secrets=[WHPK])
    add("v1a-63-bytes", "one byte short", error("malformed_signature"), headers("v1a," + b64(raw[:63])), edges, secrets=[WHPK])
    add("v1a-65-bytes", "one byte more", error("malformed_signature"), headers("v1a," + b64(raw + b"\0")), edges, secrets=[WHPK])
    add("v1a-r-changed", "one bit of R changed", error("no_matching_signature"), headers("v1a," + b64(bytes([raw[0] ^ 1]) + raw[1:])), edges, secrets=[WHPK])
    add("v1a-s-changed", "one bit of S changed", error("no_matching_signature"), headers("v1a," + b64(raw[:32] + bytes([raw[32] ^ 1]) + raw[33:])), edges, secrets=[WHPK])

    junk = "v1a," + b64(bytes(64))
    add("v1a-4-values", "four Ed25519 values, the last one correct", accepted_v1a, headers(" ".join([junk] * 3 + [v1a()])), limits, secrets=[WHPK])
    add("v1a-5-values", "five", error("too_many_signatures"), headers(" ".join([v1a()] + [junk] * 4)), limits, secrets=[WHPK])
    add("v1a-5-values-unaccepted", "five, where v1a is not accepted", accepted, headers(" ".join([junk] * 5 + [good])), limits)
    wrong = "v1," + b64(bytes(32))
    add("values-32", "V-33: 32 values, the last one correct", accepted, headers(" ".join([wrong] * 31 + [good])), limits)
    add("values-33", "V-32: 33 values", error("too_many_signatures"), headers(" ".join([good] + [wrong] * 32)), limits)
    add("elements-64", "64 elements", accepted, headers(" ".join(["x,1"] * 63 + [good])), limits)
    add("elements-65", "65 elements", error("too_many_signatures"), headers(" ".join(["x,1"] * 64 + [good])), limits)
    add("header-8192", "V-31: the longest header", accepted, headers(good + " x," + "a" * (8192 - len(good) - 3)), limits)
    add("header-8193", "V-31: one byte more", error("header_too_large"), headers(good + " x," + "a" * (8193 - len(good) - 3)), limits)

    add("replayed", "V-69: the same delivery twice", error("replayed"), headers(good), replay, repeat=2)
    add("replayed-v1a", "V-69: with Ed25519", error("replayed"), headers(v1a()), replay, secrets=[WHPK], repeat=2)
    add("replay-without-window", "a guard needs the window", error("invalid_config"), headers(good), replay, repeat=2, dangerously_ignore_timestamp=True)
    return suite
