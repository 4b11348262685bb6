//! The sender. Options come, and deliveries go, as JSON.

use std::{
    cell::RefCell,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use hookseal::{
    Endpoint, EndpointOptions, Error, ErrorCode, Event, Handle, Notice, Notices, Result, Sender, SenderOptions, Signer,
    retry::RetryPolicy, sender::options_from_json,
};
use napi::{
    Env,
    bindgen_prelude::{Function, PromiseRaw},
    threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking,
};
use napi_derive::napi;
use serde::Serialize;

use crate::{
    error::{Tagged, tagged},
    handle, runtime, seal,
};

/// An endpoint from options in JSON and the signer that signs for it.
#[napi]
pub fn endpoint(options: String, signer: u32) -> napi::Result<Tagged<u32>> {
    let signer: Signer = handle::get(signer)?;
    Ok(tagged(|| {
        let options: EndpointOptions = options_from_json(&options)?;
        Endpoint::from_options(options, Some(signer)).map(handle::keep)
    }))
}

/// The endpoint's URL as it was parsed.
#[napi]
pub fn endpoint_url(endpoint: u32) -> napi::Result<String> {
    handle::with(endpoint, |endpoint: &Endpoint| endpoint.url().to_owned())
}

/// What the endpoint's deliveries share their limits by.
#[napi]
pub fn endpoint_id(endpoint: u32) -> napi::Result<String> {
    handle::with(endpoint, |endpoint: &Endpoint| endpoint.id().to_owned())
}

/// An event; its payload is copied once and then shared.
#[napi]
pub fn event(event_type: String, payload: &[u8], id: Option<String>, content_type: Option<String>) -> Tagged<u32> {
    tagged(|| {
        let mut event = Event::bytes(&event_type, payload.to_vec())?;
        if let Some(id) = &id {
            event = event.id(id)?;
        }
        if let Some(content_type) = &content_type {
            event = event.content_type(content_type)?;
        }
        Ok(handle::keep(event))
    })
}

/// A sender with the notices that JavaScript has not taken yet.
struct Courier {
    sender: Sender,
    notices: RefCell<Notices>,
}

/// A sender from options in JSON. `wake` is called when there are notices to take; it keeps nothing alive.
#[napi]
pub fn sender(options: String, wake: Option<Function<'_, (), ()>>) -> napi::Result<Tagged<u32>> {
    let made = (|| {
        let options: SenderOptions = options_from_json(&options)?;
        Sender::builder().options(options).runtime(runtime::handle()?.clone()).build()
    })();
    let sender = match made {
        Ok(sender) => sender,
        Err(error) => return Ok(tagged(|| Err(error))),
    };
    if let Some(wake) = wake {
        let wake =
            wake.build_threadsafe_function::<()>().weak::<true>().callee_handled::<false>().max_queue_size::<1>();
        let wake = wake.build()?;
        let mut notices = sender.subscribe();
        // A call that is dropped because one waits already loses nothing.
        runtime::handle().map_err(|error| napi::Error::from_reason(error.to_string()))?.spawn(async move {
            while notices.next().await.is_some() && !wake.aborted() {
                wake.call((), NonBlocking);
            }
        });
    }
    let notices = RefCell::new(sender.subscribe());
    Ok(tagged(|| Ok(handle::keep(Courier { sender, notices }))))
}

/// The notices since the last call, in JSON.
#[napi]
pub fn sender_notices(sender: u32) -> napi::Result<Vec<String>> {
    handle::with(sender, |courier: &Courier| {
        let mut notices = courier.notices.borrow_mut();
        std::iter::from_fn(|| next_now(&mut notices)).filter_map(|notice| write(&*notice).ok()).collect()
    })
}

fn next_now(notices: &mut Notices) -> Option<Arc<Notice>> {
    match pin!(notices.next()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(notice) => notice,
        Poll::Pending => None,
    }
}

/// Delivers an event; a promise of the delivery in JSON.
#[napi(ts_return_type = "Promise<Tagged<string>>")]
pub fn sender_send(
    env: Env,
    sender: u32,
    endpoint: u32,
    event: u32,
) -> napi::Result<PromiseRaw<'static, Tagged<String>>> {
    let sender = sender_of(sender)?;
    let (endpoint, event): (Endpoint, Event) = (handle::get(endpoint)?, handle::get(event)?);
    runtime::promise(env, async move { write(&sender.send(&endpoint, event).await?) })
}

