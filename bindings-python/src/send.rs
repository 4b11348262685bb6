//! Delivering: the core's sender behind handles that survive a fork.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hookseal::{
    EndpointOptions, Error, ErrorCode, Event, SenderOptions,
    retry::{self, RetryPolicy},
    sender::options_from_json,
};
use pyo3::{prelude::*, types::PyBytes};
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    convert, delivery,
    error::{Failure, Result},
    feed::{Feed, Following},
    runtime::{Answer, OfProcess, Pending, PerProcess, lock, runtime},
    seal::Signer,
};

type Item<'py> = (Bound<'py, Endpoint>, Bound<'py, PyAny>, Bound<'py, PyBytes>);

/// Where deliveries go.
#[pyclass(frozen, module = "hookseal._native")]
pub(crate) struct Endpoint(hookseal::Endpoint);

#[pymethods]
impl Endpoint {
    #[new]
    #[pyo3(signature = (options, signer, /))]
    fn new(options: &str, signer: &Bound<'_, Signer>) -> Result<Self> {
        let options: EndpointOptions = options_from_json(options)?;
        Ok(Self(hookseal::Endpoint::from_options(options, Some(signer.get().inner.clone()))?))
    }

    #[getter]
    fn id(&self) -> &str {
        self.0.id()
    }

    #[getter]
    fn url(&self) -> &str {
        self.0.url()
    }

    /// Its origin only: paths and queries carry tokens.
    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Delivers; makes its runtime, its queue and its connections on first use, in each process of its own.
#[pyclass(frozen, module = "hookseal._native")]
pub(crate) struct Courier {
    options: SenderOptions,
    listener: Option<Py<PyAny>>,
    closed: AtomicBool,
    live: PerProcess<Live>,
}

/// A sender at work, and the word to its followers that it has ended.
struct Live {
    sender: hookseal::Sender,
    closed: watch::Sender<bool>,
    /// What the listener is still to be given.
    unheard: Mutex<Option<Feed>>,
}

impl Live {
    fn follow(&self) -> Feed {
        Following::new(self.sender.subscribe(), self.closed.subscribe()).into()
    }
}

#[pymethods]
impl Courier {
    #[new]
    #[pyo3(signature = (options, listener, /))]
    fn new(options: &str, listener: Option<Py<PyAny>>) -> Result<Self> {
        let options: SenderOptions = options_from_json(options)?;
        hookseal::Sender::new(options.clone())?;
        Ok(Self { options, listener, closed: AtomicBool::new(false), live: PerProcess::new() })
    }

    #[pyo3(signature = (endpoint, event_type, payload, id, content_type, traceparent, /))]
    fn send(
        &self,
        endpoint: &Bound<'_, Endpoint>,
        event_type: &Bound<'_, PyAny>,
        payload: &Bound<'_, PyBytes>,
        id: Option<&Bound<'_, PyAny>>,
        content_type: Option<&Bound<'_, PyAny>>,
        traceparent: Option<&Bound<'_, PyAny>>,
    ) -> Result<Pending> {
        let event = event(event_type, payload, id, content_type, traceparent)?;
        let (sender, endpoint) = (self.live(endpoint.py())?.sender.clone(), endpoint.get().0.clone());
        Ok(Pending::start(async move { sender.send(&endpoint, event).await.map(Answer::Delivery) })?)
    }

    #[pyo3(signature = (items, /))]
    fn send_many(&self, py: Python<'_>, items: Vec<Item<'_>>) -> Result<Pending> {
        let mut events = Vec::with_capacity(items.len());
        // Items that share their payload's object share its bytes.
        let mut shared = HashMap::new();
        for (index, (endpoint, event_type, payload)) in items.into_iter().enumerate() {
            let event = match shared.entry((event_type.as_ptr(), payload.as_ptr())) {
                Entry::Occupied(known) => Event::clone(known.get()),
                Entry::Vacant(new) => {
                    let event =
                        event(&event_type, &payload, None, None, None).map_err(|failure| failure.at_item(index))?;
                    new.insert(event).clone()
                }
            };
            events.push((endpoint.get().0.clone(), event));
        }
        let sender = self.live(py)?.sender.clone();
        Ok(Pending::start(async move { sender.send_many(events).await.map(Answer::Deliveries) })?)
    }

    #[pyo3(signature = (endpoint, event_type, payload, id, content_type, traceparent, /))]
    fn enqueue(
        &self,
        endpoint: &Bound<'_, Endpoint>,
        event_type: &Bound<'_, PyAny>,
        payload: &Bound<'_, PyBytes>,
        id: Option<&Bound<'_, PyAny>>,
        content_type: Option<&Bound<'_, PyAny>>,
        traceparent: Option<&Bound<'_, PyAny>>,
    ) -> Result<Job> {
        let event = event(event_type, payload, id, content_type, traceparent)?;
        Ok(Job(OfProcess::new(self.live(endpoint.py())?.sender.enqueue(&endpoint.get().0, event)?)))
    }

    #[pyo3(signature = (timeout, /))]
    fn flush(&self, timeout: Option<&Bound<'_, PyAny>>) -> Result<Pending> {
        let timeout = timeout.map(|timeout| convert::seconds(timeout, "timeout")).transpose()?;
        let sender = self.live.here().map(|live| live.sender.clone());
        Ok(Pending::start(async move {
            Ok(Answer::Flag(match sender {
                Some(sender) => sender.flush(timeout).await,
                None => true,
            }))
        })?)
    }

