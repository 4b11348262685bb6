//! Everything that is printed.
//!
//! A reader that goes away (`| head`) ends the printing, not the command: what is left is dropped and the
//! exit status stays the command's own.

use std::{
    env, fmt,
    io::{self, ErrorKind, IsTerminal as _, Write as _},
    process::ExitCode,
};

use hookseal::Error;
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome, Verdict};

pub(crate) struct Output {
    json: bool,
    colour: bool,
    closed: bool,
}

/// What a text is coloured for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tone {
    Good,
    Bad,
    Quiet,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, colour: !json && terminal_takes_colour(), closed: false }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether nobody reads standard output any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other.map_err(Failure::Output),
        }
    }

    pub(crate) fn json(&mut self, value: &Value) -> Result<(), Failure> {
        self.line(value)
    }

    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => 32,
            Tone::Bad => 31,
            Tone::Quiet => 2,
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Prints what stopped the command, if anything did, and gives the exit status.
    pub(crate) fn finish(&mut self, outcome: Outcome) -> ExitCode {
        let (error, status) = match outcome {
            Ok(Verdict::Passed) => return ExitCode::SUCCESS,
            Ok(Verdict::Failed) => return ExitCode::from(1),
            Err(Failure::Refused(error)) => (error, 1),
            Err(Failure::Misuse(error)) => (error, 2),
            Err(Failure::Output(error)) => {
                note(&format!("error: the output can not be written: {error}"));
                return ExitCode::from(1);
            }
        };
        if !self.json {
            note(&format!("error: {error}"));
        } else if let Err(Failure::Output(broken)) = self.json(&error_json(&error)) {
            note(&format!("error: {error} (and the output can not be written: {broken})"));
        }
        ExitCode::from(status)
    }
}

/// Prints a line for people, on standard error.
pub(crate) fn note(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}

pub(crate) fn error_json(error: &Error) -> Value {
    json!({ "error": { "code": error.code().as_str(), "message": error.message() } })
}

/// The text with everything escaped by which a sender could steer the reader's terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, letter| {
        if letter.is_control()
            || matches!(letter, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            safe.extend(letter.escape_default());
        } else {
            safe.push(letter);
        }
        safe
    })
}

/// Whether standard output is a terminal whose owner wants colour (<https://no-color.org>).
fn terminal_takes_colour() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !is_set("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(printable("a\x1b[2Jb\r\n\u{9b}c\u{202e}"), r"a\u{1b}[2Jb\r\n\u{9b}c\u{202e}");
        assert_eq!(printable("größe ✓ {\"a\":1}"), "größe ✓ {\"a\":1}");
    }
}
