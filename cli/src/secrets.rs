//! Where secrets come from: one source at a time, and never printed.

use std::{env, fs::File, io, io::Read as _, path::PathBuf};

use clap::Args;
use hookseal::{Error, ErrorCode, KeyRing, Result, Secret};
use zeroize::Zeroizing;

use crate::failure::Failure;

const VARIABLE: &str = "HOOKSEAL_SECRET";
const LAST_NUMBER: u32 = 16;
/// Sixteen secrets of any sensible length, and far less than a device file gives.
const LARGEST_FILE: u64 = 64 * 1024;

/// Secrets are read from `HOOKSEAL_SECRET`, `HOOKSEAL_SECRET_2` to `HOOKSEAL_SECRET_16` unless an option names another
/// source. The newest comes first.
#[derive(Args)]
#[command(next_help_heading = "Secrets (or HOOKSEAL_SECRET, and _2 to _16, in the environment)")]
pub(crate) struct SecretArgs {
    /// Read secrets from a file, one a line, newest first; `-` for standard input
    #[arg(long, value_name = "PATH", conflicts_with = "secret")]
    secret_file: Option<PathBuf>,
    /// A secret; repeat it for more, newest first. Other users of this machine can see it in the list of processes
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    secret: Vec<String>,
}

impl SecretArgs {
    /// The keys, of which there has to be one at least.
    pub(crate) fn ring(&self) -> Result<KeyRing, Failure> {
        Ok(KeyRing::new(self.secrets()?)?)
    }

    /// The keys, if any are given.
    pub(crate) fn optional_ring(&self) -> Result<Option<KeyRing>, Failure> {
        Ok(self.optional_secrets()?.map(KeyRing::new).transpose()?)
    }

    /// The secrets, newest first, of which there has to be one at least.
    pub(crate) fn secrets(&self) -> Result<Vec<Secret>, Failure> {
        self.optional_secrets()?.ok_or_else(|| {
            let message = format!("there is no secret: set {VARIABLE}, or give --secret-file or --secret");
            Failure::Misuse(Error::new(ErrorCode::EmptySecret, message))
        })
    }

    fn optional_secrets(&self) -> Result<Option<Vec<Secret>>, Failure> {
        let from_environment = environment_secrets()?;
        let from_options = self.secrets_of_options()?;
        let secrets = match (from_environment.is_empty(), from_options) {
            (true, None) => return Ok(None),
            (false, None) => from_environment,
            (true, Some(secrets)) => secrets,
            (false, Some(_)) => {
                return Err(Failure::misuse(format!(
                    "there are secrets in {VARIABLE} and in an option; unset one, so that it is clear which are meant"
                )));
            }
        };
        Ok(Some(secrets))
    }

    /// Whether standard input holds the secrets, and so can not hold the body.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.secret_file.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }

    fn secrets_of_options(&self) -> Result<Option<Vec<Secret>>, Failure> {
        let Some(path) = &self.secret_file else {
            if self.secret.is_empty() {
                return Ok(None);
            }
            return Ok(Some(self.secret.iter().map(Secret::parse).collect::<Result<_>>()?));
        };
        let text = read_file(path, self.reads_stdin())
            .map_err(|error| Failure::misuse(format!("the secrets in {} can not be read: {error}", path.display())))?;
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        if lines.is_empty() {
            let message = format!("there is no secret in {}", path.display());
            return Err(Failure::Misuse(Error::new(ErrorCode::EmptySecret, message)));
        }
        Ok(Some(lines.into_iter().map(Secret::parse).collect::<Result<_>>()?))
    }
}

fn read_file(path: &PathBuf, is_stdin: bool) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let mut reader: Box<dyn io::Read> = if is_stdin { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    reader.by_ref().take(LARGEST_FILE).read_to_string(&mut text)?;
    if reader.read(&mut [0])? > 0 {
        return Err(io::Error::other("it is longer than 64 KiB"));
    }
    Ok(text)
}

/// The secrets of the environment, newest first. A variable that looks like one of them and is not read is refused:
/// whoever set it believes in it.
fn environment_secrets() -> Result<Vec<Secret>, Failure> {
    let mut found = Vec::new();
    for (name, value) in env::vars_os() {
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(VARIABLE)) else { continue };
        let number = match rest.strip_prefix('_').map(str::parse::<u32>) {
            None if rest.is_empty() => 1,
            Some(Ok(number)) if (2..=LAST_NUMBER).contains(&number) && rest == format!("_{number}") => number,
            _ => {
                return Err(Failure::misuse(format!(
                    "the variable {VARIABLE}{rest} is not read; there are {VARIABLE} and {VARIABLE}_2 to _{LAST_NUMBER}"
                )));
            }
        };
        let secret = value
            .into_string()
            .map_err(|_| Error::new(ErrorCode::MalformedSecret, "the secret is not UTF-8"))
            .and_then(Secret::parse)
            .map_err(|error| {
                let name = if number == 1 { VARIABLE.to_owned() } else { format!("{VARIABLE}_{number}") };
                Error::new(error.code(), format!("{name}: {}", error.message()))
            })?;
        found.push((number, secret));
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, secret)| secret).collect())
}
