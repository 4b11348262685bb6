//! The subcommands.

mod listen;
mod outbox;
mod plan;
mod schemes;
mod secret;
mod send;
mod sign;
mod vectors;
mod verify;

use clap::Subcommand;
use hookseal::{Error, ErrorCode};
use tokio::runtime::{Builder, Runtime};

use crate::{
    failure::{Failure, Outcome},
    output::Output,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    Sign(sign::SignArgs),
    Verify(verify::VerifyArgs),
    Send(send::SendArgs),
    Listen(listen::ListenArgs),
    Schemes(schemes::SchemesArgs),
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    Plan(plan::PlanArgs),
    #[command(subcommand)]
    Vectors(vectors::VectorsCommand),
}

impl Command {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        match self {
            Self::Sign(args) => args.run(output),
            Self::Verify(args) => args.run(output),
            Self::Send(args) => args.run(output),
            Self::Listen(args) => args.run(output),
            Self::Schemes(args) => args.run(output),
            Self::Secret(command) => command.run(output),
            Self::Outbox(command) => command.run(output),
            Self::Plan(args) => args.run(output),
            Self::Vectors(command) => command.run(output),
        }
    }
}

/// What the commands with a network or a child process run on.
fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::Refused(Error::new(ErrorCode::Internal, format!("the runtime can not be started: {error}")))
    })
}
