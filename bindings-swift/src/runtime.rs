//! The one owner of async: a runtime that is made on first use and lives as long as the process.
//!
//! Every asynchronous export runs inside it, so no future of the core ever finds itself without a reactor; the caller's
//! thread only waits.

use std::{future::Future, sync::LazyLock};

use hookseal::{Error, ErrorCode};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Notify,
};

use crate::error::NativeError;

static RUNTIME: LazyLock<std::io::Result<Runtime>> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).thread_name("hookseal").enable_all().build());

pub(crate) fn handle() -> Result<Handle, NativeError> {
    match &*RUNTIME {
        Ok(runtime) => Ok(runtime.handle().clone()),
        Err(error) => Err(internal(format!("the runtime could not be started: {error}"))),
    }
}

/// A caller that waits, and may stop waiting: cancelling a Swift task does not drop a Rust future by itself.
#[derive(Debug, Default, uniffi::Object)]
pub struct NativeWait(Notify);

#[uniffi::export]
impl NativeWait {
    /// A caller that begins to wait.
    #[uniffi::constructor]
    pub fn new() -> Self {
        Self::default()
    }

    /// The caller no longer waits.
    pub fn cancel(&self) {
        self.0.notify_one();
    }
}

impl NativeWait {
    /// Runs `work` until it ends or the caller no longer waits.
    pub(crate) async fn until<T: Send + 'static>(
        self: std::sync::Arc<Self>,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, NativeError> {
        let work = handle()?.spawn(async move {
            tokio::select! {
                biased; // a caller that no longer waits when it begins has still handed over its work
                result = work => result.map_err(NativeError::from),
                () = self.0.notified() => Err(NativeError::Cancelled),
            }
        });
        work.await.unwrap_or_else(|error| Err(internal(error.to_string())))
    }
}

fn internal(message: String) -> NativeError {
    Error::new(ErrorCode::Internal, message).into()
}
