//! Signing and verifying through one piece of memory outside the JVM's heap.
//!
//! Why not UniFFI's own call? JNA passes and returns a structure for each text and each status, and each costs more than
//! the MAC. Here only numbers cross: the caller puts what it packed (`bindings-swift/src/packed.rs`) and then the body into
//! the memory, and finds the answer in their place.

use std::{panic::AssertUnwindSafe, panic::catch_unwind, slice};

use hookseal_swift::{
    error::NativeError,
    verify::{NativeSigner, NativeVerifier},
};

/// `NativeVerifier::verify_packed`; the answer's length, or the failure's below zero.
///
/// # Safety
///
/// `verifier` is a living handle of a `NativeVerifier`; `memory` holds `room` bytes, of which the first `packed` and the
/// next `body` are filled, and is the caller's alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hookseal_verify(verifier: u64, memory: *mut u8, packed: u32, body: u32, room: u32) -> i32 {
    // SAFETY: as the caller promises.
    let (verifier, memory) = unsafe { (&*(verifier as *const NativeVerifier), borrow(memory, room)) };
    answer(memory, packed, body, |packed, body| verifier.verify_packed(body, packed))
}

/// `NativeSigner::sign_packed`; the answer's length, or the failure's below zero.
///
/// # Safety
///
/// As for [`hookseal_verify`], with a handle of a `NativeSigner`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hookseal_sign(signer: u64, memory: *mut u8, packed: u32, body: u32, room: u32) -> i32 {
    // SAFETY: as the caller promises.
    let (signer, memory) = unsafe { (&*(signer as *const NativeSigner), borrow(memory, room)) };
    answer(memory, packed, body, |packed, body| signer.sign_packed(body, packed))
}

unsafe fn borrow<'a>(memory: *mut u8, room: u32) -> &'a mut [u8] {
    // SAFETY: as the callers' callers promise.
    unsafe { slice::from_raw_parts_mut(memory, room as usize) }
}

fn answer(
    memory: &mut [u8],
    packed: u32,
    body: u32,
    call: impl FnOnce(&[u8], &[u8]) -> Result<Vec<u8>, NativeError>,
) -> i32 {
    let (packed, body) = (packed as usize, body as usize);
    // A panic must not reach the JVM's frames.
    let answer = catch_unwind(AssertUnwindSafe(|| call(&memory[..packed], &memory[packed..packed + body])));
    match answer {
        Ok(Ok(answer)) => write(memory, &answer),
        Ok(Err(error)) => -write(memory, &failure(error)),
        Err(_) => BROKEN,
    }
}

/// Not written: there is no room for the answer, or the core has panicked.
const BROKEN: i32 = i32::MIN;

fn write(memory: &mut [u8], answer: &[u8]) -> i32 {
    match (memory.get_mut(..answer.len()), i32::try_from(answer.len())) {
        (Some(place), Ok(length)) => {
            place.copy_from_slice(answer);
            length
        }
        _ => 0,
    }
}

/// The code, the kind and the message, each after a line break but the first; `+` before the code of what may pass.
fn failure(error: NativeError) -> Vec<u8> {
    match error {
        NativeError::Webhook { failure } => {
            let sign = if failure.retryable { "+" } else { "" };
            format!("{sign}{}\n{}\n{}", failure.code, failure.kind, failure.message).into_bytes()
        }
        NativeError::Cancelled => Vec::new(),
    }
}
