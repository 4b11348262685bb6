//! `sign`, `verify`, `schemes`, `secret` and `plan`.

use std::{fs, io::Write as _};

use crate::harness::{Ran, SECRET, command, finish, folder, run, run_with};
use serde_json::json;

const NOW: &str = "1700000000";
const BODY: &[u8] = b"{\"id\":42,\n \"raw\": \xff}";

/// Signs with these options, verifies what was printed, and gives the verdict.
fn round_trip(scheme: &str, secret: &str, options: &[&str], now: &str) -> Ran {
    let mut sign = command(&["sign", "--scheme", scheme, "--timestamp", NOW]);
    let signed = finish(sign.args(options).env("HOOKSEAL_SECRET", secret), BODY);
    assert_eq!(signed.status, 0, "{signed:?}");
    let mut verify = command(&["verify", "--json", "--scheme", scheme, "--now", now]);
    for line in signed.stdout.lines() {
        verify.args(["--header", line]);
    }
    if let Some(at) = options.iter().position(|option| *option == "--url") {
        verify.args(&options[at..=at + 1]);
    }
    finish(verify.env("HOOKSEAL_SECRET", secret), BODY)
}

#[test]
fn what_is_signed_is_verified() {
    let named = ["--id", "evt_1", "--event-type", "order.paid"];
    let url = ["--url", "https://example.com/hooks?a=1"];
    let timestamp = 1_700_000_000;
    for (scheme, secret, options, expected) in [
        ("hookseal", SECRET, &named[..], json!([timestamp, "evt_1", "order.paid", "v2"])),
        ("hookseal", SECRET, &[], json!([timestamp, null, null, "v1"])),
        ("stripe", SECRET, &[], json!([timestamp, null, null, "v1"])),
        ("standard-webhooks", "whsec_MDEyMzQ1Njc4OTAxMjM0NQ==", &named[..2], json!([timestamp, "evt_1", null, "v1"])),
        ("github", "plain", &[], json!([null, null, null, "sha256"])),
        ("zendesk", "plain", &[], json!([timestamp, null, null, ""])),
        ("square", "plain", &url, json!([null, null, null, ""])),
        ("gitlab", "plain", &[], json!([null, null, null, ""])),
    ] {
        let verified = round_trip(scheme, secret, options, NOW);
        assert_eq!(verified.status, 0, "{scheme}: {verified:?}");
        let ok = &verified.json()["ok"];
        assert_eq!(json!([ok["timestamp"], ok["id"], ok["event_type"], ok["version"]]), expected, "{scheme}");
        assert_eq!(ok["key_index"], 0);
    }
}

#[test]
fn a_refusal_has_its_code_and_status_1() {
    let late = round_trip("hookseal", SECRET, &[], "1700000301");
    assert_eq!((late.status, late.json()["error"]["code"].as_str()), (1, Some("timestamp_too_old")));

    let header = "X-Webhook-Signature: t=1700000000,v1=00";
    let malformed = run_with(&["verify", "-H", header, "--now", NOW], b"{}");
    assert_eq!((malformed.status, malformed.stdout.as_str()), (1, ""));
    assert!(malformed.stderr.starts_with("error: malformed_signature: "), "{malformed:?}");

    let options = ["verify", "-H", header, "-H", header, "--now", NOW];
    assert!(run_with(&options, b"{}").stderr.starts_with("error: malformed_header: "));
    assert!(run_with(&["verify", "--max-body", "1"], b"{}").stderr.starts_with("error: body_too_large: "));
    assert!(run_with(&["verify"], b"{}").stderr.starts_with("error: missing_header: "));
}

#[test]
fn limits_are_options() {
    let signed = run_with(&["sign", "--timestamp", NOW], b"{}").stdout;
    let header = signed.lines().next().unwrap();
    let status = |options: &[&str]| {
        let fixed = ["verify", "--header", header, "--now", "1700000400"];
        run_with(&[&fixed[..], options].concat(), b"{}").status
    };
    assert_eq!(status(&[]), 1);
    assert_eq!(status(&["--tolerance", "400"]), 0);
    assert_eq!(status(&["--tolerance", "399"]), 1);
    assert_eq!(status(&["--tolerance", "7m"]), 0);
    assert_eq!(status(&["--dangerously-ignore-timestamp"]), 0);
    assert_eq!(status(&["--tolerance", "7m", "--require", "v2"]), 1);
    assert_eq!(status(&["--tolerance", "0.5"]), 2);
    assert_eq!(status(&["--require", "v9"]), 2);
}

#[test]
fn bodies_come_from_text_files_and_standard_input() {
    let file = folder("bodies").join("body");
    fs::write(&file, BODY).unwrap();
    let signature =
        |options: &[&str], stdin| run_with(&[&["sign", "--scheme", "github"], options].concat(), stdin).stdout;
    let expected = signature(&[], BODY);
    assert!(expected.starts_with("X-Hub-Signature-256: sha256="), "{expected}");
    assert_eq!(signature(&["--data", &format!("@{}", file.display())], b""), expected);
    assert_eq!(signature(&["--data", "-"], BODY), expected);
    assert_eq!(signature(&["--data", "{}"], b"ignored"), signature(&[], b"{}"));
}

