//! `sign` and `verify` as callbacks written by hand, in place of the generated ones.
//!
//! What napi-derive generates allocates and locks around each call, to guard borrowed classes, of which there are none
//! here: a fifth of what a signature takes. The generated functions stay for the types that they write.

use std::ptr;

use napi::{
    JsError, JsValue,
    bindgen_prelude::{FromNapiValue, Object, Result, ToNapiValue, check_status},
    sys,
};
use napi_derive::napi;

use crate::{sign::sign, verify::verify};

/// Puts them in place.
#[napi(module_exports)]
pub fn direct(exports: Object<'_>) -> Result<()> {
    let exports = exports.value();
    define(exports.env, exports.value, c"sign", on_sign)?;
    define(exports.env, exports.value, c"verify", on_verify)
}

fn define(env: sys::napi_env, exports: sys::napi_value, name: &'static std::ffi::CStr, call: Callback) -> Result<()> {
    let mut function = ptr::null_mut();
    // SAFETY: the environment and its object are live while the module is loaded; the name ends with a null byte.
    unsafe {
        let length = name.count_bytes().cast_signed();
        check_status!(sys::napi_create_function(
            env,
            name.as_ptr(),
            length,
            Some(call),
            ptr::null_mut(),
            &raw mut function
        ))?;
        check_status!(sys::napi_set_named_property(env, exports, name.as_ptr(), function))
    }
}

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

unsafe extern "C" fn on_sign(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    answer(env, info, |[signer, body, timestamp, shape, id, event_type, url]| {
        sign(
            signer.read()?,
            body.read()?,
            timestamp.read()?,
            shape.read()?,
            id.read()?,
            event_type.read()?,
            url.read()?,
        )
    })
}

unsafe extern "C" fn on_verify(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    answer(env, info, |[verifier, body, now, shape, first, second, third, url]| {
        verify(
            verifier.read()?,
            body.read()?,
            now.read()?,
            shape.read()?,
            first.read()?,
            second.read()?,
            third.read()?,
            url.read()?,
        )
    })
}

/// An argument of the call under way.
struct Argument {
    env: sys::napi_env,
    value: sys::napi_value,
}

impl Argument {
    fn read<T: FromNapiValue>(&self) -> Result<T> {
        // SAFETY: values of a call are live until it returns.
        unsafe { T::from_napi_value(self.env, self.value) }
    }
}

/// Calls with the arguments, of which those that are not given are undefined; an error is thrown.
fn answer<const COUNT: usize, T: ToNapiValue>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    call: impl FnOnce([Argument; COUNT]) -> Result<T>,
) -> sys::napi_value {
    let mut values = [ptr::null_mut(); COUNT];
    let mut count = COUNT;
    // SAFETY: Node-API gave both for this call, and writes at most COUNT values.
    let answer = check_status!(unsafe {
        sys::napi_get_cb_info(env, info, &raw mut count, values.as_mut_ptr(), ptr::null_mut(), ptr::null_mut())
    })
    .and_then(|()| call(values.map(|value| Argument { env, value })))
    // SAFETY: as above.
    .and_then(|answer| unsafe { T::to_napi_value(env, answer) });
    answer.unwrap_or_else(|error| {
        // SAFETY: as above.
        unsafe { JsError::from(error).throw_into(env) };
        ptr::null_mut()
    })
}
