//! The core's warnings on their way to Python's `logging`.
//!
//! Handlers are Python code that may take any time, so no thread of the runtime runs them, and whoever warns may hold a
//! lock. A warning is only put down here, and logged by the next call into the sender, or at the interpreter's end.

use std::{
    collections::VecDeque,
    fmt::{Debug, Write as _},
    sync::Mutex,
};

use pyo3::pyfunction;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

use crate::runtime::{lock, log_here};

/// The most warnings that wait; later ones are counted.
const ROOM: usize = 256;
const PYTHON_WARNING: u8 = 30;
const PYTHON_ERROR: u8 = 40;

/// Warnings that wait, each with Python's level.
#[derive(Default)]
pub(crate) struct Log(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    records: VecDeque<(u8, String)>,
    lost: u64,
}

impl Log {
    fn put(&self, level: u8, text: String) {
        let mut waiting = lock(&self.0);
        if waiting.records.len() < ROOM {
            waiting.records.push_back((level, text));
        } else {
            waiting.lost += 1;
        }
    }

    fn take(&self) -> VecDeque<(u8, String)> {
        let Waiting { mut records, lost } = std::mem::take(&mut *lock(&self.0));
        if lost > 0 {
            records.push_back((PYTHON_WARNING, format!("{lost} more warnings were lost")));
        }
        records
    }
}

/// What the core has warned of since the last call, in this process.
#[pyfunction]
pub(crate) fn take_warnings() -> Vec<(u8, String)> {
    log_here().map(Log::take).unwrap_or_default().into()
}

/// Follows the core's warnings from now on; the second and later calls change nothing.
pub(crate) fn follow() {
    let _ = tracing::subscriber::set_global_default(Follower);
}

struct Follower;

impl Subscriber for Follower {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::WARN && metadata.target().starts_with("hookseal")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        let Some(log) = log_here() else { return };
        let mut text = Text::default();
        event.record(&mut text);
        let level = if *event.metadata().level() == Level::ERROR { PYTHON_ERROR } else { PYTHON_WARNING };
        log.put(level, text.message + &text.fields);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1) // none is enabled
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// `message name=value …`
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String can not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
