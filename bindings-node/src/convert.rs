//! Moments, bytes and texts on their way between JavaScript and the core.
//!
//! `verify` and `sign` are called for every webhook, so their arguments are read where they are wanted, into room on the
//! stack of the call: the generic conversions allocate, and move what they have read.

use std::{borrow::Cow, mem::MaybeUninit, slice};

use hookseal::{Result, Timestamp};
use napi::{
    Status, ValueType,
    bindgen_prelude::{FromNapiValue, ToNapiValue, TypeName, ValidateNapiValue},
    sys,
};

use crate::seal;

/// Seconds, rounded down; NaN stands for the clock.
pub(crate) fn timestamp(seconds: f64) -> Result<Timestamp> {
    if seconds.is_nan() { Timestamp::now() } else { seal::timestamp(seconds) }
}

/// The bytes of a `Uint8Array`, borrowed for the call.
#[derive(Debug)]
pub struct Bytes {
    data: *const u8,
    length: usize,
}

impl Bytes {
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: Node-API gave both for a live array, and no JavaScript runs before the call ends.
        if self.length == 0 { &[] } else { unsafe { slice::from_raw_parts(self.data, self.length) } }
    }
}

impl FromNapiValue for Bytes {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        let (mut kind, mut length, mut data) = (-1, 0, std::ptr::null_mut());
        let (buffer, offset) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the caller passes a live value of this environment; what is null is not asked for.
        let status = unsafe {
            sys::napi_get_typedarray_info(env, value, &raw mut kind, &raw mut length, &raw mut data, buffer, offset)
        };
        if status == sys::Status::napi_ok && kind == sys::TypedarrayType::uint8_array {
            return Ok(Self { data: data.cast(), length });
        }
        Err(napi::Error::new(Status::InvalidArg, "bytes must be a Uint8Array"))
    }
}

/// Texts are copied to the stack up to this length.
const ROOM: usize = 320;

/// Room for one text.
pub(crate) struct Room([MaybeUninit<u8>; ROOM]);

impl Room {
    pub(crate) const fn new() -> Self {
        Self([MaybeUninit::uninit(); ROOM])
    }
}

/// A text, not read yet; what else it may be is said by a [`Shape`], since asking for its type takes longer.
#[derive(Debug)]
pub struct Text {
    env: sys::napi_env,
    value: sys::napi_value,
}

/// Two bits for each text of a call, from the lowest on: 0 where there is none, 1 for one, 2 for several.
#[derive(Clone, Copy)]
pub(crate) struct Shape(pub(crate) u32);

impl Shape {
    fn at(self, place: u32) -> u32 {
        self.0 >> (2 * place) & 3
    }

    /// The text at that place, where there is one.
    pub(crate) fn text<'a>(self, place: u32, text: &Text, room: &'a mut Room) -> napi::Result<Option<Cow<'a, str>>> {
        if self.at(place) == 1 { text.read(room).map(Some) } else { Ok(None) }
    }

    /// What was found of the header at that place: its value, a byte for each character.
    pub(crate) fn header<'a>(self, place: u32, text: &Text, room: &'a mut Room) -> napi::Result<Header<'a>> {
        Ok(match self.at(place) {
            0 => Header::Absent,
            1 => match text.read(room)? {
                Cow::Borrowed(text) if text.is_ascii() => Header::One(Cow::Borrowed(text.as_bytes())),
                text => Header::One(Cow::Owned(seal::latin1(&text))),
            },
            _ => Header::Doubled,
        })
    }
}

/// What JavaScript's look-up of one header found.
#[derive(Debug)]
pub(crate) enum Header<'a> {
    /// No such header.
    Absent,
    /// The name occurs more than once.
    Doubled,
    /// The value.
    One(Cow<'a, [u8]>),
}

impl Text {
    fn read<'a>(&self, room: &'a mut Room) -> napi::Result<Cow<'a, str>> {
        let mut length = 0;
        let place = room.0.as_mut_ptr().cast();
        // SAFETY: the value is live during the call that it came with; at most ROOM bytes are written.
        let status = unsafe { sys::napi_get_value_string_utf8(self.env, self.value, place, ROOM, &raw mut length) };
        if status != sys::Status::napi_ok {
            return Err(napi::Error::new(Status::from(status), "a text must be a string"));
        }
        // One byte is for the terminator, and a character that does not fit is left out as a whole.
        if length < ROOM - 4 {
            // SAFETY: Node-API has written so many bytes.
            let bytes = unsafe { slice::from_raw_parts(place.cast_const().cast(), length) };
            let text = str::from_utf8(bytes).map_err(|error| napi::Error::from_reason(error.to_string()))?;
            return Ok(Cow::Borrowed(text));
        }
        // SAFETY: as above.
        unsafe { String::from_napi_value(self.env, self.value) }.map(Cow::Owned)
    }
}

impl FromNapiValue for Text {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        Ok(Self { env, value })
    }
}

/// ASCII on its way to JavaScript, which is made a string without decoding it.
#[derive(Debug)]
pub struct Ascii(pub(crate) String);

impl ToNapiValue for Ascii {
    unsafe fn to_napi_value(env: sys::napi_env, text: Self) -> napi::Result<sys::napi_value> {
        if !text.0.is_ascii() {
            // SAFETY: the caller's environment is live.
            return unsafe { String::to_napi_value(env, text.0) };
        }
        let mut value = std::ptr::null_mut();
        let length = text.0.len().cast_signed();
        // SAFETY: as above; the text is copied.
        let status = unsafe { sys::napi_create_string_latin1(env, text.0.as_ptr().cast(), length, &raw mut value) };
        if status == sys::Status::napi_ok { Ok(value) } else { Err(napi::Error::from_status(Status::from(status))) }
    }
}

macro_rules! typed {
    ($($type:ty => $name:literal),*) => {$(
        impl TypeName for $type {
            fn type_name() -> &'static str {
                $name
            }

            fn value_type() -> ValueType {
                ValueType::Unknown
            }
        }

        impl ValidateNapiValue for $type {}
    )*};
}

typed!(Bytes => "Uint8Array", Text => "string | null | undefined", Ascii => "string");
