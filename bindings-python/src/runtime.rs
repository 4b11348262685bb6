//! The one tokio runtime of this process, made on first use, and what a fork does to things like it.
//!
//! A forked child has the parent's memory and none of its threads. Whatever they owned is dead there: locks may
//! be held for ever, and even a drop may wait for them. So such things live in a [`PerProcess`], which makes a fresh
//! one in the child and leaves the parent's untouched, or in an [`OfProcess`], which answers `forked`.

use std::{
    future::Future,
    ptr,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicPtr, AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use hookseal::{Delivery, Error, ErrorCode};
use pyo3::{exceptions::PyTimeoutError, prelude::*};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::AbortHandle,
};

use crate::{
    convert::seconds,
    delivery::{self, Deliveries},
    error::{Failure, Result, exception},
    log::{self, Log},
};

/// How often a blocking wait looks whether Ctrl-C was pressed.
const SIGNAL_CHECK: Duration = Duration::from_millis(50);
/// How long the end of the interpreter waits for callbacks.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// How many forks lie between this process and the one that loaded the module.
static FORKS: AtomicU64 = AtomicU64::new(0);
static RUNTIME: PerProcess<Owned> = PerProcess::new();
/// The thread that ends the interpreter, once it does.
static ENDING: OnceLock<ThreadId> = OnceLock::new();

struct Owned {
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
    log: Log,
}

/// Learns of forks from now on; called once, when the module is loaded.
pub(crate) fn watch_forks() {
    #[cfg(unix)]
    {
        extern "C" fn in_child() {
            FORKS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the handler is a plain function that lives as long as the process, and it touches one atomic only, which is
        // all that a child of a threaded process may do. Where it can not be registered (no memory), forks go unnoticed.
        unsafe {
            libc::pthread_atfork(None, None, Some(in_child));
        }
    }
}

/// The runtime of this process, made when there is none yet.
pub(crate) fn runtime() -> Result<Handle, Error> {
    let owned = RUNTIME.get(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(thread::available_parallelism().map_or(2, |cores| cores.get().clamp(1, 4)))
            .thread_name("hookseal")
            .enable_all()
            .build()
            .map_err(|error| Error::new(ErrorCode::Internal, format!("the runtime could not be made: {error}")))?;
        log::follow();
        Ok(Owned { handle: runtime.handle().clone(), runtime: Mutex::new(Some(runtime)), log: Log::default() })
    })?;
    if ENDING.get().is_some() {
        return Err(Error::new(ErrorCode::Closed, "the interpreter is shutting down"));
    }
    Ok(owned.handle.clone())
}

/// Ends the runtime with the interpreter, before its threads could call into what is gone.
#[pyfunction]
pub(crate) fn shut_down(py: Python<'_>) {
    ENDING.get_or_init(|| thread::current().id());
    if let Some(runtime) = RUNTIME.here().and_then(|owned| lock(&owned.runtime).take()) {
        py.detach(|| runtime.shutdown_timeout(LAST_GRACE));
    }
}

/// Stops a thread that would go back into an interpreter that is ending, which would end the thread by unwinding this code.
fn stay_out_of_the_end() {
    while ENDING.get().is_some_and(|ender| *ender != thread::current().id()) {
        thread::park();
    }
}

/// Where this process's warnings wait, once it has a runtime.
pub(crate) fn log_here() -> Option<&'static Log> {
    RUNTIME.here().map(|owned| &owned.log)
}

/// Where something happened first, for what a fork must not come between.
pub(crate) struct FirstProcess(AtomicU64);

impl FirstProcess {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    /// Whether it happens in the process in which it happened first.
    pub(crate) fn is_this(&self) -> bool {
        let here = FORKS.load(Ordering::Relaxed);
        match self.0.compare_exchange(u64::MAX, here, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => true,
            Err(first) => first == here,
        }
    }
}

