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
    retry::{self, RetryPolicy},
    sender::options_from_json,
};
use napi::{
    Env,
    bindgen_prelude::{Function, PromiseRaw, ToNapiValue},
    threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking,
};
use napi_derive::napi;
use serde::Serialize;
use tokio::task::AbortHandle;

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
pub fn event(
    event_type: String,
    payload: &[u8],
    id: Option<String>,
    content_type: Option<String>,
    traceparent: Option<String>,
) -> Tagged<u32> {
    tagged(|| {
        let mut event = Event::bytes(&event_type, payload.to_vec())?;
        if let Some(id) = &id {
            event = event.id(id)?;
        }
        if let Some(content_type) = &content_type {
            event = event.content_type(content_type)?;
        }
        if let Some(traceparent) = &traceparent {
            event = event.traceparent(traceparent)?;
        }
        Ok(handle::keep(event))
    })
}

/// A sender from options in JSON.
#[napi]
pub fn sender(options: String) -> Tagged<u32> {
    tagged(|| {
        let options: SenderOptions = options_from_json(&options)?;
        Sender::builder().options(options).runtime(runtime::tokio()?.clone()).build().map(handle::keep)
    })
}

/// The notices of a sender that JavaScript has not taken yet: at most as many as [`Notices`] holds.
struct Subscription {
    notices: RefCell<Notices>,
    waker: AbortHandle,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.waker.abort();
    }
}

/// Follows a sender from now on. `wake` is called when there are notices to take; it keeps nothing alive.
#[napi]
pub fn subscription(sender: u32, wake: Function<'_, (), ()>) -> napi::Result<u32> {
    let sender = sender_of(sender)?;
    let wake = wake.build_threadsafe_function::<()>().weak::<true>().callee_handled::<false>().max_queue_size::<1>();
    let wake = wake.build()?;
    let mut told = sender.subscribe();
    let runtime = runtime::tokio().map_err(|error| napi::Error::from_reason(error.to_string()))?;
    // A call that is dropped because one waits already loses nothing.
    let waker = runtime.spawn(async move {
        while told.next().await.is_some() && !wake.aborted() {
            wake.call((), NonBlocking);
        }
    });
    let notices = RefCell::new(sender.subscribe());
    Ok(handle::keep(Subscription { notices, waker: waker.abort_handle() }))
}

/// The notices since the last call, in JSON.
#[napi]
pub fn notices(subscription: u32) -> napi::Result<Vec<String>> {
    handle::with(subscription, |subscription: &Subscription| {
        let mut notices = subscription.notices.borrow_mut();
        std::iter::from_fn(|| next_now(&mut notices)).filter_map(|notice| write(&*notice).ok()).collect()
    })
}

/// How many notices were lost because nothing took them.
#[napi]
pub fn notices_dropped(subscription: u32) -> napi::Result<f64> {
    handle::with(subscription, |subscription: &Subscription| seal::number(subscription.notices.borrow().dropped()))
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
    runtime::promise(env, None, async move { write(&sender.send(&endpoint, event).await?) })
}

/// An object that gets its handle on JavaScript's thread.
#[derive(Debug)]
pub struct Kept<T>(pub(crate) T);

impl<T: 'static> ToNapiValue for Kept<T> {
    unsafe fn to_napi_value(env: napi::sys::napi_env, kept: Self) -> napi::Result<napi::sys::napi_value> {
        // SAFETY: the caller's environment is live.
        unsafe { u32::to_napi_value(env, handle::keep(kept.0)) }
    }
}

/// Accepts an event, after a wait for room; a promise of the handle of its delivery.
#[napi(ts_return_type = "Promise<Tagged<number>>")]
pub fn sender_enqueue_waiting(
    env: Env,
    sender: u32,
    endpoint: u32,
    event: u32,
    abortion: Option<u32>,
) -> napi::Result<PromiseRaw<'static, Tagged<Kept<Handle>>>> {
    let sender = sender_of(sender)?;
    let (endpoint, event): (Endpoint, Event) = (handle::get(endpoint)?, handle::get(event)?);
    runtime::promise(env, abortion, async move { sender.enqueue_waiting(&endpoint, event).await.map(Kept) })
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
    runtime::promise(env, None, async move { write(&sender.send_many(items).await?) })
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
pub fn sender_flush(
    env: Env,
    sender: u32,
    timeout: Option<f64>,
    abortion: Option<u32>,
) -> napi::Result<PromiseRaw<'static, Tagged<bool>>> {
    let sender = sender_of(sender)?;
    runtime::promise(env, abortion, async move { Ok(sender.flush(limit("timeout", timeout)?).await) })
}

/// Stops a sender; a promise of the unfinished deliveries in JSON.
#[napi(ts_return_type = "Promise<Tagged<string>>")]
pub fn sender_close(env: Env, sender: u32, grace: f64) -> napi::Result<PromiseRaw<'static, Tagged<String>>> {
    let sender = sender_of(sender)?;
    runtime::promise(env, None, async move { write(&sender.close(seal::duration("grace", grace)?).await) })
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
pub fn delivery_wait(
    env: Env,
    delivery: u32,
    abortion: Option<u32>,
) -> napi::Result<PromiseRaw<'static, Tagged<String>>> {
    let handle: Handle = handle::get(delivery)?;
    runtime::promise(env, abortion, async move { write(&handle.wait().await) })
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

/// What a retry policy in JSON does through an outage of so many seconds, in JSON.
#[napi]
pub fn plan(policy: String, outage: f64, seed: f64) -> Tagged<String> {
    tagged(|| {
        let policy: RetryPolicy = options_from_json(&policy)?;
        let seed = seal::count("seed", seed)? as u64;
        write(&retry::plan(&policy, seal::duration("outage", outage)?, seed)?)
    })
}

fn sender_of(handle: u32) -> napi::Result<Sender> {
    handle::get(handle)
}

fn limit(name: &str, seconds: Option<f64>) -> Result<Option<Duration>> {
    seconds.map(|seconds| seal::duration(name, seconds)).transpose()
}

pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))
}
