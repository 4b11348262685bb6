//! The one tokio runtime of this process, started for the first sender, and promises of what runs on it.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
};

use hookseal::{Error, ErrorCode, Result};
use napi::{
    Env, JsValue,
    bindgen_prelude::{Either, PromiseRaw, ToNapiValue, retain_current_module_for_unload_safety},
};
use napi_derive::napi;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Notify,
};

use crate::{
    error::{Failure, Tagged},
    handle,
};

static RUNTIME: OnceLock<Result<Runtime>> = OnceLock::new();

/// The runtime's handle.
pub(crate) fn tokio() -> Result<&'static Handle> {
    let runtime = RUNTIME.get_or_init(|| {
        // Its threads outlive a worker that Node ends; the image must not be unloaded under them.
        retain_current_module_for_unload_safety();
        Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("hookseal")
            .enable_all()
            .build()
            .map_err(|error| internal(&format!("no runtime could be started: {error}")))
    });
    runtime.as_ref().map(Runtime::handle).map_err(Clone::clone)
}

/// A way to end the wait for a promise, and not what it waits for.
#[napi]
pub fn abortion() -> u32 {
    handle::keep(Arc::new(Notify::new()))
}

/// Ends the wait.
#[napi]
pub fn abort(abortion: u32) -> napi::Result<()> {
    handle::with(abortion, |abortion: &Arc<Notify>| abortion.notify_one())
}

/// A promise of the work's result. It keeps the process alive until it is settled, and it is never rejected.
pub(crate) fn promise<T>(
    env: Env,
    abortion: Option<u32>,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> napi::Result<PromiseRaw<'static, Tagged<T>>>
where
    T: ToNapiValue + Send + 'static,
{
    let abortion: Option<Arc<Notify>> = abortion.map(handle::get).transpose()?;
    let work = async move {
        let Some(abortion) = abortion else { return work.await };
        tokio::select! {
            biased; // what is done is not lost
            result = work => result,
            () = abortion.notified() => Err(internal("the wait was aborted")),
        }
    };
    let (deferred, promise) = env.create_deferred()?;
    let promise = PromiseRaw::new(env.raw(), promise.raw());
    let settle = move |result: Result<T>| {
        deferred.resolve(move |_| {
            Ok(match result {
                Ok(value) => Either::A(value),
                Err(error) => Either::B(Failure::from(&error)),
            })
        });
    };
    match tokio() {
        Ok(runtime) => {
            let work = runtime.spawn(work);
            // A panic in the work ends only the work.
            runtime.spawn(async move { settle(work.await.unwrap_or_else(|_| Err(internal("a defect in hookseal")))) });
        }
        Err(error) => settle(Err(error)),
    }
    Ok(promise)
}

fn internal(message: &str) -> Error {
    Error::new(ErrorCode::Internal, message.to_owned())
}
