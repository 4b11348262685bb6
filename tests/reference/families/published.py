"""Figures that other projects published: their values against the named schemes or a scheme document each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from suite import Expectation, Suite, error, ok

FIGURES = {figure["id"]: figure for figure in json.loads((Path(__file__).parents[1] / "published_figures.json").read_text())["figures"]}
CENTURY = 3_153_600_000
WIRE = '{"b": {}, "e": "123", "a": 1}'


def bare(name: str, header: str, algorithm: str = "hmac-sha256", content: str = "{body}") -> dict[str, Any]:
    return {"name": name, "signature": {"header": header, "grammar": "bare"}, "content": content,
            "versions": [{"label": "", "algorithm": algorithm, "encoding": "hex"}], "key": "utf8"}


def timed(name: str, header: str, label: str, algorithm: str, encoding: str, content: str) -> dict[str, Any]:
    return {"name": name, "signature": {"header": header, "grammar": "pairs"}, "timestamp": {"element": "t", "unit": "seconds"}, "content": content,
            "versions": [{"label": label, "algorithm": algorithm, "encoding": encoding}], "key": "utf8"}


CONVOY = "{timestamp},{body:compact-json}"
CONVOY_SHA512_HEX = timed("convoy-sha512", "X-Convoy-Signature", "v1", "hmac-sha512", "hex", CONVOY)
CONVOY_SHA512_BASE64 = timed("convoy-sha512-base64", "X-Convoy-Signature", "v2", "hmac-sha512", "base64", CONVOY)
CONVOY_SIMPLE_SHA512 = bare("convoy-simple-sha512", "X-Convoy-Signature", "hmac-sha512", "{body:compact-json}")
OUTPOST = timed("outpost-template", "x-outpost-signature", "v0", "hmac-sha256", "hex", "{timestamp}.{body}")
OUTPOST_SHA1 = timed("outpost-template-sha1", "x-outpost-signature", "v0", "hmac-sha1", "hex", "{timestamp}.{body}")
SPATIE = bare("spatie", "Signature")
PRIMITIVE = bare("hmac-sha256-hex", "X-Signature")


def families() -> list[Suite]:
    suite = Suite("published")
    flag = suite.note("Published", "The expected value stands in the named source and was not computed here, unless the comment says so.")

    def add(id: str, how: str | dict[str, Any], header: str, value: str, expect: dict[str, Any], body: str, *more: list[str], **fields: Any) -> None:
        figure = FIGURES[id]
        scheme = {"scheme": how} if isinstance(how, str) else {"scheme_document": how}
        secrets = [figure.get("public", figure["secret"])]
        suite.add(id, figure["source"], expect, flags=(flag,), secrets=secrets, headers=[[header, value], *more], body=body.encode(), **scheme, **fields)

    def expected(id: str) -> str:
        return str(FIGURES[id]["expected"])

    def content(id: str) -> str:
        return str(FIGURES[id]["signed_content"])

    for id in ("convoy-adv-v1-older-expired-secret", "convoy-adv-v1-new-secret"):
        add(id, "convoy", "X-Convoy-Signature", f"t=1257894000,v1={expected(id)}", ok("v1", 1257894000), WIRE, now=1257894000)
    id = "convoy-adv-v2-new-scheme"
    add(id, CONVOY_SHA512_BASE64, "X-Convoy-Signature", f"t=1257894000,v2={expected(id)}", ok("v2", 1257894000), WIRE, now=1257894000)
    for id in ("convoy-simple-512-hex", "convoy-go-simple-hex"):
        add(id, CONVOY_SIMPLE_SHA512, "X-Convoy-Signature", expected(id), ok("", None), content(id))
    id = "convoy-go-adv-hex-entry1"
    add(id, "convoy", "X-Convoy-Signature", FIGURES[id]["header"], ok("v1", 2048976161), content(id).partition(",")[2], now=2048976161)
    id = "convoy-py-simple-hex"
    add(id, "convoy-simple", "X-Convoy-Signature", expected(id), ok("", None), content(id))
    id = "convoy-py-adv-hex"
    add(id, "convoy", "X-Convoy-Signature", f"t=2048976161,v1={expected(id)}", ok("v1", 2048976161), content(id).partition(",")[2], now=2048976161)

    shared: list[tuple[str, str | dict[str, Any], Expectation]] = [
        ("simple_sha256_hex_valid", "convoy-simple", ok("", None)), ("simple_sha512_hex_valid", CONVOY_SIMPLE_SHA512, ok("", None)),
        ("advanced_sha256_hex_valid", "convoy", ok("v1")), ("advanced_sha512_hex_valid", CONVOY_SHA512_HEX, ok("v1")),
        ("advanced_tamper", "convoy", error("no_matching_signature")), ("advanced_t_not_first", "convoy", ok("v1")),
        ("advanced_multi_v1_none_valid", "convoy", error("no_matching_signature")), ("advanced_numeric_signature", "convoy", error("malformed_signature")),
        ("simple_tamper", "convoy-simple", error("no_matching_signature")),
    ]
    for name, how, expect in shared:
        id = f"convoy-shared-{name}"
        assert FIGURES[id]["valid"] == ("ok" in expect)
        add(id, how, "X-Convoy-Signature", FIGURES[id]["header"], expect, FIGURES[id]["body"], tolerance=CENTURY)

    for number in range(3):
        id = f"stripe-node-hmac-{number}"
        add(id, PRIMITIVE, "X-Signature", expected(id), ok("", None), content(id))
    message = [["webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"], ["webhook-timestamp", "1614265330"]]
    verified: dict[str, Any] = {"timestamp": 1614265330, "id": "msg_p5jXN8AQM9LWM0D4loKWxJek"}
    body = '{"test": 2432232314}'
    add("stdwh-g0hM9S", "standard-webhooks", "webhook-signature", "v1," + expected("stdwh-g0hM9S"), ok("v1", **verified), body, *message, now=1614265330)
    add("stdwh-v1a-ed25519", "standard-webhooks", "webhook-signature", expected("stdwh-v1a-ed25519"), ok("v1a", **verified), body, *message, now=1614265330)
    add("github-docs", "github", "X-Hub-Signature-256", "sha256=" + expected("github-docs"), ok("sha256", None), content("github-docs"))
    add("paddle-hello", "paddle", "Paddle-Signature", "ts=1696195954;h1=dummy;h1=" + expected("paddle-hello"), ok("h1", 1696195954), "hello-world", now=1696195954)
    for id, how in (("outpost-sha256", OUTPOST), ("outpost-sha1", OUTPOST_SHA1)):
        add(id, how, "x-outpost-signature", f"t=1234567890,v0={expected(id)}", ok("v0", 1234567890), '{"hello":"world"}', now=1234567890)
    for id in ("spatie-1", "spatie-2"):
        add(id, SPATIE, "Signature", expected(id), ok("", None), content(id))

    id = "go-hookd-compat-inputs"
    add(id, "go-hookd", "X-Webhook-Signature", expected(id), ok(""), content(id).partition(".")[2], ["X-Webhook-Timestamp", "1700000000"])
    add("togo-inputs", "togo", "X-Webhook-Signature", "t=1700000000,v1=" + expected("togo-inputs"), ok("v1"), content("togo-inputs").partition(".")[2])
    id = "link-inputs"
    add(id, "link", "X-Link-Webhook-Signature", expected(id), ok("", 1713867072), content(id).partition(".")[2], ["X-Link-Webhook-Timestamp", "1713867072"], now=1713867072)
    add("rustango-inputs", "rustango", "X-Webhook-Signature", "sha256=" + expected("rustango-inputs"), ok("sha256", None), content("rustango-inputs"))
    add("stripe-dotnet-generate", "stripe", "Stripe-Signature", "t=1700000000,v1=" + expected("stripe-dotnet-generate"), ok("v1"), "{}")
    id = "stripe-whsec-literal"
    add(id, "stripe", "Stripe-Signature", f"t=1614265330,v1={expected(id)}", ok("v1", 1614265330), body, now=1614265330)

    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    form = "Digits=1234&CallSid=CA1234567890ABCDE&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309"
    add("twilio-0", "twilio", "X-Twilio-Signature", expected("twilio-0"), ok("", None), form, url=url)
    url = "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9"
    add("square-1", "square", "x-square-hmacsha256-signature", expected("square-1"), ok("", None), content("square-1").removeprefix(url), url=url)

    used = {test["id"].removeprefix("published-") for test in suite.tests}
    assert used == set(FIGURES), set(FIGURES) ^ used
    return [suite]
