"""Every language signs the same messages, and every language verifies what all of them signed."""

from __future__ import annotations

import base64
import sys

from tools import ask, commands, missing

NOW = 1_700_000_000
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODIES = [b'{"id":42,"name":"caf\xc3\xa9"}', b"", b"\x00\xff not text\r\n", b"x" * 70_000]
SCHEMES = {
    "hookseal": ["newest", "older"],
    "stripe": ["whsec_new", "whsec_old"],
    "standard-webhooks": [STANDARD_SECRET],
    "github": ["It's a Secret to Everybody"],
    "convoy": ["convoy-webhook-secret"],
    "workos": ["a shared key"],
    "zendesk": ["a shared key"],
    "square": ["a shared key"],
    "paddle": ["pdl_one", "pdl_two"],
    "outpost": ["one", "two"],
}


def messages() -> list[dict]:
    return [
        {
            "id": f"{scheme}-{number}",
            "scheme": scheme,
            "secrets": secrets,
            "body_base64": base64.b64encode(body).decode(),
            "message": {
                "id": "evt_1",
                "event_type": "order.paid",
                "timestamp": NOW,
                "url": "https://example.com/hook",
            },
        }
        for scheme, secrets in SCHEMES.items()
        for number, body in enumerate(BODIES)
    ]


def received(message: dict, headers: list[list[str]], tampered: bool) -> dict:
    body = base64.b64decode(message["body_base64"]) + (b"!" if tampered else b"")
    return {
        "id": message["id"],
        "scheme": message["scheme"],
        "secrets": message["secrets"],
        "now": NOW + 1,
        "headers": headers,
        "body_base64": base64.b64encode(body).decode(),
        "url": message["message"]["url"],
    }


def main() -> int:
    languages = list(commands())
    wanted = messages()
    signed = {language: ask(language, "sign", wanted) for language in languages}
    bad = 0
    for language in languages[1:]:
        for message, ours, theirs in zip(wanted, signed[languages[0]], signed[language]):
            # A dictionary of headers has no order of its own.
            if sorted(ours["headers"]) != sorted(theirs["headers"]):
                bad += 1
                print(f"{message['id']}: {languages[0]} writes {ours}, {language} writes {theirs}")

    print(
        f"{len(wanted)} messages under {len(SCHEMES)} schemes; rows sign, columns verify (accepted, tampered copies refused)\n"
    )
    print(" " * 8 + "".join(f"{language:>12}" for language in languages))
    for signer in languages:
        cells = []
        for verifier in languages:
            genuine = [received(message, it["headers"], False) for message, it in zip(wanted, signed[signer])]
            tampered = [received(message, it["headers"], True) for message, it in zip(wanted, signed[signer])]
            answers = ask(verifier, "verify", genuine + tampered)
            accepted = sum("ok" in answer for answer in answers[: len(genuine)])
            refused = sum(answer.get("error") == "no_matching_signature" for answer in answers[len(genuine) :])
            bad += accepted != len(wanted) or refused != len(wanted)
            cells.append(f"{accepted}+{refused}")
        print(f"{signer:8}" + "".join(f"{cell:>12}" for cell in cells))
    pairs = len(languages) ** 2
    skipped = (len(languages) + len(missing())) ** 2 - pairs
    without = f" (without {', '.join(missing())})" if missing() else ""
    print(f"\nmatrix: {pairs} pairs, {bad} differences, {skipped} skipped{without}")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
