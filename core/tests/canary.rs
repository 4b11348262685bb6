//! V-57: no secret is ever printed, by whatever name, type, error or panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    cell::Cell,
    fmt::{Debug, Display},
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hookseal::{
    Error, Key, KeyRing, Message, ReplayGuard, Scheme, Secret, SignedHeaders, Signer, Timestamp, Verifier,
    diagnose::{Received, diagnose},
};

const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);
/// Nothing else prints anything like it.
const CANARY: &str = "Zq7Xw-Kj4Vb-Yp9Qz-Hx3Wd-Mk8Gj-Rv";

type Constructor = fn(String) -> hookseal::Result<Secret>;

/// Every way to make a secret of the canary, with the scheme that it serves.
fn secrets() -> Vec<(&'static str, Secret)> {
    let base64 = STANDARD.encode(CANARY);
    let seed: [u8; 32] = CANARY.as_bytes()[..32].try_into().unwrap();
    let pair = ed25519_dalek::SigningKey::from_bytes(&seed).to_keypair_bytes();
    vec![
        ("hookseal", Secret::parse(CANARY).unwrap()),
        ("hookseal", Secret::parse(format!("whsec_{CANARY}")).unwrap()),
        ("stripe", Secret::utf8(CANARY).unwrap()),
        ("stripe", Secret::bytes(CANARY).unwrap()),
        ("stripe", Secret::base64(&base64).unwrap()),
        ("stripe", Secret::hex(hex(CANARY.as_bytes())).unwrap()),
        ("standard-webhooks", Secret::parse(format!("whsec_{base64}")).unwrap()),
        ("standard-webhooks", Secret::parse(format!("whsk_{}", STANDARD.encode(seed))).unwrap()),
        ("standard-webhooks", Secret::ed25519_private(STANDARD.encode(seed)).unwrap()),
        ("standard-webhooks", Secret::ed25519_private(STANDARD.encode(pair)).unwrap()),
        ("gitlab", Secret::parse(CANARY).unwrap()),
        ("gitlab", Secret::base64(base64).unwrap()),
    ]
}

#[test]
fn no_type_prints_a_secret() {
    for (name, secret) in secrets() {
        let scheme = Scheme::named(name).unwrap();
        let key = Key::new(secret.clone()).id("key-1").not_after(NOW);
        let ring = KeyRing::new([key.clone()]).unwrap();
        quiet(name, &secret);
        quiet(name, &key);
        quiet(name, &ring);
        let signer = Signer::builder().scheme(scheme.clone()).keys(ring.clone());
        quiet(name, &signer);
        let signer = signer.build().unwrap();
        quiet(name, &signer);
        quiet(name, &ring);
        quiet(name, &ring.stats());
        let headers = signer.sign_at(&Message::new("{}").id("evt_1").event_type("order.paid"), NOW).unwrap();
        quiet(name, &headers);

        let verifier = Verifier::builder().scheme(scheme.clone()).keys(secret.clone()).max_body(100);
        quiet(name, &verifier);
        // A private key verifies nothing; the refusal is as silent.
        match verifier.build() {
            Ok(verifier) => {
                quiet(name, &verifier);
                quiet(name, &verifier.verify_at("{}", &headers, NOW).unwrap());
            }
            Err(error) => loud(name, &error),
        }
        if scheme.signs_timestamp() {
            let guard = ReplayGuard::default();
            quiet(name, &Verifier::builder().scheme(scheme).keys(secret).replay(guard.clone()));
            quiet(name, &guard);
        }
    }
}

#[test]
fn no_error_of_construction_prints_a_secret() {
    let accidents = [
        format!(" {CANARY}"),
        format!("{CANARY}\n"),
        format!("\"{CANARY}\""),
        format!("v1,whsec_{CANARY}"),
        format!("whsec_{CANARY}"),
        format!("whsk_{CANARY}"),
        format!("whpk_{CANARY}"),
        format!("sk_live_{CANARY}"),
        STANDARD.encode(&CANARY[..15]),
        hex(&CANARY.as_bytes()[..15]),
        format!("{}0", hex(CANARY.as_bytes())),
        CANARY.to_owned(),
    ];
    let constructors: [(&str, Constructor); 6] = [
        ("parse", Secret::parse),
        ("base64", Secret::base64),
        ("hex", Secret::hex),
        ("ed25519_private", Secret::ed25519_private),
        ("ed25519_public", Secret::ed25519_public),
        ("utf8", Secret::utf8),
    ];
    let mut errors = 0;
    for (name, make) in constructors {
        for accident in &accidents {
            match make(accident.clone()) {
                Err(error) => {
                    errors += 1;
                    loud(name, &error);
                }
                Ok(secret) => {
                    for scheme in Scheme::names() {
                        let builder = Verifier::builder().scheme(Scheme::named(scheme).unwrap()).keys(secret.clone());
                        if let Err(error) = builder.build() {
                            errors += 1;
                            loud(scheme, &error);
                        }
                    }
                }
            }
        }
    }
    assert!(errors > 80, "only {errors} errors were looked at");

    let ring = KeyRing::new([Secret::parse(CANARY).unwrap()]).unwrap();
    let _signer = Signer::new(ring.clone()).unwrap();
    loud(
        "a second scheme",
        &Verifier::builder().scheme(Scheme::named("stripe").unwrap()).keys(ring).build().unwrap_err(),
    );
    loud("too many", &Verifier::builder().secrets([CANARY; 17]).unwrap_err());
    let document = r#"{"name": "CANARY", "key": "CANARY"}"#.replace("CANARY", CANARY);
    assert!(Scheme::from_json(&document).is_err());
}