/// A value that each process makes for itself.
pub(crate) struct PerProcess<T>(AtomicPtr<Made<T>>);

struct Made<T> {
    forks: u64,
    value: T,
}

impl<T: Send + Sync> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// This process's value, if it was made.
    pub(crate) fn here(&self) -> Option<&T> {
        let made = self.0.load(Ordering::Acquire);
        // SAFETY: the slot is null or holds what `get` got from Box::into_raw, and such a box is freed only by `drop`, which
        // nobody can call while `self` is borrowed. It is never changed after it was published (Release, Acquire).
        let made = unsafe { made.as_ref() }?;
        (made.forks == FORKS.load(Ordering::Relaxed)).then_some(&made.value)
    }

    /// This process's value, made if need be.
    pub(crate) fn get(&self, make: impl FnOnce() -> Result<T, Error>) -> Result<&T, Error> {
        let before = self.0.load(Ordering::Acquire);
        if let Some(value) = self.here() {
            return Ok(value);
        }
        let fresh = Box::into_raw(Box::new(Made { forks: FORKS.load(Ordering::Relaxed), value: make()? }));
        if self.0.compare_exchange(before, fresh, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: `fresh` comes from the line above and was not published, so this is its only owner.
            drop(unsafe { Box::from_raw(fresh) });
        } // else `before` is null or the parent's, which is left alone on purpose
        self.here().ok_or_else(|| Error::new(ErrorCode::Internal, "forked while a value was made"))
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let made = *self.0.get_mut();
        // SAFETY: as in `here`; `&mut self` proves that no reference into the box is left.
        if unsafe { made.as_ref() }.is_some_and(|made| made.forks == FORKS.load(Ordering::Relaxed)) {
            // SAFETY: the box is owned by the slot alone, and the slot is never read again.
            drop(unsafe { Box::from_raw(made) });
        }
    }
}

/// A value that belongs to the process that made it.
pub(crate) struct OfProcess<T> {
    forks: u64,
    value: Option<T>,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { forks: FORKS.load(Ordering::Relaxed), value: Some(value) }
    }

    /// The value, or `forked`.
    pub(crate) fn get(&self) -> Result<&T, Error> {
        self.value
            .as_ref()
            .filter(|_| self.forks == FORKS.load(Ordering::Relaxed))
            .ok_or_else(|| Error::new(ErrorCode::Forked, "this was made before the process forked"))
    }
}

impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        if self.get().is_err() {
            std::mem::forget(self.value.take());
        }
    }
}

/// What a call into the runtime ends with.
pub(crate) enum Answer {
    Text(String),
    Flag(bool),
    Delivery(Delivery),
    Deliveries(Vec<Delivery>),
}

/// Work that goes on in the runtime: to be waited for by a thread, or to be told of by a callback.
#[pyclass(frozen, module = "hookseal._native")]
pub(crate) struct Pending(OfProcess<(Arc<Slot>, AbortHandle)>);

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Default)]
struct State {
    outcome: Option<Result<Answer, Error>>,
    callback: Option<Py<PyAny>>,
}

impl Pending {
    /// Starts work whose end `callback(value, error)` is told of from a thread of the runtime.
    pub(crate) fn start<F>(work: F) -> Result<Self, Error>
    where
        F: Future<Output = Result<Answer, Error>> + Send + 'static,
    {
        let slot = Arc::new(Slot::default());
        let promise = Promise(Arc::clone(&slot));
        let task = runtime()?.spawn(async move {
            let outcome = work.await;
            promise.0.settle(outcome);
        });
        Ok(Self(OfProcess::new((slot, task.abort_handle()))))
    }
}

