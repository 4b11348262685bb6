//! Keys, and the secrets that spell them.

use std::sync::LazyLock;

use ed25519_dalek::{Signer as _, SigningKey};

use super::{Tape, text};
use crate::reference::{Secret, scheme::Scheme};

static PRIVATE_KEYS: LazyLock<Vec<SigningKey>> =
    LazyLock::new(|| (1..=6).map(|seed| SigningKey::from_bytes(&[seed; 32])).collect());

/// Somebody who can sign.
#[derive(Clone)]
pub(crate) struct Holder {
    secret: Secret,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Shared(Vec<u8>),
    Private(usize),
}

impl Holder {
    pub(crate) fn shared_key(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Shared(key) => Some(key),
            Material::Private(_) => None,
        }
    }

    /// A signature; by some other key where this one is of the other kind.
    pub(crate) fn sign_ed25519(&self, content: &[u8]) -> Vec<u8> {
        let index = match self.material {
            Material::Private(index) => index,
            Material::Shared(_) => 0,
        };
        PRIVATE_KEYS[index].sign(content).to_bytes().to_vec()
    }

    pub(crate) fn serves(&self, algorithm: &str) -> bool {
        matches!(self.material, Material::Private(_)) == (algorithm == "ed25519")
    }
}

pub(crate) fn holders(tape: &mut Tape<'_>, scheme: &Scheme) -> Vec<Holder> {
    let count = match tape.below(100) {
        0..50 => 1,
        50..75 => 2,
        75..96 => 1 + tape.below(5),
        _ => 15 + tape.below(4),
    };
    (0..count).map(|_| holder(tape, scheme)).collect()
}

fn holder(tape: &mut Tape<'_>, scheme: &Scheme) -> Holder {
    let signs = |is_ed25519: bool| scheme.versions.iter().any(|version| (version.algorithm == "ed25519") == is_ed25519);
    let (kind, text, material) =
        if signs(true) && (!signs(false) || tape.chance(40)) { private(tape, scheme) } else { shared(tape, scheme) };
    Holder { secret: Secret { kind, text, ..Secret::default() }, material }
}

type Spelled = (Option<&'static str>, String, Material);

fn private(tape: &mut Tape<'_>, scheme: &Scheme) -> Spelled {
    let index = tape.below(PRIVATE_KEYS.len());
    let public = PRIVATE_KEYS[index].verifying_key().to_bytes();
    let (kind, text) = match scheme.key.as_str() {
        "ed25519-public-hex" if !tape.chance(30) => (None, text::to_hex(&public)),
        "base64" if !tape.chance(30) => (None, format!("whpk_{}", text::to_base64(&public))),
        _ => {
            let spellings =
                [text::to_base64(&public), text::to_hex(&public), format!("whpk_{}", text::to_base64(&public))];
            (Some("ed25519_public"), tape.pick(&spellings).clone())
        }
    };
    (kind, text, Material::Private(index))
}

fn shared(tape: &mut Tape<'_>, scheme: &Scheme) -> Spelled {
    const TEXTS: [&str; 7] = [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "a",
        "second secret",
        "\u{442}\u{430}\u{439}\u{43d}\u{430}",
        "v1,x",
        "whsk_x",
        "'",
    ];
    let length = 16 + tape.below(120);
    let is_token = scheme.grammar == "token" && !tape.chance(10);
    let byte = if is_token { b'a' + tape.byte() % 26 } else { tape.byte() };
    let key = vec![byte; length];
    let plain = scheme.key.as_str();
    let kind = match plain {
        "utf8" | "base64" | "hex" if !tape.chance(20) => None,
        _ => Some(*tape.pick(&["utf8", "bytes", "base64", "hex"])),
    };
    let (text, key) = match kind.unwrap_or(plain) {
        "utf8" => {
            let text = (*tape.pick(&TEXTS)).to_owned();
            (text.clone(), text.into_bytes())
        }
        "base64" => (format!("{}{}", tape.pick(&["whsec_", ""]), text::to_base64(&key)), key),
        "hex" if tape.chance(20) => (text::to_hex(&key).to_uppercase(), key),
        "hex" => (text::to_hex(&key), key),
        _ => (text::to_base64(&key), key),
    };
    (kind, text, Material::Shared(key))
}

/// The ring's secrets: what the holders hold, with windows, ids and now and then a mistake.
pub(crate) fn secrets(tape: &mut Tape<'_>, holders: Vec<Holder>, now: i64) -> Vec<Secret> {
    const MISTAKES: [&str; 19] = [
        "",
        " ",
        "\n",
        "a ",
        "\ta",
        "\"a\"",
        "'a'",
        "`a`",
        "v1,whsec_abcd",
        "whsec_",
        "whsec_!!!!",
        "whsec_c2hvcnQ=",
        "sk_live_1",
        "rk_1",
        "whsk_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "whpk_AQ==",
        "0102",
        "zz02030405060708090a0b0c0d0e0f10",
    ];
    let mut secrets: Vec<Secret> = holders.into_iter().map(|holder| holder.secret).collect();
    for (index, secret) in secrets.iter_mut().enumerate() {
        if tape.chance(10) {
            secret.id = Some(format!("key-{}", if tape.chance(5) { 0 } else { index }));
        }
        if tape.chance(6) {
            secret.not_before = Some(now.saturating_add(*tape.pick(&[0, 1, -1])));
        }
        if tape.chance(6) {
            secret.not_after = Some(now.saturating_add(*tape.pick(&[0, 1, -1])));
        }
    }
    match tape.below(100) {
        95..98 => {
            let kind = *tape.pick(&[None, None, Some("utf8"), Some("base64"), Some("hex"), Some("ed25519_public")]);
            secrets[0] = Secret { kind, text: (*tape.pick(&MISTAKES)).to_owned(), ..Secret::default() };
        }
        98 => secrets.clear(),
        99 => secrets.reverse(),
        _ => {}
    }
    secrets
}
