//! Python values to core values; whatever has the wrong type ends in an error with a code.

use std::{borrow::Cow, time::Duration};

use hookseal::{
    ErrorCode, Timestamp,
    headers::{Found, HeaderName, HeaderSource},
};
use pyo3::{
    exceptions::PyException,
    prelude::*,
    types::{
        PyBool, PyByteArray, PyBytes, PyDateTime, PyDict, PyFloat, PyInt, PyList, PyMemoryView, PyString, PyTuple,
    },
};

use crate::error::{Failure, Result};

/// The most headers that verification reads.
const MAX_NAMES: usize = 3;

/// The body's bytes: borrowed from `bytes` and `str`, copied from what can change under our hands.
#[inline]
pub(crate) fn body<'a>(value: &'a Bound<'_, PyAny>) -> Result<Cow<'a, [u8]>> {
    match value.cast::<PyBytes>() {
        Ok(bytes) => Ok(Cow::Borrowed(bytes.as_bytes())),
        Err(_) => other_body(value),
    }
}

#[cold]
fn other_body<'a>(value: &'a Bound<'_, PyAny>) -> Result<Cow<'a, [u8]>> {
    let not_bytes = |message: String| Failure::new(ErrorCode::BodyNotBytes, message);
    if let Ok(text) = value.cast::<PyString>() {
        match text.to_str() {
            Ok(text) => Ok(Cow::Borrowed(text.as_bytes())),
            Err(_) => Err(not_bytes("the body is a str with lone surrogates, which no bytes on a wire become".into())),
        }
    } else if let Ok(bytes) = value.cast::<PyByteArray>() {
        Ok(Cow::Owned(bytes.to_vec()))
    } else if let Ok(view) = value.cast::<PyMemoryView>() {
        let bytes = view.call_method0("tobytes").map_err(|_| not_bytes("the body is a released memoryview".into()))?;
        Ok(Cow::Owned(bytes.extract::<Vec<u8>>()?))
    } else {
        Err(not_bytes(format!(
            "the body is {}, and signatures are made over raw bytes: pass the request's body before anything parses it \
             (FastAPI and Starlette: await request.body(); Django: request.body; Flask: request.get_data())",
            type_of(value)
        )))
    }
}

/// A point in time: whole seconds, a float (rounded down), or an aware `datetime`.
pub(crate) fn timestamp(value: &Bound<'_, PyAny>, name: &str) -> Result<Timestamp> {
    let invalid = |what: &str| invalid_config(format!("{name} {what}"));
    let seconds = if is_bool(value) {
        return Err(invalid("must be a number of seconds or an aware datetime, not bool"));
    } else if let Ok(number) = value.cast::<PyInt>() {
        return number.extract().map(Timestamp::from_unix).map_err(|_| invalid("lies beyond any date"));
    } else if let Ok(number) = value.cast::<PyFloat>() {
        number.value()
    } else if let Ok(date) = value.cast::<PyDateTime>() {
        if date.call_method0("utcoffset")?.is_none() {
            return Err(invalid("is a naive datetime; give it a time zone"));
        }
        date.call_method0("timestamp")?.extract()?
    } else {
        let message = format!("must be a number of seconds or an aware datetime, not {}", type_of(value));
        return Err(invalid(&message));
    };
    if !seconds.is_finite() {
        return Err(invalid("is not a finite number"));
    }
    if seconds.abs() > 1e15 {
        return Err(invalid("lies beyond any date"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounded down and within range")]
    Ok(Timestamp::from_unix(seconds.floor() as i64))
}

/// A length of time in seconds.
pub(crate) fn seconds(value: &Bound<'_, PyAny>, name: &str) -> Result<Duration> {
    let invalid = || invalid_config(format!("{name} must be a number of seconds, 0 or more"));
    if is_bool(value) {
        Err(invalid())
    } else if let Ok(number) = value.cast::<PyInt>() {
        number.extract().map(Duration::from_secs).map_err(|_| invalid())
    } else if let Ok(number) = value.cast::<PyFloat>() {
        Duration::try_from_secs_f64(number.value()).map_err(|_| invalid())
    } else {
        Err(invalid())
    }
}

/// A number of things.
pub(crate) fn count(value: &Bound<'_, PyAny>, name: &str) -> Result<usize> {
    if !is_bool(value)
        && let Ok(number) = value.cast::<PyInt>()
        && let Ok(number) = number.extract()
    {
        return Ok(number);
    }
    Err(invalid_config(format!("{name} must be a whole number, 0 or more")))
}

pub(crate) fn flag(value: &Bound<'_, PyAny>, name: &str) -> Result<bool> {
    let flag = value.cast::<PyBool>().map_err(|_| invalid_config(format!("{name} must be True or False")))?;
    Ok(flag.is_true())
}

/// Text that Unicode can say.
pub(crate) fn text<'a>(value: &'a Bound<'_, PyAny>, name: &str, code: ErrorCode) -> Result<&'a str> {
    let text = value
        .cast::<PyString>()
        .map_err(|_| Failure::new(code, format!("{name} must be a str, not {}", type_of(value))))?;
    text.to_str().map_err(|_| Failure::new(code, format!("{name} has lone surrogates")))
}

/// The items of a list or tuple.
pub(crate) fn items<'py>(value: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    if let Ok(list) = value.cast::<PyList>() {
        Some(list.iter().collect())
    } else {
        value.cast::<PyTuple>().ok().map(|tuple| tuple.iter().collect())
    }
}

/// Python's name for a value's type, for messages.
pub(crate) fn type_of(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "an unknown type".to_owned(), |name| name.to_string())
}

