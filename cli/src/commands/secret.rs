//! `hookseal secret`: new secrets.

use clap::Subcommand;
use hookseal::Secret;
use serde_json::json;

use crate::{
    failure::{Outcome, Verdict},
    output::Output,
};

/// Make secrets
#[derive(Subcommand)]
pub(crate) enum SecretCommand {
    /// Print a new secret: `whsec_` and 32 random bytes in base64
    Generate {
        /// How many
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
        count: u32,
    },
}

impl SecretCommand {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        let Self::Generate { count } = self;
        let secrets = (0..count).map(|_| Secret::generate()).collect::<Result<Vec<_>, _>>()?;
        // EXPOSE: printing them is what the command is for.
        let texts: Vec<_> = secrets.iter().map(Secret::expose).collect();
        if output.is_json() {
            output.json(&json!({ "secrets": texts }))?;
        } else {
            texts.iter().try_for_each(|text| output.line(text))?;
        }
        Ok(Verdict::Passed)
    }
}
