"""Secrets and rings: what is refused when a verifier is made, which keys are live, and what is never guessed."""

from __future__ import annotations

from typing import Any

import ed25519
from suite import BODY, NOW, OLD_SECRET, SECRET, Expectation, Suite, b64, error, hex_mac, ok

DOTTED = f"{NOW}.".encode() + BODY
SEEDS = [bytes([number]) * 32 for number in range(1, 7)]


def families() -> list[Suite]:
    return [secrets(), rings(), options()]


def whpk(seed: bytes) -> str:
    return "whpk_" + b64(ed25519.public_key(seed))


def sent(key: str | bytes = SECRET) -> list[list[str]]:
    return [["X-Webhook-Signature", f"t={NOW},v1={hex_mac(key, DOTTED)}"]]


def secrets() -> Suite:
    suite = Suite("secrets", headers=sent())
    accident = suite.note("SecretAccident", "A secret that was pasted wrongly is refused when the verifier is made, not when a webhook comes.")
    typed = suite.note("TypedKey", "A typed key overrides the scheme's rule; utf8 and bytes skip the accident checks.")

    def refuse(id: str, comment: str, scheme: str, secret: Any, code: str = "malformed_secret") -> None:
        suite.add(f"{scheme}-{id}", comment, error(code), flags=(accident,), scheme=scheme, secrets=[secret])

    for scheme in ("hookseal", "stripe", "github", "gitlab", "standard-webhooks", "discord"):
        refuse("empty", "V-50: empty", scheme, "", "empty_secret")
        refuse("blank", "V-50: blank", scheme, "   ", "empty_secret")
        refuse("line-end-only", "V-50: nothing but a line end", scheme, "\n", "empty_secret")
        good = {"standard-webhooks": "whsec_" + b64(b"k" * 24), "discord": ed25519.public_key(SEEDS[0]).hex()}.get(scheme, SECRET)
        for name, text in [("leading-blank", f" {good}"), ("trailing-blank", f"{good} "), ("trailing-newline", f"{good}\n"), ("trailing-crlf", f"{good}\r\n"),
                           ("leading-tab", f"\t{good}"), ("double-quotes", f'"{good}"'), ("single-quotes", f"'{good}'")]:
            refuse(name, f"V-51: {name.replace('-', ' ')}", scheme, text)
    for scheme in ("hookseal", "stripe", "standard-webhooks", "svix"):
        refuse("version-prefix", "V-51: v1,whsec_ pasted whole", scheme, "v1,whsec_" + b64(b"k" * 24))
    for prefix in ("sk_", "rk_", "pk_"):
        for mode in ("live", "test"):
            refuse(f"{prefix}{mode}", "V-53: an API key", "stripe", f"{prefix}{mode}_51H8xyz0123456789abcdef")
    for scheme in ("standard-webhooks", "svix"):
        for name, text in [("not-base64", "whsec_!!!not base64!!!"), ("url-safe", "whsec_" + "-_" * 16), ("no-padding", "whsec_" + b64(b"k" * 23).rstrip("=")),
                           ("short", "whsec_" + b64(b"k" * 15)), ("only-prefix", "whsec_"), ("text-secret", "my-shared-secret"), ("prefix-upper-case", "WHSEC_" + b64(b"k" * 24)),
                           ("blank-inside", "whsec_" + b64(b"k" * 24)[:8] + " " + b64(b"k" * 24)[8:]),
                           ("private-key", "whsk_" + b64(SEEDS[0])), ("private-key-64", "whsk_" + b64(SEEDS[0] + ed25519.public_key(SEEDS[0]))),
                           ("public-short", "whpk_" + b64(b"k" * 31)), ("public-long", "whpk_" + b64(b"k" * 33)), ("public-not-base64", "whpk_***"),
                           ("public-weak", "whpk_" + b64(b"\1" + bytes(31))), ("public-weak-zero", "whpk_" + b64(bytes(32))), ("public-off-curve", "whpk_" + b64(b"\2" + bytes(31)))]:
            refuse(name, f"V-52: {name.replace('-', ' ')}", scheme, text)

    def typed_key(id: str, comment: str, expect: Expectation, secret: dict[str, str], scheme: str = "hookseal", key: str | bytes = SECRET) -> None:
        suite.add(f"typed-{id}", comment, expect, flags=(typed,), scheme=scheme, secrets=[secret], headers=sent(key))

    key = bytes(range(32))
    accepted = ok("v1")
    suite.add("typed-public-hex", "a public key in hex", ok("v1a", id="msg_1"), flags=(typed,), scheme="standard-webhooks",
              secrets=[{"type": "ed25519_public", "value": ed25519.public_key(SEEDS[0]).hex()}],
              headers=[["webhook-id", "msg_1"], ["webhook-timestamp", str(NOW)], ["webhook-signature", "v1a," + b64(ed25519.sign(SEEDS[0], f"msg_1.{NOW}.".encode() + BODY))]])
    unfit = suite.note("UnfitKey", "A key that serves no version of the scheme is refused when the verifier is made.")
    public = {"type": "ed25519_public", "value": whpk(SEEDS[0])}
    for scheme, secret in [("hookseal", public), ("stripe", public), ("github", public), ("gitlab", public), ("discord", {"type": "utf8", "value": SECRET}),
                           ("discord", {"type": "bytes", "value": b64(key)}), ("hookseal", {"type": "ed25519_private", "value": "whsk_" + b64(SEEDS[0])})]:
        suite.add(f"{scheme}-unfit-{secret['type'].replace('_', '-')}", "no version of the scheme uses such a key", error("malformed_secret"), flags=(unfit,), scheme=scheme, secrets=[secret])
    suite.add("hookseal-unfit-beside", "also beside a key that does", error("malformed_secret"), flags=(unfit,), scheme="hookseal", secrets=[SECRET, public])
    suite.add("discord-whpk", "for this scheme a string is hexadecimal digits", error("malformed_secret"), flags=(unfit,), scheme="discord", secrets=[whpk(SEEDS[0])])
    suite.add("discord-base64", "and not base64", error("malformed_secret"), flags=(unfit,), scheme="discord", secrets=[b64(ed25519.public_key(SEEDS[0]))])
    typed_key("utf8", "a text key", accepted, {"type": "utf8", "value": SECRET})
    typed_key("utf8-blanks", "blanks at the ends belong to it", accepted, {"type": "utf8", "value": " k\n"}, key=" k\n")
    typed_key("utf8-quotes", "and quotes", accepted, {"type": "utf8", "value": '"k"'}, key='"k"')
    typed_key("utf8-blank", "even where there is nothing else", accepted, {"type": "utf8", "value": " "}, key=" ")
    typed_key("utf8-empty", "but not an empty one", error("empty_secret"), {"type": "utf8", "value": ""})
    typed_key("bytes", "bytes", accepted, {"type": "bytes", "value": b64(key)}, key=key)
    typed_key("bytes-one", "one byte", accepted, {"type": "bytes", "value": b64(b"k")}, key=b"k")
    typed_key("bytes-zero", "zero bytes are bytes", accepted, {"type": "bytes", "value": b64(bytes(16))}, key=bytes(16))
    typed_key("bytes-empty", "but not none", error("empty_secret"), {"type": "bytes", "value": ""})
    typed_key("base64", "base64 for a scheme that takes text", accepted, {"type": "base64", "value": b64(key)}, key=key)
    typed_key("base64-whsec", "with whsec_", accepted, {"type": "base64", "value": "whsec_" + b64(key)}, key=key)
    typed_key("base64-bad", "not base64", error("malformed_secret"), {"type": "base64", "value": "a-b"})
    typed_key("base64-short", "fewer than 16 bytes", error("malformed_secret"), {"type": "base64", "value": b64(b"k" * 15)})
    typed_key("base64-empty", "empty", error("empty_secret"), {"type": "base64", "value": ""})
    typed_key("base64-newline", "with a line end", error("malformed_secret"), {"type": "base64", "value": b64(key) + "\n"})
    typed_key("hex", "hex for a scheme that takes text", accepted, {"type": "hex", "value": key.hex()}, key=key)
    typed_key("hex-bad", "an odd number of digits", error("malformed_secret"), {"type": "hex", "value": key.hex()[1:]})
    typed_key("hex-short", "fewer than 16 bytes", error("malformed_secret"), {"type": "hex", "value": "ab" * 15})
    typed_key("hex-empty", "empty", error("empty_secret"), {"type": "hex", "value": ""})
    for name, text in [("whsec-is-text", "whsec_" + b64(key)), ("whsk-is-text", "whsk_anything"), ("whpk-is-text", "whpk_anything"), ("base64-is-text", b64(key)),
                       ("hex-is-text", key.hex()), ("one-quote", '"quoted'), ("inner-blank", "two words"), ("sk-is-text", "sk_live_0123456789")]:
        suite.add(f"hookseal-{name}", "nothing is guessed: for this scheme every string is its own bytes", accepted, flags=(typed,), scheme="hookseal", secrets=[text], headers=sent(text))
    return suite


