"""What a signer writes, header by header."""

from __future__ import annotations

from typing import Any

import ed25519
from suite import BODY, NOW, OLD_SECRET, SECRET, Expectation, Suite, b64, b64_mac, error, hex_mac

SEED, OTHER_SEED = b"the seed of the signing vectors.", b"the other seed, which is older.."
KEY, OLD_KEY = b"thirty-two bytes of a shared key", b"and the ones that were before it"
WHSEC, OLD_WHSEC = "whsec_" + b64(KEY), "whsec_" + b64(OLD_KEY)
WHSK = "whsk_" + b64(SEED + ed25519.public_key(SEED))
JSON_BODY = b'{"a":1}'
LAST = 999_999_999_999


def families() -> list[Suite]:
    return [hookseal(), standard_webhooks(), providers()]


def message(t: int = NOW, **fields: Any) -> dict[str, Any]:
    return {**fields, "timestamp": t}


def headers(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"headers": [list(pair) for pair in pairs]}


def hookseal() -> Suite:
    suite = Suite("sign-hookseal", "sign-1", scheme="hookseal", secrets=[SECRET])

    def v1(secret: str = SECRET, body: bytes = BODY, t: int = NOW) -> str:
        return "v1=" + hex_mac(secret, f"{t}.".encode() + body)

    def v2(secret: str = SECRET, body: bytes = BODY, id: str = "evt_1", event: str = "order.paid", t: int = NOW) -> str:
        return "v2=" + hex_mac(secret, f"v2:{t}:{id}:{event}:".encode() + body)

    def signed(*elements: str, t: int = NOW, id: str | None = "evt_1", event: str | None = "order.paid") -> dict[str, Any]:
        fields = [("X-Webhook-Id", id), ("X-Webhook-Event", event)]
        given = [(name, value) for name, value in fields if value is not None]
        return headers(("X-Webhook-Signature", ",".join([f"t={t}", *elements])), *given, ("X-Webhook-Timestamp", str(t)))

    def add(id: str, comment: str, expect: Expectation, given: dict[str, Any], **fields: Any) -> None:
        suite.add(id, comment, expect, message=given, **fields)

    both = message(id="evt_1", event_type="order.paid")
    add("both", "with an id and an event type: both versions, strongest first", signed(v2(), v1()), both)
    add("plain", "without: v1 only", signed(v1(), id=None, event=None), message())
    add("id-only", "with an id only: v1, and the id header", signed(v1(), event=None), message(id="evt_1"))
    add("event-only", "with an event type only", signed(v1(), id=None), message(event_type="order.paid"))
    add("empty-body", "an empty body", signed(v2(body=b""), v1(body=b"")), both, body=b"")
    add("binary-body", "a body that is not UTF-8", signed(v2(body=b"\xff\0"), v1(body=b"\xff\0")), both, body=b"\xff\0")
    add("two-secrets", "S-2: two live secrets, newest first within a version", signed(v2(), v2(OLD_SECRET), v1(), v1(OLD_SECRET)), both, secrets=[SECRET, OLD_SECRET])
    add("sixteen-secrets", "16 live secrets", signed(*[v1(f"secret {n}") for n in range(16)], id=None, event=None), message(), secrets=[f"secret {n}" for n in range(16)])
    add("one-live", "only live keys sign", signed(v1(), id=None, event=None), message(), secrets=[{"value": OLD_SECRET, "not_before": NOW + 1}, SECRET, {"value": "x", "not_after": NOW - 1}])
    add("epoch", "timestamp 0", signed(v1(t=0), t=0, id=None, event=None), message(0))
    add("last", "the largest timestamp", signed(v1(t=LAST), t=LAST, id=None, event=None), message(LAST))
    add("longest-names", "the longest id and event type", signed(v2(id="i" * 256, event="e" * 256), v1(), id="i" * 256, event="e" * 256), message(id="i" * 256, event_type="e" * 256))
    add("whsec-is-text", "whsec_ is part of the key", signed(v1(WHSEC), id=None, event=None), message(), secrets=[WHSEC])
    add("typed-base64", "a typed key", signed("v1=" + hex_mac(KEY, f"{NOW}.".encode() + BODY), id=None, event=None), message(), secrets=[{"type": "base64", "value": WHSEC}])
    for name, bad in [("full-stop", "evt.1"), ("colon", "evt:1"), ("comma", "evt,1"), ("blank", "evt 1"), ("empty", ""), ("257", "i" * 257),
                      ("newline", "evt\r\nX: y"), ("emoji", "evt_😀"), ("accent", "évt")]:
        add(f"id-{name}", "S-5: an id that breaks the character rule", error("invalid_event"), message(id=bad, event_type="order.paid"))
    for name, bad in [("colon", "order:paid"), ("comma", "order,paid"), ("blank", "order paid"), ("empty", ""), ("257", "e" * 257), ("newline", "a\nb"), ("emoji", "😀")]:
        add(f"event-{name}", "S-5: an event type that breaks the character rule", error("invalid_event"), message(id="evt_1", event_type=bad))
    add("timestamp-negative", "before 1970", error("invalid_config"), message(-1))
    add("timestamp-too-large", "thirteen digits", error("invalid_config"), message(LAST + 1))
    add("no-secrets", "V-56: no secrets", error("invalid_config"), message(), secrets=[])
    add("seventeen-secrets", "S-3: 17 secrets", error("invalid_config"), message(), secrets=[f"secret {n}" for n in range(17)])
    add("none-live", "no live key", error("invalid_config"), message(), secrets=[{"value": SECRET, "not_after": NOW - 1}])
    add("empty-secret", "V-50: an empty secret", error("empty_secret"), message(), secrets=[""])
    add("secret-newline", "V-51: a secret with a line end", error("malformed_secret"), message(), secrets=[SECRET + "\n"])
    suite.add("unknown-scheme", "no such scheme", error("unknown_scheme"), scheme="nonesuch", message=message())
    return suite


