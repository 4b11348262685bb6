//! `hookseal plan`: when would a receiver that is down for a while get its delivery?

use std::time::Duration;

use clap::Args;
use hookseal::retry::{self, Jitter};
use serde_json::json;

use crate::{
    duration,
    failure::{Outcome, Verdict},
    input,
    output::{Output, Tone},
};

/// Print when each attempt of a retry schedule lands during an outage
///
/// Exits with 1 when the schedule ends before the outage does.
#[derive(Args)]
pub(crate) struct PlanArgs {
    /// `default`, `standard`, or the delays after each failure, such as 5s,5m,30m
    #[arg(long, default_value = "standard")]
    schedule: String,
    /// How long the receiver answers 503
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    outage: Duration,
    /// Act out the policy's jitter, drawn from this number; without it delays are exact
    #[arg(long)]
    seed: Option<u64>,
}

impl PlanArgs {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        let mut policy = input::retry_policy(&self.schedule)?;
        if self.seed.is_none() {
            policy = policy.jitter(Jitter::None);
        }
        let plan = retry::plan(&policy, self.outage, self.seed.unwrap_or_default())?;
        if output.is_json() {
            output.json(&json!(plan))?;
        } else {
            for (index, at) in plan.attempts.iter().enumerate() {
                output.line(format_args!("attempt {:<3} after {}", index + 1, duration::words(*at)))?;
            }
            output.line(match plan.reason {
                None => output.paint(Tone::Good, "delivered"),
                Some(reason) => output.paint(Tone::Bad, &format!("dead: {reason}")),
            })?;
        }
        Ok(Verdict::passed_if(plan.reason.is_none()))
    }
}
