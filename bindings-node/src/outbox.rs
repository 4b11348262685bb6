//! The durable outbox. Calls go, and answers come, as JSON.

use std::cell::RefCell;

use hookseal::{
    Error, ErrorCode, Result, Secret,
    outbox::{self, OutboxOptions, Param, publication_from_json, publish_statement, text_for_store},
    sender::options_from_json,
};
use napi::{
    Env,
    bindgen_prelude::{Buffer, Either4, Null, PromiseRaw},
};
use napi_derive::napi;

use crate::{
    error::{Tagged, tagged},
    handle, runtime, seal,
    send::{Kept, write},
};

/// An outbox until it is closed; what is under way has a share of its own.
#[derive(Debug)]
pub struct Outbox(RefCell<Option<outbox::Outbox>>);

/// A worker that does not outlive its owner, nor the JavaScript thread that it belongs to.
struct Worker(outbox::Worker);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Opens a store; a promise of the outbox's handle.
#[napi(ts_return_type = "Promise<Tagged<number>>")]
pub fn outbox_open(env: Env, uri: String, options: String) -> napi::Result<PromiseRaw<'static, Tagged<Kept<Outbox>>>> {
    runtime::promise(env, None, async move {
        let options: OutboxOptions = options_from_json(&options)?;
        let outbox = outbox::Outbox::open(&uri, options).await?;
        Ok(Kept(Outbox(RefCell::new(Some(outbox)))))
    })
}

/// Lets go of the store; what is under way is finished.
#[napi]
pub fn outbox_close(outbox: u32) -> napi::Result<()> {
    handle::with(outbox, |outbox: &Outbox| drop(outbox.0.take()))
}

/// Does what the outbox's method of that name does; a promise of its answer in JSON.
#[napi(ts_return_type = "Promise<Tagged<string>>")]
pub fn outbox_call(
    env: Env,
    outbox: u32,
    method: String,
    params: String,
) -> napi::Result<PromiseRaw<'static, Tagged<String>>> {
    let outbox = outbox_of(outbox)?;
    runtime::promise(env, None, async move { write(&outbox?.call(&method, &params).await?) })
}

/// Accepts an event, or a delivery where the options have an endpoint; a promise of what was stored, in JSON.
#[napi(ts_return_type = "Promise<Tagged<string>>")]
pub fn outbox_publish(
    env: Env,
    outbox: u32,
    payload: &[u8],
    options: String,
) -> napi::Result<PromiseRaw<'static, Tagged<String>>> {
    let (outbox, payload) = (outbox_of(outbox)?, payload.to_vec());
    runtime::promise(env, None, async move { write(&outbox?.publish_data(payload, &options).await?) })
}

/// A statement for another program's connection.
#[napi(object)]
#[expect(missing_debug_implementations, reason = "a Buffer has none")]
pub struct StatementRecord {
    /// Its text.
    pub sql: String,
    /// Its parameters, in order.
    pub params: Vec<Either4<String, f64, Buffer, Null>>,
}

/// The statement that publishes an event, its parameters spelled in that style; opens nothing.
#[napi]
pub fn outbox_statement(
    uri: String,
    payload: &[u8],
    options: String,
    style: Option<String>,
) -> Tagged<StatementRecord> {
    tagged(|| {
        let publication = publication_from_json(payload.to_vec(), &options)?;
        let style = style.as_deref().map(str::parse).transpose()?;
        let (sql, params) = publish_statement(&uri, &publication, style)?;
        Ok(StatementRecord { sql, params: params.into_iter().map(param).collect() })
    })
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53 for more years than there will be")]
fn param(param: Param) -> Either4<String, f64, Buffer, Null> {
    match param {
        Param::Text(text) => Either4::A(text),
        Param::Integer(number) => Either4::B(number as f64),
        Param::Blob(bytes) => Either4::C(bytes.to_vec().into()),
        Param::Null => Either4::D(Null),
    }
}

/// A worker that makes at most so many attempts at once.
#[napi]
pub fn outbox_worker(outbox: u32, concurrency: f64) -> napi::Result<Tagged<u32>> {
    let outbox = outbox_of(outbox)?;
    Ok(tagged(|| outbox?.worker(seal::count("concurrency", concurrency)?).map(|worker| handle::keep(Worker(worker)))))
}

/// Works until the worker is stopped.
#[napi(ts_return_type = "Promise<Tagged<boolean>>")]
pub fn worker_run(env: Env, worker: u32) -> napi::Result<PromiseRaw<'static, Tagged<bool>>> {
    let running = worker_of(worker)?.run();
    runtime::promise(env, None, async move { running.await.map(|()| true) })
}

/// Works until nothing is due; a promise of the counts in JSON.
#[napi(ts_return_type = "Promise<Tagged<string>>")]
pub fn worker_run_until_idle(env: Env, worker: u32) -> napi::Result<PromiseRaw<'static, Tagged<String>>> {
    let worker = worker_of(worker)?;
    runtime::promise(env, None, async move { write(&worker.run_until_idle().await?) })
}

/// Ends a worker's run.
#[napi]
pub fn worker_stop(worker: u32) -> napi::Result<()> {
    handle::with(worker, |worker: &Worker| worker.0.stop())
}

/// What a worker has done so far, in JSON.
#[napi]
pub fn worker_counts(worker: u32) -> napi::Result<Tagged<String>> {
    let worker = worker_of(worker)?;
    Ok(tagged(|| write(&worker.counts())))
}

/// The secret's text, which is all that a store can keep of it.
#[napi]
pub fn secret_for_store(secret: u32) -> napi::Result<Tagged<String>> {
    handle::with(secret, |secret: &Secret| tagged(|| text_for_store(secret).map(str::to_owned)))
}

fn outbox_of(handle: u32) -> napi::Result<Result<outbox::Outbox>> {
    handle::with(handle, |outbox: &Outbox| {
        outbox.0.borrow().clone().ok_or_else(|| Error::new(ErrorCode::Closed, "the outbox is closed"))
    })
}

fn worker_of(handle: u32) -> napi::Result<outbox::Worker> {
    handle::with(handle, |worker: &Worker| worker.0.clone())
}