def standard_webhooks() -> Suite:
    suite = Suite("sign-standard-webhooks", "sign-1", scheme="standard-webhooks", secrets=[WHSEC])
    text = f"msg_1.{NOW}.".encode() + BODY

    def v1(key: bytes = KEY) -> str:
        return "v1," + b64_mac(key, text)

    def v1a(seed: bytes = SEED) -> str:
        return "v1a," + b64(ed25519.sign(seed, text))

    def signed(*elements: str, prefix: str = "webhook-") -> dict[str, Any]:
        return headers((prefix + "signature", " ".join(elements)), (prefix + "timestamp", str(NOW)), (prefix + "id", "msg_1"))

    def add(id: str, comment: str, expect: Expectation, given: dict[str, Any] | None = None, **fields: Any) -> None:
        suite.add(id, comment, expect, message=message(id="msg_1") if given is None else given, **fields)

    add("v1", "a shared secret", signed(v1()))
    add("v1-without-prefix", "without whsec_", signed(v1()), secrets=[b64(KEY)])
    add("v1-two", "two secrets", signed(v1(), v1(OLD_KEY)), secrets=[WHSEC, OLD_WHSEC])
    add("v1a-seed-and-public", "a private key as seed and public key", signed(v1a()), secrets=[WHSK])
    add("v1a-seed", "as a seed alone", signed(v1a()), secrets=["whsk_" + b64(SEED)])
    add("v1a-typed", "a typed private key", signed(v1a()), secrets=[{"type": "ed25519_private", "value": WHSK}])
    add("v1a-two", "two private keys", signed(v1a(OTHER_SEED), v1a()), secrets=["whsk_" + b64(OTHER_SEED), WHSK])
    add("both", "both kinds: the stronger version first, whatever the order of keys", signed(v1a(), v1(), v1(OLD_KEY)), secrets=[WHSEC, WHSK, OLD_WHSEC])
    add("event-type-unwritten", "the scheme has no header for an event type", signed(v1()), message(id="msg_1", event_type="order.paid"))
    suite.add("svix", "the same under other names", signed(v1(), prefix="svix-"), scheme="svix", message=message(id="msg_1"))
    add("no-id", "the scheme signs the id, so it must be given", error("invalid_event"), message())
    add("bad-id", "S-5: and follow the character rule", error("invalid_event"), message(id="msg.1"))
    add("public-key", "a signer needs a private key", error("malformed_secret"), secrets=["whpk_" + b64(ed25519.public_key(SEED))])
    add("public-key-typed", "a typed one too", error("malformed_secret"), secrets=[{"type": "ed25519_public", "value": "whpk_" + b64(ed25519.public_key(SEED))}])
    add("public-key-beside", "also beside a good one", error("malformed_secret"), secrets=[WHSEC, "whpk_" + b64(ed25519.public_key(SEED))])
    add("private-halves-disagree", "seed and public key must agree", error("malformed_secret"), secrets=["whsk_" + b64(SEED + ed25519.public_key(OTHER_SEED))])
    add("private-48-bytes", "neither 32 nor 64 bytes", error("malformed_secret"), secrets=["whsk_" + b64(bytes(48))])
    add("private-five", "more than four private keys", error("invalid_config"), secrets=["whsk_" + b64(bytes([n]) * 32) for n in range(5)])
    add("not-base64", "V-52: not base64", error("malformed_secret"), secrets=["whsec_***"])
    return suite


