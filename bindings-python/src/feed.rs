//! What a sender tells of itself, on its way to Python.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use hookseal::{Notice, Notices};
use pyo3::prelude::*;
use tokio::sync::{Mutex, watch};

use crate::{
    error::Result,
    runtime::{Answer, OfProcess, Pending},
    send::text,
};

/// The most notices that cross at once.
const BATCH: usize = 64;

/// One notice as JSON, and how many were lost before it.
type Told = (String, u64);

/// A subscription that Python reads: wait until it is `ready`, then `take`.
#[pyclass(frozen, module = "hookseal._native")]
pub(crate) struct Feed(OfProcess<Arc<Mutex<Following>>>);

#[pymethods]
impl Feed {
    /// Answers `True` when there is something to take, `False` when nothing will come any more.
    fn ready(&self) -> Result<Pending> {
        let following = Arc::clone(self.0.get()?);
        Ok(Pending::start(async move { Ok(Answer::Flag(following.lock().await.ready().await)) })?)
    }

    /// What has come, in order; nothing while another thread waits.
    fn take(&self) -> Result<Vec<Told>> {
        Ok(self.0.get()?.try_lock().map_or_else(|_| Vec::new(), |mut following| following.take()))
    }
}

impl From<Following> for Feed {
    fn from(following: Following) -> Self {
        Self(OfProcess::new(Arc::new(Mutex::new(following))))
    }
}

/// A subscription that ends with its sender.
pub(crate) struct Following {
    notices: Notices,
    closed: watch::Receiver<bool>,
    next: Option<Arc<Notice>>,
}

impl Following {
    pub(crate) fn new(notices: Notices, closed: watch::Receiver<bool>) -> Self {
        Self { notices, closed, next: None }
    }

    async fn ready(&mut self) -> bool {
        if self.next.is_none() {
            self.next = tokio::select! {
                biased;
                notice = self.notices.next() => notice,
                _ = self.closed.wait_for(|closed| *closed) => None,
            };
        }
        self.next.is_some()
    }

    fn take(&mut self) -> Vec<Told> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let Some(notice) = self.next.take().or_else(|| self.come()) else { break };
            batch.extend(text(&*notice).map(|notice| (notice, self.notices.dropped())));
        }
        batch
    }

    /// A notice that has come already.
    fn come(&mut self) -> Option<Arc<Notice>> {
        match pin!(self.notices.next()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(notice) => notice,
            Poll::Pending => None,
        }
    }
}
