//! Signing.

use hookseal::{KeyRing, Message, Scheme, Signer};
use napi::Result;
use napi_derive::napi;

use crate::{
    convert,
    error::{Tagged, guarded, set_last, tagged},
    handle, seal,
};

/// What a signer is made of.
#[napi(object)]
#[derive(Debug)]
pub struct SignerRecord {
    /// The handle of its key ring.
    pub ring: u32,
    /// The handle of its scheme.
    pub scheme: u32,
    /// The last second in which this scheme is signed.
    pub until: Option<f64>,
    /// The handles of signers that sign beside it.
    pub also: Vec<u32>,
}

/// A signer.
#[napi]
pub fn signer(options: SignerRecord) -> Result<Tagged<u32>> {
    let ring: KeyRing = handle::get(options.ring)?;
    let scheme: Scheme = handle::get(options.scheme)?;
    let also = options.also.into_iter().map(handle::get::<Signer>).collect::<Result<Vec<_>>>()?;
    Ok(tagged(|| seal::signer(scheme, ring, options.until, also).map(handle::keep)))
}

/// Signs a body. The headers come as lines of name and value in turn; nothing means that
/// `last_failure` tells why.
#[napi]
pub fn sign(
    signer: u32,
    body: &[u8],
    timestamp: f64,
    id: Option<String>,
    event_type: Option<String>,
    url: Option<String>,
) -> Result<Option<String>> {
    let headers = handle::with(signer, |signer: &Signer| {
        guarded(|| {
            let mut message = Message::new(body);
            if let Some(id) = &id {
                message = message.id(id);
            }
            if let Some(event_type) = &event_type {
                message = message.event_type(event_type);
            }
            if let Some(url) = &url {
                message = message.url(url);
            }
            signer.sign_at(&message, convert::timestamp(timestamp)?)
        })
    })?;
    match headers {
        Ok(headers) => Ok(Some(seal::lines(&headers))),
        Err(error) => {
            set_last(error);
            Ok(None)
        }
    }
}