def providers() -> Suite:
    suite = Suite("sign-providers", "sign-1", secrets=[SECRET, OLD_SECRET], body=JSON_BODY)
    t = str(NOW)
    dotted = f"{NOW}.".encode() + JSON_BODY
    url = "https://example.com/hooks?x=1"

    def add(scheme: str, expect: Expectation, comment: str = "as the provider writes it", given: dict[str, Any] | None = None, id: str | None = None, **fields: Any) -> None:
        suite.add(id or scheme, comment, expect, scheme=scheme, message=given or message(), **fields)

    def pair(text: bytes, label: str = "v1", separator: str = ",") -> str:
        return separator.join(f"{label}={hex_mac(secret, text)}" for secret in (SECRET, OLD_SECRET))

    add("stripe", headers(("Stripe-Signature", f"t={t},{pair(dotted)}")), "both secrets sign")
    add("togo", headers(("X-Webhook-Signature", f"t={t},{pair(dotted)}"), ("X-Webhook-Timestamp", t)), "both secrets sign, and the timestamp is repeated")
    add("go-hookd", headers(("X-Webhook-Signature", hex_mac(SECRET, dotted)), ("X-Webhook-Timestamp", t), ("X-Webhook-Delivery-ID", "dlv_1")), "one value: the newest secret's", message(id="dlv_1"))
    add("link", headers(("X-Link-Webhook-Signature", hex_mac(SECRET, dotted)), ("X-Link-Webhook-Timestamp", t)))
    fields = ("X-Webhook-Id", "evt_1"), ("X-Webhook-Event", "a.b")
    add("rustango", headers(("X-Webhook-Signature", "sha256=" + hex_mac(SECRET, JSON_BODY)), *fields), given=message(id="evt_1", event_type="a.b"))
    add("rustango-hex", headers(("X-Webhook-Signature", hex_mac(SECRET, JSON_BODY)), *fields), given=message(id="evt_1", event_type="a.b"))
    add("rustango-base64", headers(("X-Webhook-Signature", b64_mac(SECRET, JSON_BODY))), "id and event type are optional here")
    add("convoy", headers(("X-Convoy-Signature", f"t={t},{pair(f'{t},'.encode() + JSON_BODY)}")), "the compacted body is signed", body=b'{ "a": 1 }')
    add("convoy-simple", headers(("X-Convoy-Signature", hex_mac(SECRET, JSON_BODY))), "the compacted body is signed", body=b'{\n  "a": 1\n}\n')
    add("outpost", headers(("x-outpost-signature", f"v0={hex_mac(SECRET, JSON_BODY)},{hex_mac(OLD_SECRET, JSON_BODY)}")), "both values under one prefix")
    add("github", headers(("X-Hub-Signature-256", "sha256=" + hex_mac(SECRET, JSON_BODY))), "one value: the newest secret's")
    add("slack", headers(("X-Slack-Signature", "v0=" + hex_mac(SECRET, f"v0:{t}:".encode() + JSON_BODY)), ("X-Slack-Request-Timestamp", t)))
    add("zoom", headers(("x-zm-signature", "v0=" + hex_mac(SECRET, f"v0:{t}:".encode() + JSON_BODY)), ("x-zm-request-timestamp", t)))
    add("shopify", headers(("X-Shopify-Hmac-SHA256", b64_mac(SECRET, JSON_BODY))))
    add("paddle", headers(("Paddle-Signature", f"ts={t};" + pair(f"{t}:".encode() + JSON_BODY, "h1", ";"))), "both secrets sign")
    add("square", headers(("x-square-hmacsha256-signature", b64_mac(SECRET, url.encode() + JSON_BODY))), given=message(url=url))
    add("square", error("missing_url"), "no URL given", id="square-no-url")
    add("twilio", headers(("X-Twilio-Signature", b64_mac(SECRET, url + "a1b2", "sha1"))), given=message(url=url), body=b"b=2&a=1")
    add("linear", headers(("linear-signature", hex_mac(SECRET, JSON_BODY))))
    add("pagerduty", headers(("X-PagerDuty-Signature", pair(JSON_BODY))), "both secrets sign")
    add("workos", headers(("WorkOS-Signature", f"t={t}000,{pair(f'{t}000.'.encode() + JSON_BODY)}")), "milliseconds; both secrets sign")
    date = "2023-11-14T22:13:20Z"
    add("zendesk", headers(("X-Zendesk-Webhook-Signature", b64_mac(SECRET, date.encode() + JSON_BODY)), ("X-Zendesk-Webhook-Signature-Timestamp", date)), "an RFC 3339 date")
    last = "9999-12-31T23:59:59Z"
    add("zendesk", headers(("X-Zendesk-Webhook-Signature", b64_mac(SECRET, last.encode() + JSON_BODY)), ("X-Zendesk-Webhook-Signature-Timestamp", last)), "the last date",
        message(253_402_300_799), id="zendesk-last")
    add("zendesk", error("invalid_config"), "one second later the year has five digits", message(253_402_300_800), id="zendesk-after-last")
    private = [{"type": "ed25519_private", "value": WHSK}]
    add("discord", headers(("X-Signature-Ed25519", ed25519.sign(SEED, t.encode() + JSON_BODY).hex()), ("X-Signature-Timestamp", t)), "with a typed private key", secrets=private)
    add("discord", error("malformed_secret"), "a plain string is a public key here", id="discord-public", secrets=[ed25519.public_key(SEED).hex()])
    add("intercom", headers(("X-Hub-Signature", "sha1=" + hex_mac(SECRET, JSON_BODY, "sha1"))))
    add("gitlab", headers(("X-Gitlab-Token", SECRET)), "the token itself, the newest one")
    add("gitlab", headers(("X-Gitlab-Token", KEY.decode())), "a typed key is the token that it stands for", id="gitlab-typed", secrets=[{"type": "base64", "value": WHSEC}])

    document = {"name": "mine", "signature": {"header": "X-Sig", "grammar": "list"}, "timestamp": {"header": "X-Time", "unit": "seconds"}, "type": {"header": "X-Type"},
                "content": "{type}|{timestamp}|{body}", "versions": [{"label": "a", "algorithm": "hmac-sha512", "encoding": "hex"},
                {"label": "b", "algorithm": "hmac-sha1", "encoding": "base64"}], "key": "utf8"}
    text = f"order.paid|{t}|".encode() + JSON_BODY
    suite.add("document", "a scheme of one's own", headers(("X-Sig", f"a,{hex_mac(SECRET, text, 'sha512')} b,{b64_mac(SECRET, text, 'sha1')}"), ("X-Time", t), ("X-Type", "order.paid")),
              scheme_document=document, secrets=[SECRET], message=message(event_type="order.paid"))
    labelled = {"name": "mine", "signature": {"header": "X-Sig", "grammar": "prefixed", "joined": ","}, "content": "{body}",
                "versions": [{"label": "b", "algorithm": "hmac-sha512", "encoding": "hex"}, {"label": "a", "algorithm": "hmac-sha256", "encoding": "hex"}], "key": "utf8"}
    two = ",".join(hex_mac(secret, JSON_BODY, "sha512") for secret in (SECRET, OLD_SECRET))
    suite.add("document-joined-two-versions", "one prefix has one label, so only the strongest version is written", headers(("X-Sig", f"b={two}")), scheme_document=labelled, message=message())
    single = {**labelled, "signature": {"header": "X-Sig", "grammar": "prefixed"}}
    suite.add("document-prefixed-two-versions", "and without joined one value of it", headers(("X-Sig", f"b={two.partition(',')[0]}")), scheme_document=single, message=message())
    suite.add("document-no-type", "it signs the event type, so it must be given", error("invalid_event"), scheme_document=document, secrets=[SECRET], message=message())
    three = {"name": "mine", "signature": {"header": "X-Sig", "grammar": "pairs"}, "content": "{body}", "key": "utf8",
             "versions": [{"label": label, "algorithm": "hmac-sha256", "encoding": "hex"} for label in ("v3", "v2", "v1")]}
    suite.add("document-too-many", "three versions of eleven keys are more signatures than a verifier takes", error("invalid_config"),
              scheme_document=three, secrets=[f"secret {n}" for n in range(11)], message=message())
    suite.add("document-invalid", "a document with a mistake", error("invalid_scheme"), scheme_document={**document, "key": "rot13"}, secrets=[SECRET], message=message())
    return suite