def rings() -> Suite:
    suite = Suite("rings", scheme="hookseal")
    live = suite.note("LiveKeys", "A key counts between its not_before and its not_after, judged by the same now as the window.")
    size = suite.note("RingSize", "A ring holds 1 to 16 keys, and at most 4 of Ed25519.")

    def entry(value: str = SECRET, **fields: Any) -> dict[str, Any]:
        return {"value": value, **fields}

    def add(id: str, comment: str, expect: Expectation, secrets: list[Any], flag: str = live, key: str = SECRET, **fields: Any) -> None:
        suite.add(id, comment, expect, flags=(flag,), secrets=secrets, headers=sent(key), **fields)

    add("id", "a key with an id", ok("v1", key_id="2026-11"), [entry(id="2026-11")])
    add("id-second", "the id of the key that matched", ok("v1", key_index=1, key_id="old"), [entry(OLD_SECRET, id="new"), entry(id="old")])
    add("id-of-one-only", "keys with and without id", ok("v1", key_index=1), [entry(OLD_SECRET, id="new"), SECRET])
    add("not-before-past", "already live", ok("v1"), [entry(not_before=NOW - 1)])
    add("not-before-now", "live from this second on", ok("v1"), [entry(not_before=NOW)])
    add("not-before-future", "not yet live, and the only one", error("unsupported_version"), [entry(not_before=NOW + 1)])
    add("not-after-future", "still live", ok("v1"), [entry(not_after=NOW + 1)])
    add("not-after-past", "no longer live, and the only one", error("unsupported_version"), [entry(not_after=NOW - 1)])
    add("inside", "inside its window", ok("v1"), [entry(not_before=NOW - 10, not_after=NOW + 10)])
    add("expired-previous", "V-55: signed by the previous secret after it expired", error("no_matching_signature"), [OLD_SECRET, entry(not_after=NOW - 1)])
    add("previous-in-overlap", "V-54: and before", ok("v1", key_index=1), [OLD_SECRET, entry(not_after=NOW + 1)])
    add("next-not-yet", "signed by a secret that is not live yet", error("no_matching_signature"), [entry(not_before=NOW + 1), OLD_SECRET])
    add("index-counts-all", "the index counts keys that are not live too", ok("v1", key_index=2), [entry("x", not_before=NOW + 1), entry("y", not_after=NOW - 1), SECRET])
    add("judged-by-now", "live when it was signed, not when it is judged", error("unsupported_version"), [entry(not_after=NOW + 10)], now=NOW + 11)
    add("same-key-twice", "one secret twice: the first one matches", ok("v1"), [SECRET, SECRET])
    add("typed-with-window", "a typed key with an id and a window", ok("v1", key_id="k"), [{"type": "utf8", "value": SECRET, "id": "k", "not_before": 0, "not_after": NOW + 1}])

    add("ids-equal", "two keys with one id", error("invalid_config"), [entry(id="k"), entry(OLD_SECRET, id="k")])
    add("none", "V-56: no secrets", error("invalid_config"), [], size)
    add("sixteen", "16 secrets, the last one right", ok("v1", key_index=15), [f"secret {number}" for number in range(15)] + [SECRET], size)
    add("seventeen", "S-3: 17 secrets", error("invalid_config"), [f"secret {number}" for number in range(16)] + [SECRET], size)
    keys = [whpk(seed) for seed in SEEDS]
    signature = "v1a," + b64(ed25519.sign(SEEDS[3], f"msg_1.{NOW}.".encode() + BODY))
    headers = [["webhook-id", "msg_1"], ["webhook-timestamp", str(NOW)], ["webhook-signature", signature]]
    suite.add("ed25519-four", "four public keys, the last one right", ok("v1a", id="msg_1", key_index=3), flags=(size,), scheme="standard-webhooks", secrets=keys[:4], headers=headers)
    suite.add("ed25519-five", "five", error("invalid_config"), flags=(size,), scheme="standard-webhooks", secrets=keys[:5], headers=headers)
    suite.add("ed25519-not-live", "V-48: a public key that is not live leaves its version unaccepted", error("unsupported_version"), flags=(live,), scheme="standard-webhooks",
              secrets=["whsec_" + b64(b"k" * 32), {"value": keys[3], "not_after": NOW - 1}], headers=headers)
    return suite


