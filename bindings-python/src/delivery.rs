//! Deliveries, made as the values of `hookseal.delivery`: a detour by way of JSON would cost a sixth of a delivery.

use std::{sync::Mutex, vec};

use hookseal::{Attempt, Delivery};
use pyo3::{
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyString, PyTuple, PyType},
};

use crate::runtime::lock;

static DELIVERY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static ATTEMPT: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Many deliveries, each made a value when its turn comes: in the thread that asks for it, and not in one that sends.
#[pyclass(frozen, module = "hookseal._native")]
pub(crate) struct Deliveries(Mutex<vec::IntoIter<Delivery>>);

impl Deliveries {
    pub(crate) fn new(deliveries: Vec<Delivery>) -> Self {
        Self(Mutex::new(deliveries.into_iter()))
    }
}

#[pymethods]
impl Deliveries {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let next = lock(&self.0).next();
        next.map(|delivery| value(py, &delivery)).transpose()
    }

    fn __length_hint__(&self) -> usize {
        lock(&self.0).len()
    }
}

/// The value that the package shows.
pub(crate) fn value<'py>(py: Python<'py>, delivery: &Delivery) -> PyResult<Bound<'py, PyAny>> {
    let attempts = delivery.attempts.iter().map(|made| attempt(py, made)).collect::<PyResult<Vec<_>>>()?;
    let (value, fields) = made(DELIVERY.import(py, "hookseal.delivery", "Delivery")?)?;
    fields.set_item(intern!(py, "id"), &*delivery.id)?;
    fields.set_item(intern!(py, "event_type"), &*delivery.event_type)?;
    fields.set_item(intern!(py, "endpoint"), &*delivery.endpoint)?;
    fields.set_item(intern!(py, "status"), word(py, delivery.status.as_str()))?;
    fields.set_item(intern!(py, "reason"), delivery.reason.map(|reason| word(py, reason.as_str())))?;
    fields.set_item(intern!(py, "attempts"), PyTuple::new(py, attempts)?)?;
    Ok(value)
}

fn attempt<'py>(py: Python<'py>, attempt: &Attempt) -> PyResult<Bound<'py, PyAny>> {
    let outcome = if attempt.succeeded { intern!(py, "succeeded") } else { intern!(py, "failed") };
    let (value, fields) = made(ATTEMPT.import(py, "hookseal.delivery", "Attempt")?)?;
    fields.set_item(intern!(py, "number"), attempt.number)?;
    fields.set_item(intern!(py, "started_at"), attempt.started_at.as_unix())?;
    fields.set_item(intern!(py, "outcome"), outcome)?;
    fields.set_item(intern!(py, "error"), attempt.error.map(|error| word(py, error.as_str())))?;
    fields.set_item(intern!(py, "status_code"), attempt.status_code)?;
    fields.set_item(intern!(py, "phase"), word(py, attempt.phase.as_str()))?;
    fields.set_item(intern!(py, "duration"), attempt.duration.as_secs_f64())?;
    fields.set_item(intern!(py, "retry_after"), attempt.retry_after.map(|pause| pause.as_secs_f64()))?;
    fields.set_item(intern!(py, "response_headers"), PyTuple::new(py, &attempt.response_headers)?)?;
    fields.set_item(intern!(py, "response_body"), &*String::from_utf8_lossy(&attempt.response_body))?;
    Ok(value)
}

/// A frozen value without fields, made without its `__init__`, which would set each by a call; and the place for them.
fn made<'py>(class: &Bound<'py, PyType>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
    let py = class.py();
    let value = class.call_method1(intern!(py, "__new__"), (class,))?;
    let fields = value.getattr(intern!(py, "__dict__"))?.cast_into()?;
    Ok((value, fields))
}

/// One of few words, which are made once.
fn word<'py>(py: Python<'py>, text: &'static str) -> Bound<'py, PyString> {
    PyString::intern(py, text)
}
