//! The crate against the plain verifier of its tests: the same verdict for every case that a tape of bytes describes.

#![no_main]

#[path = "../../tests/reference/mod.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;
use reference::{
    generate::{self, Tape},
    subject,
};

fuzz_target!(|data: &[u8]| {
    let case = generate::case(&mut Tape::new(data));
    assert_eq!(subject::verify(&case), reference::verify(&case), "{case}");
});
