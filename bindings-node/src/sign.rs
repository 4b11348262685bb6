//! Signing.

use hookseal::{KeyRing, Message, Scheme, Signer};
use napi::Result;
use napi_derive::napi;

use crate::{
    convert::{self, Ascii, Bytes, Room, Shape, Text},
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

/// The names of all headers that `sign` can write.
#[napi]
pub fn signer_headers(signer: u32) -> Result<Vec<String>> {
    handle::with(signer, |signer: &Signer| signer.header_names().map(str::to_owned).collect())
}

/// Signs a body. `shape` is that of the texts, see [`Shape`]. The headers come packed: see [`seal::packed`]; nothing means that `last_failure` tells why.
#[napi(ts_return_type = "string | null")]
pub fn sign(
    signer: u32,
    #[napi(ts_arg_type = "Uint8Array")] body: Bytes,
    timestamp: f64,
    shape: u32,
    #[napi(ts_arg_type = "string | undefined")] id: Text,
    #[napi(ts_arg_type = "string | undefined")] event_type: Text,
    #[napi(ts_arg_type = "string | undefined")] url: Text,
) -> Result<Option<Ascii>> {
    let mut rooms = [const { Room::new() }; 3];
    let [for_id, for_type, for_url] = &mut rooms;
    let shape = Shape(shape);
    let id = shape.text(0, &id, for_id)?;
    let event_type = shape.text(1, &event_type, for_type)?;
    let url = shape.text(2, &url, for_url)?;
    let headers = handle::with(signer, |signer: &Signer| {
        guarded(|| {
            let mut message = Message::new(body.as_slice());
            if let Some(id) = &id {
                message = message.id(id);
            }
            if let Some(event_type) = &event_type {
                message = message.event_type(event_type);
            }
            if let Some(url) = &url {
                message = message.url(url);
            }
            Ok(seal::packed(signer, &signer.sign_at(&message, convert::timestamp(timestamp)?)?))
        })
    })?;
    Ok(headers.map(Ascii).map_err(set_last).ok())
}
