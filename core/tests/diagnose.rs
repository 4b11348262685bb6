//! Each accident is planted, and the first finding has to name it; a forgery has no cause.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hookseal::{
    Message, Scheme, Secret, SignedHeaders, Signer, Timestamp,
    diagnose::{Finding, Received, diagnose},
};

const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const JSON: &str = "{\"name\": \"café/x\", \"id\": 42, \"price\": 9.50}\n";

struct Sent {
    scheme: Scheme,
    headers: SignedHeaders,
}

fn send(scheme: Scheme, secret: Secret, body: &str) -> Sent {
    let signer = Signer::builder().scheme(scheme.clone()).keys(secret).build().unwrap();
    let message = Message::new(body).id("evt_1").event_type("order.paid").url("https://example.com/hook?a=1");
    Sent { headers: signer.sign_at(&message, NOW).unwrap(), scheme }
}

fn stripe(body: &str) -> Sent {
    send(Scheme::named("stripe").unwrap(), Secret::parse(SECRET).unwrap(), body)
}

fn like(name: &str, change: impl FnOnce(&mut serde_json::Value)) -> Scheme {
    let mut document = serde_json::from_str(Scheme::named(name).unwrap().to_json()).unwrap();
    change(&mut document);
    Scheme::from_json(&document.to_string()).unwrap()
}

fn findings(sent: &Sent, scheme: &str, secret: &str, body: &str, url: Option<&str>, now: Timestamp) -> Vec<Finding> {
    let headers: Vec<_> = sent.headers.iter().map(|(name, value)| (name, value.as_bytes())).collect();
    let received = Received { body: body.as_bytes(), headers: &headers, url, now };
    diagnose(&received, &[secret], &Scheme::named(scheme).unwrap())
}

