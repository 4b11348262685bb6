//! Secrets at rest: XChaCha20-Poly1305 under a key that the database does not hold.

use std::{fs, io::Write as _, path::Path};

use bytes::Bytes;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::options::OutboxOptions;
use crate::{
    Error, ErrorCode, Result,
    secret::{decode_base64_key, decode_hex_key},
    store::{Store, invalid},
};

const KEY: usize = 32;
const NONCE: usize = 24;
/// How many bytes of a key's SHA-256 name it.
const NAME: usize = 8;

/// Seals and opens; the first key seals.
pub(super) struct Vault {
    keys: Vec<([u8; NAME], XChaCha20Poly1305)>,
}

impl Vault {
    /// Takes the keys that the options name, or the one beside the database's file, which it makes where there is none.
    pub(super) fn new(options: &OutboxOptions, store: &Store) -> Result<Self> {
        let mut texts: Vec<Zeroizing<String>> = Vec::new();
        if let Some(key) = &options.encryption_key {
            texts.push(Zeroizing::new(key.clone()));
        }
        texts.extend(options.former_encryption_keys.iter().map(|key| Zeroizing::new(key.clone())));
        if options.encryption_key.is_none() {
            match &store.file {
                Some(file) => texts.insert(0, key_beside(file)?),
                None if !store.is_durable => texts.insert(0, fresh_key()?),
                None => {
                    return Err(invalid(
                        "this store needs encryption_key: 32 random bytes as hex or base64, the same for every program that uses it",
                    ));
                }
            }
        }
        let keys = texts.iter().map(|text| prepare(text)).collect::<Result<_>>()?;
        Ok(Self { keys })
    }

    pub(super) fn seal(&self, plain: &[u8]) -> Result<Bytes> {
        let (name, cipher) = &self.keys[0];
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| internal(format!("no random numbers: {error}")))?;
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), plain)
            .map_err(|_| internal("a secret could not be encrypted".to_owned()))?;
        Ok([&name[..], &nonce, &sealed].concat().into())
    }

    pub(super) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let broken = || Error::new(ErrorCode::StorageUnavailable, "an encrypted row was changed or cut short");
        let (name, rest) = sealed.split_at_checked(NAME).ok_or_else(broken)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE).ok_or_else(broken)?;
        let Some((_, cipher)) = self.keys.iter().find(|(known, _)| known == name) else {
            return Err(invalid(format!(
                "a row is encrypted with the key {}, which is not among the given ones",
                const_hex::encode(name)
            )));
        };
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| broken())?;
        cipher.decrypt(&XNonce::from(nonce), sealed).map(Zeroizing::new).map_err(|_| broken())
    }

    /// Whether a row was sealed with the key that seals now.
    pub(super) fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&self.keys[0].0)
    }
}

fn prepare(text: &str) -> Result<([u8; NAME], XChaCha20Poly1305)> {
    let text = text.trim();
    let key = if text.len() == 2 * KEY { decode_hex_key(text) } else { decode_base64_key(text) };
    let key = key.ok().filter(|key| key.len() == KEY);
    let key = key.ok_or_else(|| invalid("encryption_key must be 32 bytes as hex or base64"))?;
    let mut name = [0; NAME];
    name.copy_from_slice(&Sha256::digest(&*key)[..NAME]);
    let cipher = XChaCha20Poly1305::new_from_slice(&key).map_err(|_| invalid("encryption_key must be 32 bytes"))?;
    Ok((name, cipher))
}

fn fresh_key() -> Result<Zeroizing<String>> {
    let mut key = Zeroizing::new([0; KEY]);
    getrandom::fill(&mut *key).map_err(|error| internal(format!("no random numbers: {error}")))?;
    Ok(Zeroizing::new(const_hex::encode(key.as_slice())))
}

/// The key in `<file>.key`, made with mode 0600 where there is none yet.
fn key_beside(file: &Path) -> Result<Zeroizing<String>> {
    let mut name = file.as_os_str().to_owned();
    name.push(".key");
    let path = Path::new(&name);
    let failed = |error: std::io::Error| {
        Error::new(ErrorCode::StorageUnavailable, format!("the key file {}: {error}", path.display()))
    };
    match fs::read_to_string(path) {
        Ok(text) => return Ok(Zeroizing::new(text)),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        Err(_) => {}
    }
    let key = fresh_key()?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Written whole under another name first: a process that comes second must never read half a key.
    let mut draft = name.clone();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    let written = options.open(draft).and_then(|mut out| {
        out.write_all(key.as_bytes())?;
        out.sync_all()?;
        match fs::hard_link(draft, path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    });
    let _ = fs::remove_file(draft);
    written.map_err(failed)?;
    tracing::warn!(file = %path.display(), "made a key for the outbox's secrets; keep it with the database, and apart from its backups");
    fs::read_to_string(path).map(Zeroizing::new).map_err(failed)
}

fn internal(message: String) -> Error {
    Error::new(ErrorCode::Internal, message)
}