#[pymethods]
impl Pending {
    /// Blocks this thread until the end, or for `timeout` seconds.
    #[pyo3(signature = (timeout = None))]
    fn wait<'py>(&self, py: Python<'py>, timeout: Option<&Bound<'py, PyAny>>) -> Result<Bound<'py, PyAny>> {
        let (slot, task) = self.0.get()?;
        let timeout = timeout.map(|timeout| seconds(timeout, "timeout")).transpose()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let pause =
                deadline.map_or(SIGNAL_CHECK, |end| end.saturating_duration_since(Instant::now()).min(SIGNAL_CHECK));
            let outcome = py.detach(|| {
                let outcome = slot.wait(pause);
                stay_out_of_the_end();
                outcome
            });
            if let Some(outcome) = outcome {
                return Ok(answer(py, outcome)?);
            }
            if let Err(interrupt) = py.check_signals() {
                task.abort();
                return Err(interrupt.into());
            }
            if deadline.is_some_and(|end| end <= Instant::now()) {
                return Err(Failure::Python(PyTimeoutError::new_err("not finished in time")));
            }
        }
    }

    /// Calls `callback(value, error)` at the end: in a thread of the runtime, or at once where the end has come.
    #[pyo3(signature = (callback, /))]
    fn notify(&self, py: Python<'_>, callback: Py<PyAny>) -> Result<()> {
        let (slot, _) = self.0.get()?;
        let outcome = {
            let mut state = lock(&slot.state);
            let Some(outcome) = state.outcome.take() else {
                state.callback = Some(callback);
                return Ok(());
            };
            outcome
        };
        tell(py, &callback, outcome);
        Ok(())
    }

    /// Gives up waiting; what is waited for goes on. Nobody is told: a thread of the runtime would wait for the interpreter
    /// each time, and such tasks would pile up behind it.
    fn abandon(&self) {
        if let Ok((slot, task)) = self.0.get() {
            let callback = lock(&slot.state).callback.take();
            drop(callback);
            task.abort();
        }
    }
}

/// Settles its slot also when the work panics or is abandoned. Work that dies with the interpreter wakes nobody up: only
/// daemon threads still wait then, and they have nothing left to run in.
struct Promise(Arc<Slot>);

impl Drop for Promise {
    fn drop(&mut self) {
        if ENDING.get().is_some() {
            return;
        }
        self.0.settle(Err(if thread::panicking() {
            Error::new(ErrorCode::Internal, "the work ended in a panic")
        } else {
            Error::new(ErrorCode::Closed, "the wait was given up")
        }));
    }
}

impl Slot {
    /// Keeps the first outcome, or hands it to the callback.
    fn settle(&self, outcome: Result<Answer, Error>) {
        let mut state = lock(&self.state);
        let Some(callback) = state.callback.take() else {
            state.outcome.get_or_insert(outcome);
            self.settled.notify_all();
            return;
        };
        drop(state);
        Python::try_attach(|py| tell(py, &callback, outcome));
    }

    fn wait(&self, pause: Duration) -> Option<Result<Answer, Error>> {
        let state = lock(&self.state);
        let waited = self.settled.wait_timeout_while(state, pause, |state| state.outcome.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.outcome.take()
    }
}

fn tell(py: Python<'_>, callback: &Py<PyAny>, outcome: Result<Answer, Error>) {
    let told = match answer(py, outcome) {
        Ok(value) => callback.call1(py, (value, py.None())),
        Err(error) => callback.call1(py, (py.None(), error)),
    };
    if let Err(error) = told {
        error.write_unraisable(py, Some(callback.bind(py)));
    }
}

fn answer(py: Python<'_>, outcome: Result<Answer, Error>) -> PyResult<Bound<'_, PyAny>> {
    match outcome.map_err(|error| exception(&error))? {
        Answer::Text(text) => Ok(text.into_pyobject(py)?.into_any()),
        Answer::Flag(flag) => Ok(flag.into_pyobject(py)?.to_owned().into_any()),
        Answer::Delivery(delivery) => delivery::value(py, &delivery),
        Answer::Deliveries(deliveries) => Ok(Deliveries::new(deliveries).into_pyobject(py)?.into_any()),
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
