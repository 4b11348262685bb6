//! The durable outbox, whose calls cross as JSON.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use hookseal::{
    Error, ErrorCode,
    outbox::{self, Counts, OutboxOptions, Param, ParamStyle, publication_from_json},
    sender::options_from_json,
};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict, PyList},
};
use tokio::sync::{OnceCell, watch};

use crate::{
    convert,
    error::Result,
    keys,
    runtime::{Answer, FirstProcess, OfProcess, Pending, PerProcess, lock, runtime},
    send::{Ending, record, text},
};

/// SQLite's locks and threads are the process's: a child of one that has used it must not.
static SQLITE: FirstProcess = FirstProcess::new();

/// An outbox, which each process opens for itself, on first use.
#[pyclass(frozen, module = "hookseal._native")]
pub(crate) struct Outbox {
    uri: String,
    options: OutboxOptions,
    closed: AtomicBool,
    live: PerProcess<Mutex<Cell>>,
}

type Cell = Arc<OnceCell<outbox::Outbox>>;

#[pymethods]
impl Outbox {
    #[new]
    #[pyo3(signature = (uri, options, /))]
    fn new(uri: &Bound<'_, PyAny>, options: &str) -> Result<Self> {
        let uri = convert::text(uri, "the store", ErrorCode::InvalidConfig)?.to_owned();
        let options = options_from_json(options)?;
        Ok(Self { uri, options, closed: AtomicBool::new(false), live: PerProcess::new() })
    }

    fn open(&self) -> Result<Pending> {
        self.start(|_| async { Ok(Answer::Flag(true)) })
    }

    /// Lets go of the store, once what is under way has ended.
    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(live) = self.live.here() {
            *lock(live) = Cell::default();
        }
    }

    #[pyo3(signature = (method, params, /))]
    fn call(&self, method: &str, params: &str) -> Result<Pending> {
        let (method, params) = (method.to_owned(), params.to_owned());
        self.start(|outbox| async move { record(&outbox.call(&method, &params).await?) })
    }

    #[pyo3(signature = (payload, options, /))]
    fn publish(&self, payload: &Bound<'_, PyBytes>, options: &str) -> Result<Pending> {
        let (payload, options) = (payload.as_bytes().to_vec(), options.to_owned());
        self.start(|outbox| async move { record(&outbox.publish_data(payload, &options).await?) })
    }

    #[pyo3(signature = (concurrency, /))]
    fn worker(&self, concurrency: &Bound<'_, PyAny>) -> Result<Worker> {
        let concurrency = convert::count(concurrency, "concurrency")?;
        let (outbox, made) = (self.opening()?, Mutex::new(Made::Not));
        let desk = Arc::new(Desk { outbox: Box::new(outbox), concurrency, made, ended: watch::channel(false).0 });
        Ok(Worker(OfProcess::new(desk)))
    }
}

impl Outbox {
    fn start<F>(&self, work: impl FnOnce(outbox::Outbox) -> F + Send + 'static) -> Result<Pending>
    where
        F: Future<Output = Result<Answer, Error>> + Send,
    {
        let opening = self.opening()?;
        Ok(Pending::start(async move { work(opening.outbox().await?).await })?)
    }

    fn opening(&self) -> Result<Opening, Error> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorCode::Closed, "the outbox is closed"));
        }
        let live = self.live.get(|| {
            if outbox::runs_in_process(&self.uri) && !SQLITE.is_this() {
                let message = "SQLite was in use when this process was forked; use the outbox after the fork only";
                return Err(Error::new(ErrorCode::Forked, message));
            }
            Ok(Mutex::default())
        })?;
        Ok(Opening { cell: Arc::clone(&lock(live)), uri: self.uri.clone(), options: self.options.clone() })
    }
}

/// An outbox that whoever comes first opens.
struct Opening {
    cell: Cell,
    uri: String,
    options: OutboxOptions,
}

impl Opening {
    async fn outbox(&self) -> Result<outbox::Outbox, Error> {
        let open = || outbox::Outbox::open(&self.uri, self.options.clone());
        self.cell.get_or_try_init(open).await.cloned()
    }
}

/// Works on an outbox's deliveries.
#[pyclass(frozen, module = "hookseal._native")]
pub(crate) struct Worker(OfProcess<Arc<Desk>>);

