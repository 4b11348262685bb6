//! Hex and base64 of signatures: strict to read, one spelling to write.

use std::fmt::Write as _;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Standard alphabet, padding required, no bits left over.
const STRICT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Fills `out` from hexadecimal digits of either case; `false` where the length or a digit is wrong.
#[inline]
pub(crate) fn decode_hex(text: &[u8], out: &mut [u8]) -> bool {
    // The length is checked first because the decoder would skip a leading 0x.
    text.len() == out.len() * 2 && const_hex::decode_to_slice(text, out).is_ok()
}

/// Fills `out` from base64; `false` where the text is not the one encoding of exactly that many bytes.
pub(crate) fn decode_base64(text: &[u8], out: &mut [u8]) -> bool {
    // The decoder wants room for whole groups of three bytes.
    let mut room = [0_u8; 66];
    if text.len() != out.len().div_ceil(3) * 4 || out.len() > 64 {
        return false;
    }
    match STRICT.decode_slice(text, &mut room) {
        Ok(length) if length == out.len() => {
            out.copy_from_slice(&room[..length]);
            true
        }
        _ => false,
    }
}

/// Appends hexadecimal digits.
pub(crate) fn push_hex(bytes: &[u8], text: &mut String) {
    // Writing to a string does not fail.
    let _ = write!(text, "{}", const_hex::display(bytes));
}

/// Appends base64.
pub(crate) fn push_base64(bytes: &[u8], text: &mut String) {
    STRICT.encode_string(bytes, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_strict_but_for_case() {
        let mut out = [0; 3];
        assert!(decode_hex(b"00fFA9", &mut out));
        assert_eq!(out, [0x00, 0xff, 0xa9]);
        for bad in ["00ff", "0x00ff", "0X00ff", "00ffa90", "00ffag", "0x00ff", "00ff 9", "\u{ff10}ff"] {
            assert!(!decode_hex(bad.as_bytes(), &mut out), "{bad}");
        }
        let mut text = String::from("=");
        push_hex(&[0x00, 0xff, 0xa9], &mut text);
        assert_eq!(text, "=00ffa9");
    }

    #[test]
    fn base64_is_strict() {
        let mut out = [0; 4];
        assert!(decode_base64(b"+/8AAQ==", &mut out));
        assert_eq!(out, [0xfb, 0xff, 0x00, 0x01]);
        for bad in ["+/8AAQ", "-_8AAQ==", "+/8AAR==", "+/8A\nQ==", "+/8AAQ=a", "+/8AAQAA"] {
            assert!(!decode_base64(bad.as_bytes(), &mut out), "{bad}");
        }
        let mut text = String::from("=");
        push_base64(&out, &mut text);
        assert_eq!(text, "=+/8AAQ==");
    }
}
