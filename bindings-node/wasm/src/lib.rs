//! The seal for runtimes without native addons, as WebAssembly: `ts/edge/native.ts` calls it.
//!
//! One call takes a request and makes a reply. A request is JSON, `[name, arguments]`, followed by the bytes of a body
//! where the call takes one; a reply is JSON, the value or a [`Failure`].

mod calls;
#[path = "../../src/seal.rs"]
mod seal;
#[path = "../../src/table.rs"]
mod table;

use std::cell::RefCell;

use zeroize::Zeroizing;

thread_local! {
    static REQUEST: RefCell<Zeroizing<Vec<u8>>> = RefCell::default();
    static REPLY: RefCell<Zeroizing<Vec<u8>>> = RefCell::default();
}

/// Makes room for a request of so many bytes, and says where.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    let mut request = Zeroizing::new(vec![0; length]);
    let place = request.as_mut_ptr();
    REQUEST.set(request);
    place
}

/// Answers the request, whose first `json` bytes are JSON and whose others are the body. Gives the reply's length.
#[unsafe(no_mangle)]
pub extern "C" fn call(json: usize) -> usize {
    let request = REQUEST.take();
    let reply = Zeroizing::new(calls::answer(&request[..json], &request[json..]));
    let length = reply.len();
    REPLY.set(reply);
    length
}

/// Where the reply is.
#[unsafe(no_mangle)]
pub extern "C" fn reply() -> *const u8 {
    REPLY.with_borrow(|reply| reply.as_ptr())
}