struct Desk {
    outbox: Box<Opening>,
    concurrency: usize,
    made: Mutex<Made>,
    /// Whether a run has come to its end.
    ended: watch::Sender<bool>,
}

enum Made {
    Not,
    Worker(outbox::Worker),
    Stopped,
}

#[pymethods]
impl Worker {
    /// Works until it is stopped, also when nobody waits for that any more.
    fn run(&self) -> Result<Pending> {
        let desk = Arc::clone(self.0.get()?);
        let work = runtime()?.spawn(async move {
            let _ending = Ending(desk.ended.clone());
            desk.worker().await?.run().await
        });
        Ok(Pending::start(async move {
            work.await.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))??;
            Ok(Answer::Flag(true))
        })?)
    }

    fn run_until_idle(&self) -> Result<Pending> {
        let desk = Arc::clone(self.0.get()?);
        Ok(Pending::start(async move { record(&desk.worker().await?.run_until_idle().await?) })?)
    }

    /// Waits for the end of a run.
    fn ended(&self) -> Result<Pending> {
        let mut ended = self.0.get()?.ended.subscribe();
        Ok(Pending::start(async move { Ok(Answer::Flag(ended.wait_for(|ended| *ended).await.is_ok())) })?)
    }

    fn stop(&self) -> Result<()> {
        let mut made = lock(&self.0.get()?.made);
        match &*made {
            Made::Worker(worker) => worker.stop(),
            Made::Not => *made = Made::Stopped,
            Made::Stopped => {}
        }
        Ok(())
    }

    fn counts(&self) -> Result<String> {
        let counts = match &*lock(&self.0.get()?.made) {
            Made::Worker(worker) => worker.counts(),
            Made::Not | Made::Stopped => Counts::default(),
        };
        Ok(text(&counts)?)
    }
}

impl Desk {
    async fn worker(&self) -> Result<outbox::Worker, Error> {
        let outbox = self.outbox.outbox().await?;
        let mut made = lock(&self.made);
        match &*made {
            Made::Worker(worker) => Ok(worker.clone()),
            Made::Stopped => Err(Error::new(ErrorCode::Closed, "this worker was stopped")),
            Made::Not => {
                let worker = outbox.worker(self.concurrency)?;
                *made = Made::Worker(worker.clone());
                Ok(worker)
            }
        }
    }
}

/// The statement that publishes an event, and its parameters as the style wants them; opens nothing.
#[pyfunction]
#[pyo3(signature = (uri, payload, options, style, /))]
pub(crate) fn publish_statement<'py>(
    uri: &Bound<'py, PyAny>,
    payload: &Bound<'py, PyBytes>,
    options: &str,
    style: &Bound<'py, PyAny>,
) -> Result<(String, Bound<'py, PyAny>)> {
    let py = uri.py();
    let uri = convert::text(uri, "the store", ErrorCode::InvalidConfig)?;
    let style = convert::text(style, "paramstyle", ErrorCode::InvalidConfig)?.parse::<ParamStyle>()?;
    let publication = publication_from_json(payload.as_bytes().to_vec(), options)?;
    let (sql, params) = outbox::publish_statement(uri, &publication, Some(style))?;
    let values = params.into_iter().map(|param| {
        Ok(match param {
            Param::Null => py.None().into_bound(py),
            Param::Integer(number) => number.into_pyobject(py)?.into_any(),
            Param::Text(text) => text.into_pyobject(py)?.into_any(),
            Param::Blob(bytes) => PyBytes::new(py, &bytes).into_any(),
        })
    });
    let values = values.collect::<PyResult<Vec<_>>>()?;
    if style != ParamStyle::Named {
        return Ok((sql, PyList::new(py, values)?.into_any()));
    }
    let named = PyDict::new(py);
    for (index, value) in values.into_iter().enumerate() {
        named.set_item(format!("p{}", index + 1), value)?;
    }
    Ok((sql, named.into_any()))
}

/// The texts of secrets that a store can keep.
#[pyfunction]
#[pyo3(signature = (secrets, /))]
pub(crate) fn plain_secrets(secrets: &Bound<'_, PyAny>) -> Result<Vec<String>> {
    keys::plain_texts(secrets)
}

/// A point in time in whole seconds.
#[pyfunction]
#[pyo3(signature = (time, name, /))]
pub(crate) fn unix_seconds(time: &Bound<'_, PyAny>, name: &str) -> Result<i64> {
    Ok(convert::timestamp(time, name)?.as_unix())
}
