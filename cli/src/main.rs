//! `hookseal`: signs, verifies, sends and receives webhooks from a shell.
//!
//! Each subcommand is one file of [`commands`]. Exit status: 0 done, 1 the check or the delivery failed,
//! 2 wrong use.

mod commands;
mod duration;
mod failure;
mod input;
mod output;
mod secrets;
mod usage;

use std::process::ExitCode;

use clap::Parser;

use crate::{commands::Command, output::Output};

/// Signs, verifies, sends and receives webhooks.
#[derive(Parser)]
#[command(name = "hookseal", version, after_help = usage::EXIT_STATUS)]
struct Cli {
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => {
            let mut output = Output::new(cli.json);
            let outcome = cli.command.run(&mut output);
            output.finish(outcome)
        }
        Err(error) => usage::report(&error),
    }
}
