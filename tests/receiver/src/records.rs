//! What came in.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use crate::http::Request;

pub(crate) struct Records {
    started: Instant,
    runs: Mutex<HashMap<String, Vec<Record>>>,
    connections: AtomicU64,
    sunk: AtomicU64,
}

#[derive(Clone, Serialize)]
pub(crate) struct Record {
    /// The index of the step that answered.
    step: usize,
    /// Equal for requests on one connection.
    connection: u64,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    /// Base64.
    body: String,
    /// Seconds since the receiver started.
    arrived: f64,
}

#[derive(Serialize)]
pub(crate) struct Run {
    requests: Vec<Record>,
}

#[derive(Serialize)]
pub(crate) struct Sunk {
    count: u64,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            runs: Mutex::default(),
            connections: AtomicU64::default(),
            sunk: AtomicU64::default(),
        }
    }
}

impl Records {
    /// Records a request and picks the step to answer it with; the last step repeats.
    pub(crate) fn add(&self, run: &str, connection: u64, request: Request, steps: usize) -> usize {
        let mut runs = self.runs();
        let records = runs.entry(run.to_owned()).or_default();
        let step = records.len().min(steps - 1);
        records.push(Record {
            step,
            connection,
            method: request.method,
            path: request.path,
            headers: request.headers,
            body: STANDARD.encode(request.body),
            arrived: self.started.elapsed().as_secs_f64(),
        });
        step
    }

    pub(crate) fn of_run(&self, run: &str) -> Run {
        Run { requests: self.runs().get(run).cloned().unwrap_or_default() }
    }

    pub(crate) fn number_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn sink(&self) {
        self.sunk.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sunk(&self) -> Sunk {
        Sunk { count: self.sunk.load(Ordering::Relaxed) }
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<String, Vec<Record>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