def options() -> Suite:
    suite = Suite("options", secrets=[SECRET], headers=sent())
    flag = suite.note("Options", "What a verifier is made with.")

    def add(id: str, comment: str, expect: Expectation, **fields: Any) -> None:
        suite.add(id, comment, expect, flags=(flag,), **fields)

    for id, name in [("nonesuch", "nonesuch"), ("empty", ""), ("case", "Stripe"), ("blank", "stripe "), ("path", "../schemes/stripe"), ("file", "stripe.json")]:
        add(f"unknown-scheme-{id}", f"no scheme has the name {name!r}", error("unknown_scheme"), scheme=name)
    add("require-unknown", "require names no version", error("invalid_config"), scheme="hookseal", require="v3")
    add("require-empty", "nor does an empty text", error("invalid_config"), scheme="hookseal", require="")
    add("require-case", "labels have case", error("invalid_config"), scheme="hookseal", require="V1")
    add("tolerance-unused", "a tolerance of 0 on a scheme without a timestamp", ok("sha256", None), scheme="github", tolerance=0,
        headers=[["X-Hub-Signature-256", "sha256=" + hex_mac(SECRET, BODY)]])
    add("tolerance-unused-too-large", "is still bounded", error("invalid_config"), scheme="github", tolerance=4294967296)
    add("url-unused", "a URL where none is signed", ok("v1"), scheme="hookseal", url="https://example.com/")
    return suite
