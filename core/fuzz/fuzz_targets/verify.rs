//! A whole request under every built-in scheme: a verdict, whatever the input.
//!
//! Input: fields with the byte 0x1E between them: the scheme's name, `now`, the URL, the values of the scheme's headers
//! in their order (`-` for one that is absent), and the body, which takes the rest.

#![no_main]

use hookseal::{ErrorKind, HeaderSource, ReplayGuard, Scheme, Secret, Timestamp, Verifier};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PUBLIC_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fuzz_target!(|data: &[u8]| {
    let mut fields = data.splitn(7, |byte| *byte == 0x1e);
    let mut field = || fields.next().unwrap_or_default();
    let Ok(scheme) = Scheme::named(&String::from_utf8_lossy(field())) else { return };
    let now = String::from_utf8_lossy(field()).parse().unwrap_or(1_700_000_000);
    let url = String::from_utf8(field().to_vec()).ok();
    let values = [field(), field(), field()];
    let body = field();

    let key = match scheme.name() {
        "discord" => Secret::ed25519_public(PUBLIC_KEY),
        _ => Secret::parse(SECRET),
    };
    let builder = Verifier::builder().scheme(scheme.clone()).keys(key.unwrap());
    let guarded = scheme.signs_timestamp();
    let builder = if guarded { builder.replay(ReplayGuard::new(10).unwrap()) } else { builder };
    let verifier = builder.build().unwrap();
    let headers: Vec<(&str, &[u8])> =
        scheme.header_names().map(|name| name.as_str()).zip(values).filter(|(_, value)| *value != b"-").collect();
    judge(&verifier, body, &headers, url.as_deref(), now);
    if let Some(header) = headers.first().and_then(|(_, value)| std::str::from_utf8(value).ok()) {
        judge(&verifier, body, &header, url.as_deref(), now);
    }
});

fn judge(verifier: &Verifier, body: &[u8], headers: &impl HeaderSource, url: Option<&str>, now: i64) {
    let now = Timestamp::from_unix(now);
    match verifier.verify_url_at(body, headers, url, now) {
        Ok(verified) => {
            assert_eq!(verified.key_index(), 0);
            if verifier.scheme().signs_timestamp() {
                assert!((verified.timestamp().unwrap().as_unix() - now.as_unix()).abs() <= 300);
                let again = verifier.verify_url_at(body, headers, url, now).unwrap_err();
                assert_eq!(again.code().as_str(), "replayed");
            }
        }
        Err(error) => assert_eq!(error.code().kind(), ErrorKind::Verification),
    }
}