#[test]
fn the_first_finding_names_the_planted_accident() {
    let body_accidents: &[(&str, &str)] = &[
        ("body_reserialized", r#"{"name":"café/x","id":42,"price":9.50}"#),
        ("body_reserialized", r#"{"id":42,"name":"café/x","price":9.50}"#),
        ("body_reserialized", "{\"name\": \"caf\\u00e9/x\", \"id\": 42, \"price\": 9.50}"),
        ("body_reserialized", "{\n  \"name\": \"café\\/x\",\n  \"id\": 42,\n  \"price\": 9.50\n}\n"),
        ("body_final_newline", "{\"name\": \"café/x\", \"id\": 42, \"price\": 9.50}"),
        ("body_final_newline", "{\"name\": \"café/x\", \"id\": 42, \"price\": 9.50}\n\n"),
        ("body_line_ends", "{\"name\": \"café/x\", \"id\": 42, \"price\": 9.50}\r\n"),
        ("body_byte_order_mark", "\u{feff}{\"name\": \"café/x\", \"id\": 42, \"price\": 9.50}\n"),
    ];
    for (cause, body) in body_accidents {
        let sent = if *cause == "body_reserialized" && body.starts_with("{\"id\"") {
            // Sorted keys can only be undone where the sender sorted, or where the receiver did not.
            stripe("{\"id\": 42, \"name\": \"café/x\", \"price\": 9.50}")
        } else {
            stripe(JSON)
        };
        expect(cause, &findings(&sent, "stripe", SECRET, body, None, NOW));
    }

    let base64 = send(Scheme::named("stripe").unwrap(), Secret::base64(SECRET).unwrap(), JSON);
    expect("secret_derivation", &findings(&base64, "stripe", SECRET, JSON, None, NOW));
    let whole = send(Scheme::named("standard-webhooks").unwrap(), Secret::utf8(SECRET).unwrap(), JSON);
    expect("secret_derivation", &findings(&whole, "standard-webhooks", SECRET, JSON, None, NOW));
    let hex = send(Scheme::named("github").unwrap(), Secret::hex("00112233445566778899aabbccddeeff").unwrap(), JSON);
    expect("secret_derivation", &findings(&hex, "github", "00112233445566778899aabbccddeeff", JSON, None, NOW));
    for secret in ["whsec_x\n", " whsec_x", "\"whsec_x\""] {
        let found = findings(&stripe_with("whsec_x"), "stripe", secret, JSON, None, NOW);
        expect("secret", &found);
        assert_eq!(found[1].cause, "secret_blanks", "{found:?}");
    }

    let cases = [
        ("separator", like("stripe", |it| it["content"] = "{timestamp}:{body}".into())),
        (
            "timestamp_not_signed",
            like("stripe", |it| {
                it["content"] = "{body}".into();
                it.as_object_mut().unwrap().remove("timestamp");
            }),
        ),
        ("encoding", like("stripe", |it| it["versions"][0]["encoding"] = "base64".into())),
        ("timestamp_unit", like("stripe", |it| it["timestamp"]["unit"] = "milliseconds".into())),
        ("algorithm", like("stripe", |it| it["versions"][0]["algorithm"] = "hmac-sha512".into())),
    ];
    for (cause, scheme) in cases {
        let mut sent = send(scheme, Secret::parse(SECRET).unwrap(), JSON);
        if cause == "timestamp_not_signed" {
            // Such a sender still writes the timestamp beside the signature.
            let with_timestamp =
                stripe(JSON).headers.get("Stripe-Signature").unwrap().split_once(',').unwrap().0.to_owned();
            let header = format!("{with_timestamp},{}", sent.headers.get("Stripe-Signature").unwrap());
            let headers = [("Stripe-Signature", header.as_bytes())];
            let received = Received { body: JSON.as_bytes(), headers: &headers, url: None, now: NOW };
            expect(cause, &diagnose(&received, &[SECRET], &Scheme::named("stripe").unwrap()));
            continue;
        }
        sent.scheme = Scheme::named("stripe").unwrap();
        expect(cause, &findings(&sent, "stripe", SECRET, JSON, None, NOW));
    }

    let other = send(Scheme::named("github").unwrap(), Secret::parse("a shared secret").unwrap(), JSON);
    expect("other_scheme", &findings(&other, "stripe", "a shared secret", JSON, None, NOW));
    expect("other_scheme", &findings(&other, "stripe", "wrong", JSON, None, NOW));
    expect("clock", &findings(&stripe(JSON), "stripe", SECRET, JSON, None, Timestamp::from_unix(1_700_003_600)));

    let square = send(Scheme::named("square").unwrap(), Secret::parse("key").unwrap(), JSON);
    for url in ["http://example.com/hook?a=1", "https://example.com/hook?a=1/"] {
        expect("url", &findings(&square, "square", "key", JSON, Some(url), NOW));
    }
    expect("url", &findings(&square, "square", "key", JSON, None, NOW));
}

#[test]
fn a_forgery_has_no_cause_and_a_good_message_no_findings() {
    for name in Scheme::names().filter(|name| !["gitlab", "discord"].contains(name)) {
        let scheme = Scheme::named(name).unwrap();
        let secret = if name == "standard-webhooks" || name == "svix" { SECRET } else { "the real one" };
        let sent = send(scheme, Secret::parse(secret).unwrap(), JSON);
        let url = Some("https://example.com/hook?a=1");
        assert_eq!(findings(&sent, name, secret, JSON, url, NOW), [], "{name}");
        let forged = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        assert_eq!(findings(&sent, name, forged, JSON, url, NOW), [], "{name}: another key");
        assert_eq!(findings(&sent, name, secret, "{\"id\":43}", url, NOW), [], "{name}: another body");
    }
}

#[test]
fn no_finding_holds_key_material() {
    for found in [
        findings(&stripe(JSON), "stripe", "CANARY-7\n", JSON, None, NOW),
        findings(&stripe(JSON), "standard-webhooks", "CANARY-7", JSON, None, NOW),
        findings(&stripe(JSON), "stripe", "sk_CANARY-7", JSON, None, NOW),
    ] {
        assert!(!format!("{found:?}").contains("CANARY"), "{found:?}");
    }
}

fn stripe_with(secret: &str) -> Sent {
    send(Scheme::named("stripe").unwrap(), Secret::parse(secret).unwrap(), JSON)
}

fn expect(cause: &str, findings: &[Finding]) {
    assert_eq!(findings.first().map(|finding| finding.cause), Some(cause), "{findings:?}");
}