pub(crate) fn invalid_config(message: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::InvalidConfig, message)
}

fn is_bool(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyBool>()
}

/// The values of the headers that a verifier reads, kept alive while it borrows their bytes.
#[derive(Default)]
pub(crate) struct Headers<'py> {
    /// For each name its first two occurrences: a third tells nothing new.
    values: [[Option<Bound<'py, PyAny>>; 2]; MAX_NAMES],
}

impl<'py> Headers<'py> {
    /// Fetches the headers of these names, the signature's first, from whatever keeps them; in place, as moving what was
    /// just written costs more than finding it.
    #[inline]
    pub(crate) fn fetch(&mut self, names: &[Box<str>], headers: &Bound<'py, PyAny>) -> Result<()> {
        if let Ok(dict) = headers.cast_exact::<PyDict>() {
            for (key, value) in dict.iter() {
                self.offer(names, &key, value);
            }
        } else if headers.is_none() || is_text(headers) {
            self.add(0, headers.clone());
        } else {
            self.scan(names, headers).map_err(|failure| unreadable(headers, failure))?;
        }
        Ok(())
    }

    fn scan(&mut self, names: &[Box<str>], headers: &Bound<'py, PyAny>) -> Result<()> {
        let pairs = if let Ok(items) = headers.getattr("items") {
            items.call0()?
        } else if let Ok(get) = headers.getattr("get") {
            for (index, name) in names.iter().enumerate() {
                self.add(index, get.call1((&**name,))?);
            }
            return Ok(());
        } else {
            headers.clone()
        };
        each_pair(&pairs, |key, value| {
            self.offer(names, key, value.clone());
            Ok(())
        })
    }

    fn offer(&mut self, names: &[Box<str>], key: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) {
        let Some(key) = name_bytes(key) else { return };
        let spelled = names.iter().position(|name| name.as_bytes() == key);
        if let Some(index) = spelled.or_else(|| names.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(key)))
        {
            self.add(index, value);
        }
    }

    /// Takes a value, the values of a list, or nothing from `None`.
    fn add(&mut self, index: usize, value: Bound<'py, PyAny>) {
        if value.is_instance_of::<PyString>() {
            self.put(index, value);
        } else if let Some(values) = items(&value) {
            for value in values {
                self.put(index, value);
            }
        } else {
            self.put(index, value);
        }
    }

    fn put(&mut self, index: usize, value: Bound<'py, PyAny>) {
        if !value.is_none()
            && let Some(free) = self.values[index].iter_mut().find(|slot| slot.is_none())
        {
            *free = Some(value);
        }
    }
}

/// What was received under the names that a verifier reads.
pub(crate) struct Received<'a> {
    names: &'a [Box<str>],
    values: [Value<'a>; MAX_NAMES],
}

