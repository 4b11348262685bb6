//! A compact form for the calls that are made for every webhook: UniFFI's records cost more than the MAC.
//!
//! One after the other: a byte; a number as a presence byte (0 or 1) and eight bytes, little end first; a text as its
//! length in four bytes, little end first, and its UTF-8. The length 4,294,967,295 stands for no text.

use hookseal::{Error, ErrorCode};

const ABSENT: u32 = u32::MAX;

/// Takes apart what the caller has packed.
pub(crate) struct Unpacker<'a>(pub(crate) &'a [u8]);

impl<'a> Unpacker<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn number(&mut self) -> Result<Option<i64>, Error> {
        let [is_present] = self.take()?;
        let number = i64::from_le_bytes(self.take()?);
        Ok((is_present == 1).then_some(number))
    }

    pub(crate) fn text(&mut self) -> Result<Option<&'a str>, Error> {
        let length = u32::from_le_bytes(self.take()?);
        if length == ABSENT {
            return Ok(None);
        }
        let (text, rest) = self.0.split_at_checked(length as usize).ok_or_else(broken)?;
        self.0 = rest;
        std::str::from_utf8(text).map(Some).map_err(|_| broken())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(broken)?;
        self.0 = rest;
        Ok(*taken)
    }
}

fn broken() -> Error {
    Error::new(ErrorCode::Internal, "the package and its native half do not fit together")
}

/// Puts together what the caller takes apart.
pub(crate) struct Packer(Vec<u8>);

impl Packer {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(128))
    }

    pub(crate) fn number(&mut self, number: Option<i64>) {
        self.0.push(number.is_some().into());
        self.0.extend_from_slice(&number.unwrap_or_default().to_le_bytes());
    }

    pub(crate) fn text(&mut self, text: Option<&str>) {
        let length = text.map_or(Some(ABSENT), |text| u32::try_from(text.len()).ok().filter(|it| *it != ABSENT));
        self.0.extend_from_slice(&length.unwrap_or_default().to_le_bytes());
        if length.is_some() {
            self.0.extend_from_slice(text.unwrap_or_default().as_bytes());
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}
