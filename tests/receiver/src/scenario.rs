//! What to do with each request of a run.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

/// A `deliveries.json`; what a sender is expected to make of it is for the sender's tests.
#[derive(Default, Deserialize)]
pub(crate) struct Scenarios {
    tests: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    id: String,
    steps: Vec<Step>,
}

/// How one request is answered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the file")]
pub(crate) struct Step {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: String,
    body_base64: Option<String>,
    /// How often the body is written.
    pub(crate) repeat: usize,
    /// Writes the body, of no stated length, until the sender hangs up.
    pub(crate) endless: bool,
    /// So many bytes in a header beside the others.
    padding: usize,
    /// Statuses of informational answers that go before.
    pub(crate) informational: Vec<u16>,
    /// How often those are written.
    pub(crate) informational_repeat: usize,
    /// Seconds between the bytes of the head.
    slow_head: Option<f64>,
    /// Seconds between the bytes of the body.
    slow_body: Option<f64>,
    /// Bytes to write in place of an answer.
    raw: Option<String>,
    raw_base64: Option<String>,
    /// Seconds before the first byte.
    delay: f64,
    /// Never answers; waits for the sender to give up.
    pub(crate) hold: bool,
    pub(crate) close: Option<Close>,
    /// Closes by a reset in place of an orderly end.
    pub(crate) reset: bool,
    /// Offers the connection for another request.
    pub(crate) keep_alive: bool,
}

/// Where the connection is closed before its time.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Close {
    BeforeHead,
    MidHead,
    MidBody,
}

impl Default for Step {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: String::new(),
            body_base64: None,
            repeat: 1,
            endless: false,
            padding: 0,
            informational: Vec::new(),
            informational_repeat: 1,
            slow_head: None,
            slow_body: None,
            raw: None,
            raw_base64: None,
            delay: 0.0,
            hold: false,
            close: None,
            reset: false,
            keep_alive: false,
        }
    }
}

impl Scenarios {
    pub(crate) fn steps(&self, id: &str) -> Option<&[Step]> {
        self.tests.iter().find(|scenario| scenario.id == id).map(|scenario| scenario.steps.as_slice())
    }

    /// Refuses a file that could not be played to its end.
    pub(crate) fn check(&self) -> Result<(), String> {
        for Scenario { id, steps } in &self.tests {
            if steps.is_empty() {
                return Err(format!("{id}: has no steps"));
            }
            for step in steps {
                step.check().map_err(|why| format!("{id}: {why}"))?;
            }
        }
        Ok(())
    }
}

impl Step {
    pub(crate) fn delay(&self) -> Duration {
        seconds(self.delay).unwrap_or_default()
    }

    pub(crate) fn slow_head(&self) -> Option<Duration> {
        self.slow_head.and_then(seconds)
    }

    pub(crate) fn slow_body(&self) -> Option<Duration> {
        self.slow_body.and_then(seconds)
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let padding = (self.padding > 0).then(|| ("x-padding".to_owned(), "x".repeat(self.padding)));
        self.headers.iter().cloned().chain(padding).collect()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        match &self.body_base64 {
            Some(base64) => STANDARD.decode(base64).unwrap_or_default(),
            None => self.body.clone().into_bytes(),
        }
    }

    pub(crate) fn raw(&self) -> Option<Vec<u8>> {
        match (&self.raw, &self.raw_base64) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(base64)) => STANDARD.decode(base64).ok(),
            (None, None) => None,
        }
    }

    fn check(&self) -> Result<(), &'static str> {
        if [Some(self.delay), self.slow_head, self.slow_body].into_iter().flatten().any(|time| seconds(time).is_none())
        {
            return Err("delay, slow_head or slow_body is no time");
        }
        if [&self.raw_base64, &self.body_base64].into_iter().flatten().any(|text| STANDARD.decode(text).is_err()) {
            return Err("raw_base64 or body_base64 is no Base64");
        }
        if (self.close == Some(Close::MidBody) || self.endless) && self.body().is_empty() {
            return Err("close mid_body and endless need a body");
        }
        Ok(())
    }
}

fn seconds(time: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(time).ok()
}