impl<'a> Received<'a> {
    #[inline]
    pub(crate) fn new(names: &'a [Box<str>]) -> Self {
        Self { names, values: [const { Value::Absent }; MAX_NAMES] }
    }

    /// Reads the bytes of the headers that were found.
    #[inline]
    pub(crate) fn read(&mut self, found: &'a Headers<'_>) -> Result<()> {
        for ((name, values), place) in self.names.iter().zip(&found.values).zip(&mut self.values) {
            let [first, second] = values;
            if let Some(first) = first {
                *place = Value::One(header_bytes(name, first)?);
            }
            if let Some(second) = second {
                header_bytes(name, second)?;
                *place = Value::Doubled;
            }
        }
        Ok(())
    }
}

enum Value<'a> {
    Absent,
    One(Cow<'a, [u8]>),
    Doubled,
}

impl HeaderSource for Received<'_> {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        let index = self.names.iter().position(|known| **known == *name.as_str());
        match index.map(|index| &self.values[index]) {
            Some(Value::One(value)) => Found::One(value),
            Some(Value::Doubled) => Found::Doubled,
            Some(Value::Absent) | None => Found::Absent,
        }
    }
}

/// All headers, for `diagnose`, which looks at others than a verifier does.
pub(crate) fn all_headers(headers: &Bound<'_, PyAny>, signature: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let mut all = Vec::new();
    let mut add = |name: &str, value: &Bound<'_, PyAny>| -> Result<()> {
        for value in items(value).unwrap_or_else(|| vec![value.clone()]) {
            if !value.is_none() {
                all.push((name.to_owned(), header_bytes(name, &value)?.into_owned()));
            }
        }
        Ok(())
    };
    if headers.is_none() || is_text(headers) {
        add(signature, headers)?;
        return Ok(all);
    }
    let pairs = match headers.getattr("items") {
        Ok(items) => items.call0().map_err(Failure::from),
        Err(_) => Ok(headers.clone()),
    };
    pairs
        .and_then(|pairs| {
            each_pair(&pairs, |key, value| match name_bytes(key).map(std::str::from_utf8) {
                Some(Ok(name)) => add(name, value),
                _ => Ok(()),
            })
        })
        .map_err(|failure| unreadable(headers, failure))?;
    Ok(all)
}

fn each_pair<'py>(
    pairs: &Bound<'py, PyAny>,
    mut take: impl FnMut(&Bound<'py, PyAny>, &Bound<'py, PyAny>) -> Result<()>,
) -> Result<()> {
    for pair in pairs.try_iter()? {
        match items(&pair?).as_deref() {
            Some([key, value]) => take(key, value)?,
            _ => return Err(malformed("the headers hold something else than pairs of name and value")),
        }
    }
    Ok(())
}

fn name_bytes<'a>(name: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    match name.cast::<PyString>() {
        Ok(text) => text.to_str().ok().map(str::as_bytes),
        Err(_) => name.cast::<PyBytes>().ok().map(PyBytesMethods::as_bytes),
    }
}

/// A header value's bytes; a `str` has one character for each byte, as web servers hand it over.
fn header_bytes<'a>(name: &str, value: &'a Bound<'_, PyAny>) -> Result<Cow<'a, [u8]>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(match text.to_str() {
            Ok(ascii) if ascii.is_ascii() => Cow::Borrowed(ascii.as_bytes()),
            _ => text.to_string_lossy().chars().map(|char| u8::try_from(char).unwrap_or(u8::MAX)).collect(),
        });
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(Cow::Owned(bytes.to_vec()));
    }
    Err(malformed(format!("the header {name} is {}, neither str nor bytes", type_of(value))))
}

fn is_text(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>()
}

fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::MalformedHeader, message)
}

/// An exception out of a headers object means that it is none; what is not an `Exception` passes, as Ctrl-C does.
fn unreadable(headers: &Bound<'_, PyAny>, failure: Failure) -> Failure {
    let py = headers.py();
    match failure {
        Failure::Python(cause) if cause.is_instance_of::<PyException>(py) => {
            let message = format!("the headers are {}, not a mapping, pairs, or the header's value", type_of(headers));
            let error = PyErr::from(malformed(message));
            error.set_cause(py, Some(cause));
            Failure::Python(error)
        }
        other => other,
    }
}
