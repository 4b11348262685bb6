//! Delivering: the core's sender behind handles that survive a fork.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hookseal::{
    EndpointOptions, Error, ErrorCode, Event, Notices, SenderOptions, retry::RetryPolicy, sender::options_from_json,
};
use pyo3::{prelude::*, types::PyBytes};
use serde::Serialize;

use crate::{
    convert,
    error::Result,
    runtime::{Answer, OfProcess, Pending, PerProcess, runtime},
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
        Ok(Self(hookseal::Endpoint::from_options(options, Some(signer.get().0.clone()))?))
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
    on_event: Option<Arc<Py<PyAny>>>,
    closed: AtomicBool,
    sender: PerProcess<hookseal::Sender>,
}

#[pymethods]
impl Courier {
    #[new]
    #[pyo3(signature = (options, on_event, /))]
    fn new(options: &str, on_event: Option<Py<PyAny>>) -> Result<Self> {
        let options: SenderOptions = options_from_json(options)?;
        hookseal::Sender::new(options.clone())?;
        Ok(Self {
            options,
            on_event: on_event.map(Arc::new),
            closed: AtomicBool::new(false),
            sender: PerProcess::new(),
        })
    }

    #[pyo3(signature = (endpoint, event_type, payload, id, content_type, /))]
    fn send(
        &self,
        endpoint: &Bound<'_, Endpoint>,
        event_type: &Bound<'_, PyAny>,
        payload: &Bound<'_, PyBytes>,
        id: Option<&Bound<'_, PyAny>>,
        content_type: Option<&Bound<'_, PyAny>>,
    ) -> Result<Pending> {
        let event = event(event_type, payload, id, content_type)?;
        let (sender, endpoint) = (self.sender()?.clone(), endpoint.get().0.clone());
        Ok(Pending::start(async move { record(&sender.send(&endpoint, event).await?) })?)
    }

    #[pyo3(signature = (items, /))]
    fn send_many(&self, items: Vec<Item<'_>>) -> Result<Pending> {
        let mut events = Vec::with_capacity(items.len());
        for (index, (endpoint, event_type, payload)) in items.into_iter().enumerate() {
            let event = event(&event_type, &payload, None, None).map_err(|failure| failure.at_item(index))?;
            events.push((endpoint.get().0.clone(), event));
        }
        let sender = self.sender()?.clone();
        Ok(Pending::start(async move { record(&sender.send_many(events).await?) })?)
    }

    #[pyo3(signature = (endpoint, event_type, payload, id, content_type, /))]
    fn enqueue(
        &self,
        endpoint: &Bound<'_, Endpoint>,
        event_type: &Bound<'_, PyAny>,
        payload: &Bound<'_, PyBytes>,
        id: Option<&Bound<'_, PyAny>>,
        content_type: Option<&Bound<'_, PyAny>>,
    ) -> Result<Job> {
        let event = event(event_type, payload, id, content_type)?;
        Ok(Job(OfProcess::new(self.sender()?.enqueue(&endpoint.get().0, event)?)))
    }

    #[pyo3(signature = (timeout, /))]
    fn flush(&self, timeout: Option<&Bound<'_, PyAny>>) -> Result<Pending> {
        let timeout = timeout.map(|timeout| convert::seconds(timeout, "timeout")).transpose()?;
        let sender = self.sender.here().cloned();
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
        let Some(sender) = self.sender.here().cloned() else { return Ok(None) };
        Ok(Some(Pending::start(async move { record(&sender.close(grace).await) })?))
    }

    /// How many accepted deliveries are not finished.
    #[getter]
    fn unfinished(&self) -> usize {
        self.sender.here().map_or(0, hookseal::Sender::unfinished)
    }

    #[getter]
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

impl Courier {
    fn sender(&self) -> Result<&hookseal::Sender, Error> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorCode::Closed, "the sender is closed"));
        }
        self.sender.get(|| {
            let runtime = runtime()?;
            let sender = hookseal::Sender::builder().options(self.options.clone()).runtime(runtime.clone()).build()?;
            if let Some(on_event) = &self.on_event {
                runtime.spawn(tell(sender.subscribe(), Arc::clone(on_event)));
            }
            Ok(sender)
        })
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

    fn delivery(&self) -> Result<String> {
        Ok(text(&self.0.get()?.delivery())?)
    }

    fn cancel(&self) -> Result<bool> {
        Ok(self.0.get()?.cancel())
    }

    fn result(&self) -> Result<Pending> {
        let handle = self.0.get()?.clone();
        Ok(Pending::start(async move { record(&handle.wait().await) })?)
    }
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

/// Calls back with one event after the other; a slow callback misses some, and never slows a delivery.
async fn tell(mut notices: Notices, on_event: Arc<Py<PyAny>>) {
    while let Some(notice) = notices.next().await {
        let Ok(notice) = text(&*notice) else { continue };
        let (on_event, dropped) = (Arc::clone(&on_event), notices.dropped());
        let call = move || {
            Python::try_attach(|py| {
                if let Err(error) = on_event.call1(py, (notice, dropped)) {
                    error.write_unraisable(py, Some(on_event.bind(py)));
                }
            });
        };
        if tokio::task::spawn_blocking(call).await.is_err() {
            return;
        }
    }
}

fn event(
    event_type: &Bound<'_, PyAny>,
    payload: &Bound<'_, PyBytes>,
    id: Option<&Bound<'_, PyAny>>,
    content_type: Option<&Bound<'_, PyAny>>,
) -> Result<Event> {
    let event_type = convert::text(event_type, "the event type", ErrorCode::InvalidEvent)?;
    let mut event = Event::bytes(event_type, payload.as_bytes().to_vec())?;
    if let Some(id) = id {
        event = event.id(convert::text(id, "the id", ErrorCode::InvalidEvent)?)?;
    }
    if let Some(content_type) = content_type {
        event = event.content_type(convert::text(content_type, "content_type", ErrorCode::InvalidHeader)?)?;
    }
    Ok(event)
}

fn record<T: Serialize>(value: &T) -> Result<Answer, Error> {
    text(value).map(Answer::Text)
}

fn text<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))
}