    /// `None` where nothing was ever sent in this process.
    #[pyo3(signature = (grace, /))]
    fn close(&self, grace: &Bound<'_, PyAny>) -> Result<Option<Pending>> {
        let grace: Duration = convert::seconds(grace, "grace")?;
        self.closed.store(true, Ordering::Relaxed);
        let Some(live) = self.live.here() else { return Ok(None) };
        let (sender, ending) = (live.sender.clone(), Ending(live.closed.clone()));
        Ok(Some(Pending::start(async move {
            let unfinished = sender.close(grace).await;
            drop(ending);
            Ok(Answer::Deliveries(unfinished))
        })?))
    }

    /// Follows what happens from now on.
    fn follow(&self, py: Python<'_>) -> Result<Feed> {
        Ok(self.live(py)?.follow())
    }

    /// How many accepted deliveries are not finished.
    #[getter]
    fn unfinished(&self) -> usize {
        self.live.here().map_or(0, |live| live.sender.unfinished())
    }

    #[getter]
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

impl Courier {
    fn live(&self, py: Python<'_>) -> Result<&Live> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Failure::new(ErrorCode::Closed, "the sender is closed"));
        }
        let live = self.live.get(|| {
            let sender = hookseal::Sender::builder().options(self.options.clone()).runtime(runtime()?).build()?;
            let live = Live { sender, closed: watch::channel(false).0, unheard: Mutex::default() };
            *lock(&live.unheard) = self.listener.as_ref().map(|_| live.follow());
            Ok(live)
        })?;
        let unheard = lock(&live.unheard).take();
        if let Some((listener, feed)) = self.listener.as_ref().zip(unheard) {
            listener.call1(py, (feed,))?;
        }
        Ok(live)
    }
}

/// Tells the followers of the end, also where the wait for it is given up.
pub(crate) struct Ending(pub(crate) watch::Sender<bool>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// An accepted delivery.
#[pyclass(frozen, module = "hookseal._native")]
pub(crate) struct Job(OfProcess<hookseal::Handle>);

#[pymethods]
impl Job {
    #[getter]
    fn id(&self) -> Result<&str> {
        Ok(self.0.get()?.id())
    }

    fn delivery<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(delivery::value(py, &self.0.get()?.delivery())?)
    }

    fn cancel(&self) -> Result<bool> {
        Ok(self.0.get()?.cancel())
    }

    fn result(&self) -> Result<Pending> {
        let handle = self.0.get()?.clone();
        Ok(Pending::start(async move { Ok(Answer::Delivery(handle.wait().await)) })?)
    }
}

/// Refuses an event that could not be sent.
#[pyfunction]
#[pyo3(signature = (event_type, payload, id, content_type, traceparent, /))]
pub(crate) fn check_event(
    event_type: &Bound<'_, PyAny>,
    payload: &Bound<'_, PyBytes>,
    id: Option<&Bound<'_, PyAny>>,
    content_type: Option<&Bound<'_, PyAny>>,
    traceparent: Option<&Bound<'_, PyAny>>,
) -> Result<()> {
    event(event_type, payload, id, content_type, traceparent).map(drop)
}

/// Checks a retry policy and fills in what it leaves out.
#[pyfunction]
#[pyo3(signature = (record, /))]
pub(crate) fn retry_policy(record: &str) -> Result<String> {
    Ok(text(&options_from_json::<RetryPolicy>(record)?)?)
}

/// The outbox's retry policy.
#[pyfunction]
pub(crate) fn standard_retry_policy() -> Result<String> {
    Ok(text(&RetryPolicy::standard())?)
}

/// What a retry policy does through an outage of so many seconds.
#[pyfunction]
#[pyo3(signature = (record, outage, seed, /))]
pub(crate) fn plan(record: &str, outage: &Bound<'_, PyAny>, seed: &Bound<'_, PyAny>) -> Result<String> {
    let policy: RetryPolicy = options_from_json(record)?;
    let (outage, seed) = (convert::seconds(outage, "outage")?, convert::count(seed, "seed")? as u64);
    Ok(text(&retry::plan(&policy, outage, seed)?)?)
}

fn event(
    event_type: &Bound<'_, PyAny>,
    payload: &Bound<'_, PyBytes>,
    id: Option<&Bound<'_, PyAny>>,
    content_type: Option<&Bound<'_, PyAny>>,
    traceparent: Option<&Bound<'_, PyAny>>,
) -> Result<Event> {
    let event_type = convert::text(event_type, "the event type", ErrorCode::InvalidEvent)?;
    let mut event = Event::bytes(event_type, payload.as_bytes().to_vec())?;
    if let Some(id) = id {
        event = event.id(convert::text(id, "the id", ErrorCode::InvalidEvent)?)?;
    }
    if let Some(content_type) = content_type {
        event = event.content_type(convert::text(content_type, "content_type", ErrorCode::InvalidHeader)?)?;
    }
    if let Some(traceparent) = traceparent {
        event = event.traceparent(convert::text(traceparent, "traceparent", ErrorCode::InvalidEvent)?)?;
    }
    Ok(event)
}

pub(crate) fn record<T: Serialize>(value: &T) -> Result<Answer, Error> {
    text(value).map(Answer::Text)
}

pub(crate) fn text<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))
}
