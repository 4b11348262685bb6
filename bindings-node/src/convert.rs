//! Moments and header values on their way from JavaScript into the core.

use hookseal::{Result, Timestamp};
use napi::{
    Status, ValueType,
    bindgen_prelude::{FromNapiValue, TypeName, ValidateNapiValue},
    sys,
};

use crate::seal;

/// Header values are copied to the stack up to this length.
const SHORT: usize = 320;

/// Seconds, rounded down; NaN stands for the clock.
pub(crate) fn timestamp(seconds: f64) -> Result<Timestamp> {
    if seconds.is_nan() { Timestamp::now() } else { seal::timestamp(seconds) }
}

/// What a look-up of one header found: `undefined`, a string, or `null` for more than one.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives on the stack for one call")]
pub enum HeaderText {
    /// No such header.
    Absent,
    /// The name occurs more than once.
    Doubled,
    /// A value of ASCII characters, copied to the stack: most are.
    Short([u8; SHORT], usize),
    /// Any other value, a byte for each Latin-1 character.
    Long(Vec<u8>),
}

impl HeaderText {
    /// Gives each occurrence's bytes.
    pub(crate) fn each<'a>(&'a self, mut give: impl FnMut(&'a [u8])) {
        match self {
            Self::Absent => {}
            Self::Doubled => {
                give(b"");
                give(b"");
            }
            Self::Short(bytes, length) => give(&bytes[..*length]),
            Self::Long(bytes) => give(bytes),
        }
    }
}

impl TypeName for HeaderText {
    fn type_name() -> &'static str {
        "string | null | undefined"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl ValidateNapiValue for HeaderText {}

impl FromNapiValue for HeaderText {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        let mut bytes = [0; SHORT];
        let mut length = 0;
        // SAFETY: the caller passes a live value of this environment; at most SHORT bytes are written.
        let status =
            unsafe { sys::napi_get_value_string_utf8(env, value, bytes.as_mut_ptr().cast(), SHORT, &raw mut length) };
        if status == sys::Status::napi_ok {
            // One byte is for the terminator, and a character that does not fit is left out as a whole.
            if length < SHORT - 4 && bytes[..length].is_ascii() {
                return Ok(Self::Short(bytes, length));
            }
            // SAFETY: as above.
            let text = unsafe { String::from_napi_value(env, value)? };
            return Ok(Self::Long(seal::latin1(&text)));
        }
        let mut kind = 0;
        // SAFETY: as above.
        unsafe { sys::napi_typeof(env, value, &raw mut kind) };
        match ValueType::from(kind) {
            ValueType::Undefined => Ok(Self::Absent),
            ValueType::Null => Ok(Self::Doubled),
            kind => Err(napi::Error::new(Status::StringExpected, format!("a header's value can not be {kind}"))),
        }
    }
}
