//! Why a command stops, and the exit status that says so.

use std::io;

use hookseal::{Error, ErrorCode, ErrorKind};

/// How a command that ran to its end answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// Everything was printed, and the answer is no.
    Failed,
}

impl Verdict {
    pub(crate) fn passed_if(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

pub(crate) type Outcome = Result<Verdict, Failure>;

pub(crate) enum Failure {
    /// The check or the delivery failed.
    Refused(Error),
    /// The command can not be carried out as given.
    Misuse(Error),
    /// Standard output broke in another way than by closing.
    Output(io::Error),
}

impl Failure {
    pub(crate) fn misuse(message: impl Into<String>) -> Self {
        Self::Misuse(Error::new(ErrorCode::InvalidConfig, message.into()))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match (error.code().kind(), error.code()) {
            (ErrorKind::Configuration, _)
            | (
                _,
                ErrorCode::InvalidUrl | ErrorCode::InvalidHeader | ErrorCode::InvalidEvent | ErrorCode::PayloadTooLarge,
            ) => Self::Misuse(error),
            _ => Self::Refused(error),
        }
    }
}