/// Delivers many events, each to the endpoint at its place; a promise of the deliveries in JSON.
#[napi(ts_return_type = "Promise<Tagged<string>>")]
pub fn sender_send_many(
    env: Env,
    sender: u32,
    endpoints: Vec<u32>,
    events: Vec<u32>,
) -> napi::Result<PromiseRaw<'static, Tagged<String>>> {
    let sender = sender_of(sender)?;
    let items = endpoints
        .into_iter()
        .zip(events)
        .map(|(endpoint, event)| Ok((handle::get(endpoint)?, handle::get(event)?)))
        .collect::<napi::Result<Vec<(Endpoint, Event)>>>()?;
    runtime::promise(env, async move { write(&sender.send_many(items).await?) })
}

/// Accepts an event and gives the handle of its delivery.
#[napi]
pub fn sender_enqueue(sender: u32, endpoint: u32, event: u32) -> napi::Result<Tagged<u32>> {
    let sender = sender_of(sender)?;
    let (endpoint, event): (Endpoint, Event) = (handle::get(endpoint)?, handle::get(event)?);
    Ok(tagged(|| sender.enqueue(&endpoint, event).map(handle::keep)))
}

/// Waits until nothing is left to deliver, or for so many seconds.
#[napi(ts_return_type = "Promise<Tagged<boolean>>")]
pub fn sender_flush(env: Env, sender: u32, timeout: Option<f64>) -> napi::Result<PromiseRaw<'static, Tagged<bool>>> {
    let sender = sender_of(sender)?;
    runtime::promise(env, async move { Ok(sender.flush(limit("timeout", timeout)?).await) })
}

/// Stops a sender; a promise of the unfinished deliveries in JSON.
#[napi(ts_return_type = "Promise<Tagged<string>>")]
pub fn sender_close(env: Env, sender: u32, grace: f64) -> napi::Result<PromiseRaw<'static, Tagged<String>>> {
    let sender = sender_of(sender)?;
    runtime::promise(env, async move { write(&sender.close(seal::duration("grace", grace)?).await) })
}

/// How many accepted deliveries are not finished.
#[napi]
pub fn sender_unfinished(sender: u32) -> napi::Result<u32> {
    Ok(u32::try_from(sender_of(sender)?.unfinished()).unwrap_or(u32::MAX))
}

/// A delivery's id.
#[napi]
pub fn delivery_id(delivery: u32) -> napi::Result<String> {
    handle::with(delivery, |handle: &Handle| handle.id().to_owned())
}

/// How a delivery stands, in JSON.
#[napi]
pub fn delivery_now(delivery: u32) -> napi::Result<Tagged<String>> {
    handle::with(delivery, |handle: &Handle| tagged(|| write(&handle.delivery())))
}

/// Waits for a delivery's end; a promise of it in JSON.
#[napi(ts_return_type = "Promise<Tagged<string>>")]
pub fn delivery_wait(env: Env, delivery: u32) -> napi::Result<PromiseRaw<'static, Tagged<String>>> {
    let handle: Handle = handle::get(delivery)?;
    runtime::promise(env, async move { write(&handle.wait().await) })
}

/// Makes no further attempt.
#[napi]
pub fn delivery_cancel(delivery: u32) -> napi::Result<bool> {
    handle::with(delivery, Handle::cancel)
}

/// The outbox's retry policy, in JSON.
#[napi]
pub fn standard_retry_policy() -> Tagged<String> {
    tagged(|| write(&RetryPolicy::standard()))
}

fn sender_of(handle: u32) -> napi::Result<Sender> {
    handle::with(handle, |courier: &Courier| courier.sender.clone())
}

fn limit(name: &str, seconds: Option<f64>) -> Result<Option<Duration>> {
    seconds.map(|seconds| seal::duration(name, seconds)).transpose()
}

fn write<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))
}
