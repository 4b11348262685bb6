//! A transport that answers from a script, for tests of everything above it.

use std::{fmt, time::Duration};

use super::{Answer, Exchange, Exchanging, Failure, Request, Transport};
use crate::retry::{AttemptError, Phase};

/// How one exchange goes.
#[derive(Debug, Clone)]
pub struct Step {
    after: Duration,
    result: Result<Answer, Failure>,
}

impl Step {
    /// Answers with this status at once.
    pub fn answer(status: u16) -> Self {
        Self { after: Duration::ZERO, result: Ok(Answer { status, ..Answer::default() }) }
    }

    /// Fails with this code at once.
    pub fn fail(error: AttemptError) -> Self {
        Self { after: Duration::ZERO, result: Err(Failure::new(error, "scripted")) }
    }

    /// Takes this long.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }

    /// Adds a header to the answer.
    ///
    /// # Panics
    /// When the text can not be a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        if let Ok(answer) = &mut self.result {
            answer.headers.append(name, http::HeaderValue::from_static(value));
        }
        self
    }
}

/// A transport made of a function. A panic in it stands for a defect in a real one.
pub struct Scripted<F>(pub F);

impl<F: Fn(&Request<'_>) -> Step + Send + Sync + 'static> Transport for Scripted<F> {
    fn send<'a>(&'a self, request: Request<'a>) -> Exchanging<'a> {
        Box::pin(async move {
            let step = (self.0)(&request);
            let result = match tokio::time::timeout(request.timeout, tokio::time::sleep(step.after)).await {
                Ok(()) => step.result,
                Err(_) => Err(Failure::new(AttemptError::ResponseTimeout, "scripted")),
            };
            let phase = if result.is_ok() { Phase::Body } else { Phase::Exchange };
            Exchange { result, phase, resent: false }
        })
    }
}

impl<F> fmt::Debug for Scripted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}
