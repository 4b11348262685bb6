//! Help, and complaints about the command line itself.

use std::{ffi::OsString, process::ExitCode};

use crate::output;

pub(crate) const EXIT_STATUS: &str = "Exit status: 0 done, 1 the check or the delivery failed, 2 wrong use.";

/// Prints what the parser has to say: help on standard output, a complaint on standard error.
///
/// A complaint quotes the words that it is about, and one of them may be a secret in the wrong place.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        output::note(redact(error.to_string(), std::env::args_os()).trim_end());
        return ExitCode::from(2);
    }
    drop(error.print());
    ExitCode::SUCCESS
}

fn redact(text: String, words: impl Iterator<Item = OsString>) -> String {
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let after_flag = words.windows(2).filter(|pair| pair[0] == "--secret").map(|pair| pair[1].as_str());
    let marked = words.iter().filter(|word| SECRET_MARKS.iter().any(|mark| word.contains(mark))).map(String::as_str);
    after_flag.chain(marked).fold(text, |text, word| {
        let value = word.strip_prefix("--").and_then(|flag| flag.split_once('=')).map_or(word, |(_, value)| value);
        if value.is_empty() { text } else { text.replace(value, "[REDACTED]") }
    })
}

const SECRET_MARKS: [&str; 2] = ["whsec_", "whsk_"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_wrong_place_is_not_quoted() {
        let redacted = |words: &[&str]| {
            let text = format!("unexpected argument '{}' found", words.last().unwrap());
            redact(text, words.iter().map(OsString::from))
        };
        assert_eq!(redacted(&["hookseal", "sign", "whsec_x"]), "unexpected argument '[REDACTED]' found");
        assert_eq!(redacted(&["hookseal", "sign", "--key=whsk_x"]), "unexpected argument '--key=[REDACTED]' found");
        assert_eq!(redacted(&["hookseal", "listen", "--secret", "-x"]), "unexpected argument '[REDACTED]' found");
        assert_eq!(redacted(&["hookseal", "sign", "--secert"]), "unexpected argument '--secert' found");
    }
}