#[test]
fn every_secret_signs_and_any_verifies() {
    let mut sign = command(&["sign", "--timestamp", NOW, "--data", "{}"]);
    let signed = finish(sign.envs([("HOOKSEAL_SECRET", "new"), ("HOOKSEAL_SECRET_2", "old")]), b"");
    let header = signed.stdout.lines().next().unwrap().to_owned();
    assert_eq!(header.matches("v1=").count(), 2, "{header}");

    let file = folder("secrets").join("secrets");
    writeln!(fs::File::create(&file).unwrap(), "other\r\n\nold").unwrap();
    let from_file = ["--secret-file", file.to_str().unwrap()];
    for (source, key) in [(&["--secret", "new"][..], 0), (&["--secret", "x", "--secret", "old"], 1), (&from_file, 1)] {
        let fixed = ["verify", "--json", "--header", &header, "--now", NOW, "--data", "{}"];
        let verified = run(&[&fixed[..], source].concat());
        assert_eq!(verified.json()["ok"]["key_index"], key, "{verified:?}");
    }
    let mut piped = command(&["verify", "--header", &header, "--now", NOW, "--data", "{}", "--secret-file", "-"]);
    assert_eq!(finish(&mut piped, b"old\n").status, 0);
}

#[test]
fn a_scheme_of_ones_own_is_a_file() {
    let file = folder("schemes").join("acme.json");
    let document = json!({
        "name": "acme", "signature": { "header": "X-Acme", "grammar": "pairs" },
        "timestamp": { "element": "t", "unit": "seconds" }, "content": "{timestamp}.{body}",
        "versions": [{ "label": "v1", "algorithm": "hmac-sha512", "encoding": "base64" }], "key": "utf8"
    });
    fs::write(&file, document.to_string()).unwrap();
    let scheme = format!("@{}", file.display());
    assert_eq!(round_trip(&scheme, "plain", &[], NOW).status, 0);
    assert_eq!(run(&["schemes", &scheme, "--json"]).json(), document);

    fs::write(&file, r#"{"name":"acme","surprise":1}"#).unwrap();
    let refused = run(&["schemes", &scheme]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.starts_with("error: invalid_scheme: "), "{refused:?}");
}

#[test]
fn schemes_are_listed_with_what_they_sign() {
    let listed = run(&["schemes", "--json"]).json();
    let named = |name: &str| {
        listed.as_array().unwrap().iter().find(|scheme| scheme["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(named("stripe")["signed"], json!(["timestamp", "body"]));
    assert_eq!(named("svix")["signed"], json!(["timestamp", "id", "body"]));
    assert_eq!(named("square")["signed"], json!(["url", "body"]));
    assert_eq!(named("gitlab")["signed"], json!([]));
    assert_eq!(named("gitlab")["copies"], "anything passes");

    let table = run(&["schemes"]).stdout;
    assert_eq!(table.lines().count(), listed.as_array().unwrap().len() + 1);
    let document: serde_json::Value = serde_json::from_str(&run(&["schemes", "stripe"]).stdout).unwrap();
    assert_eq!(document["signature"]["header"], "Stripe-Signature");
}

#[test]
fn a_generated_secret_signs_and_is_new_each_time() {
    let generated = run(&["secret", "generate", "--count", "3"]);
    let mut secrets: Vec<_> = generated.stdout.lines().collect();
    secrets.dedup();
    assert_eq!(secrets.len(), 3, "{generated:?}");
    assert_eq!(round_trip("standard-webhooks", secrets[0], &["--id", "m"], NOW).status, 0);
}

#[test]
fn a_plan_shows_each_attempt() {
    let plan = run(&["plan", "--schedule", "5s,5m,30m", "--outage", "6m", "--json"]);
    assert_eq!((plan.status, plan.json()), (0, json!({ "attempts": [0.0, 5.0, 305.0, 2105.0], "reason": null })));
    let dead = run(&["plan", "--schedule", "5s,5m", "--outage", "1h"]);
    assert_eq!(dead.status, 1);
    assert!(dead.stdout.ends_with("attempt 3   after 5 min 5 s\ndead: attempts_exhausted\n"), "{dead:?}");
    let drawn = |seed| run(&["plan", "--outage", "6h", "--json", "--seed", seed]).stdout;
    assert_eq!(drawn("1"), drawn("1"));
    assert_ne!(drawn("1"), drawn("2"));
}

#[test]
fn explain_names_the_accident_and_still_refuses() {
    let signed = run_with(&["sign", "--timestamp", NOW], b"{\"id\": 42}").stdout;
    let header = signed.lines().next().unwrap();
    let verify = |options: &[&str], body: &[u8]| {
        let fixed = ["verify", "--explain", "--header", header, "--now", NOW];
        run_with(&[&fixed[..], options].concat(), body)
    };
    let explained = verify(&["--json"], b"{\"id\":42}");
    assert_eq!((explained.status, &explained.json()["error"]["code"]), (1, &json!("no_matching_signature")));
    assert_eq!(explained.json()["findings"][0]["cause"], "body_reserialized");

    let in_words = verify(&[], b"{\"id\":42}");
    assert!(in_words.stderr.contains("likely: The body was parsed and printed again"), "{in_words:?}");
    let forged = verify(&[], b"{\"id\":43}");
    assert!(forged.stderr.contains("No known accident explains it"), "{forged:?}");
    assert_eq!(verify(&[], b"{\"id\": 42}").status, 0);
}
