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
pub(crate) struct Step {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    body: String,
    /// How often the body is written.
    pub(crate) repeat: usize,
    /// Statuses of informational answers that go before.
    pub(crate) informational: Vec<u16>,
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
            repeat: 1,
            informational: Vec::new(),
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
        Duration::try_from_secs_f64(self.delay).unwrap_or_default()
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.body.as_bytes()
    }

    pub(crate) fn raw(&self) -> Option<Vec<u8>> {
        match (&self.raw, &self.raw_base64) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(base64)) => STANDARD.decode(base64).ok(),
            (None, None) => None,
        }
    }

    fn check(&self) -> Result<(), &'static str> {
        if Duration::try_from_secs_f64(self.delay).is_err() {
            return Err("delay is no time");
        }
        if self.raw_base64.is_some() && self.raw().is_none() {
            return Err("raw_base64 is no Base64");
        }
        if self.close == Some(Close::MidBody) && self.body.is_empty() {
            return Err("close mid_body needs a body");
        }
        Ok(())
    }
}