#[test]
fn no_error_of_verification_prints_a_secret_or_a_value() {
    let mut errors = 0;
    for (name, secret) in secrets() {
        let scheme = Scheme::named(name).unwrap();
        let Ok(verifier) = Verifier::builder().scheme(scheme.clone()).keys(secret).build() else { continue };
        let names: Vec<String> = scheme.header_names().map(|name| name.as_str().to_owned()).collect();
        for value in [CANARY.to_owned(), format!("t={CANARY},v1={CANARY}"), format!("{CANARY}\n"), CANARY.repeat(400)] {
            let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
            for headers in
                [&all[..], &all[..1], &all[1..], &[all.clone(), all.clone()].concat(), &[("X-Other", CANARY)]]
            {
                if let Err(error) = verifier.verify_at(CANARY, headers, NOW) {
                    errors += 1;
                    loud(name, &error);
                }
            }
        }
    }
    assert!(errors > 100, "only {errors} errors were looked at");
}

#[test]
fn no_finding_prints_a_secret() {
    let sent = Signer::new(Secret::parse(CANARY).unwrap()).unwrap().sign_at(&Message::new(r#"{"a": 1}"#), NOW).unwrap();
    let headers: Vec<(&str, &[u8])> = sent.iter().map(|(name, value)| (name, value.as_bytes())).collect();
    let mut findings = 0;
    for body in ["{\"a\":1}", "{\"a\": 1}", "{\"a\": 1}\n"] {
        for secret in [CANARY.to_owned(), format!(" {CANARY}"), format!("\"{CANARY}\""), STANDARD.encode(CANARY)] {
            for scheme in ["hookseal", "stripe", "standard-webhooks", "gitlab"] {
                let received = Received { body: body.as_bytes(), headers: &headers, url: None, now: NOW };
                for finding in diagnose(&received, &[secret.as_str()], &Scheme::named(scheme).unwrap()) {
                    findings += 1;
                    quiet(scheme, &finding);
                }
            }
        }
    }
    assert!(findings > 0);
}

#[test]
fn no_panic_prints_a_secret() {
    for (name, secret) in secrets() {
        let ring = KeyRing::new([secret.clone()]).unwrap();
        let signer = Signer::builder().scheme(Scheme::named(name).unwrap()).keys(ring.clone()).build().unwrap();
        panics(name, || panic!("unexpected {secret:?}"));
        panics(name, || panic!("unexpected {ring:?}"));
        panics(name, || panic!("unexpected {signer:?}"));
        panics(name, || assert_eq!(Err::<SignedHeaders, _>(()), Ok(token(&signer))));
        panics(name, || drop(Secret::hex(CANARY).unwrap()));
    }
}

#[cfg(feature = "send")]
#[test]
fn no_endpoint_prints_a_secret() {
    use hookseal::{Endpoint, EndpointOptions};

    let url = "https://hooks.example.com/in";
    let builder = Endpoint::builder(url, Signer::new(Secret::parse(CANARY).unwrap()).unwrap())
        .header("X-Custom", CANARY)
        .bearer(CANARY);
    quiet("builder", &builder);
    quiet("endpoint", &builder.build().unwrap());
    let options: EndpointOptions = serde_json::from_value(serde_json::json!({
        "url": format!("{url}/{CANARY}?token={CANARY}"), "secrets": [CANARY], "basic_auth": ["user", CANARY],
    }))
    .unwrap();
    quiet("options", &options);
    quiet("endpoint", &Endpoint::from_options(options.clone(), None).unwrap());
    for broken in [
        EndpointOptions { url: format!("ftp://example.com/{CANARY}"), ..options.clone() },
        EndpointOptions { url: format!("https://user:{CANARY}@example.com/"), ..options.clone() },
        EndpointOptions { secrets: vec![format!(" {CANARY}")], ..options.clone() },
        EndpointOptions { bearer: Some(CANARY.to_owned()), ..options.clone() },
        EndpointOptions { headers: [("X-Custom".to_owned(), format!("{CANARY}\n"))].into(), ..options },
    ] {
        loud("options", &Endpoint::from_options(broken, None).unwrap_err());
    }
}

fn token(signer: &Signer) -> SignedHeaders {
    signer.sign_at(&Message::new("{}").id("evt_1"), NOW).unwrap()
}

thread_local! {
    static PANICS_ON_PURPOSE: Cell<bool> = const { Cell::new(false) };
}

fn panics(what: &str, act: impl FnOnce()) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !PANICS_ON_PURPOSE.get() {
                usual(info);
            }
        }));
    });
    PANICS_ON_PURPOSE.set(true);
    let payload = catch_unwind(AssertUnwindSafe(act)).unwrap_err();
    PANICS_ON_PURPOSE.set(false);
    let text = payload.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(!text.is_empty());
    is_silent(what, &text);
}

fn loud(what: &str, error: &Error) {
    quiet(what, error);
    is_silent(what, &displayed(error));
}

fn displayed(error: &impl Display) -> String {
    error.to_string()
}

fn quiet(what: &str, value: &impl Debug) {
    is_silent(what, &format!("{value:?} {value:#?}"));
}

/// Not the canary, nor ten characters of it, in any of the spellings that a program might print.
fn is_silent(what: &str, text: &str) {
    let bytes = CANARY.as_bytes();
    let spellings = [
        CANARY.to_owned(),
        STANDARD.encode(bytes),
        hex(bytes),
        hex(bytes).to_uppercase(),
        bytes.iter().map(|byte| format!("{byte},")).collect::<Vec<_>>().concat(),
    ];
    let text: String = text.split_whitespace().collect();
    for spelling in spellings {
        let letters: Vec<char> = spelling.chars().collect();
        for part in letters.windows(10) {
            let part: String = part.iter().collect();
            assert!(!text.contains(&part), "{what} prints {part:?} of a secret: {text}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
