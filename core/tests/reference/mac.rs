//! HMAC from its definition (RFC 2104), over the hash functions alone.

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

pub(crate) fn hmac(algorithm: &str, key: &[u8], message: &[u8]) -> Vec<u8> {
    match algorithm {
        "hmac-sha1" => over::<Sha1>(64, key, message),
        "hmac-sha256" => over::<Sha256>(64, key, message),
        "hmac-sha512" => over::<Sha512>(128, key, message),
        other => panic!("{other} is no HMAC"),
    }
}

pub(crate) fn sha256(message: &[u8]) -> Vec<u8> {
    Sha256::digest(message).to_vec()
}

fn over<D: Digest>(block: usize, key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut key = if key.len() > block { D::digest(key).to_vec() } else { key.to_vec() };
    key.resize(block, 0);
    let masked = |mask: u8| key.iter().map(|byte| byte ^ mask).collect::<Vec<u8>>();
    let inner = D::digest([masked(0x36), message.to_vec()].concat());
    D::digest([masked(0x5c), inner.to_vec()].concat()).to_vec()
}
