//! Runs `spec/scenarios/decisions.json` and `plans.json`.
#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use hookseal::{
    Timestamp,
    retry::{AttemptError, Decision, Outcome, Reason, RetryPolicy, decide, parse_retry_after, plan},
};
use serde::Deserialize;

/// A decision's delay is exact; the bounds in the file went through decimal fractions.
const ROUNDING: f64 = 1e-6;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    now: i64,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    id: String,
    comment: String,
    policy: RetryPolicy,
    attempt: u32,
    outcome: Ended,
    age: f64,
    seed: u64,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Ended {
    Answer {
        status: u16,
        #[serde(default)]
        retry_after: Vec<String>,
        date: Option<String>,
    },
    Failed {
        error: AttemptError,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Delivered(bool),
    Retry { min: f64, max: f64 },
    Dead(Reason),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plans {
    schema: String,
    tests: Vec<PlanTest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanTest {
    id: String,
    comment: String,
    policy: RetryPolicy,
    outage: f64,
    seed: u64,
    expect: ExpectedPlan,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedPlan {
    attempts: Vec<f64>,
    reason: Option<Reason>,
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/../spec/scenarios/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn plans() {
    let file: Plans = read("plans.json");
    assert_eq!(file.schema, "plan-1");
    assert!(!file.tests.is_empty());
    println!("scenarios: {} plans", file.tests.len());
    for test in file.tests {
        let made = plan(&test.policy, Duration::from_secs_f64(test.outage), test.seed).unwrap();
        let attempts: Vec<_> = made.attempts.iter().map(Duration::as_secs_f64).collect();
        assert_eq!(
            (attempts, made.reason),
            (test.expect.attempts, test.expect.reason),
            "{} ({})",
            test.id,
            test.comment
        );
    }
}

#[test]
fn decisions() {
    let file: File = read("decisions.json");
    assert_eq!(file.schema, "decision-1");
    assert!(!file.tests.is_empty());
    println!("scenarios: {} decisions", file.tests.len());
    let now = Timestamp::from_unix(file.now);
    for test in file.tests {
        let outcome = match &test.outcome {
            Ended::Failed { error } => Outcome::Failed(*error),
            Ended::Answer { status, retry_after, date } => {
                let values: Vec<&str> = retry_after.iter().map(String::as_str).collect();
                let retry_after = parse_retry_after(&values, now, date.as_deref());
                Outcome::Answer { status: *status, retry_after }
            }
        };
        let age = Duration::from_secs_f64(test.age);
        let decision = decide(&test.policy, test.attempt, &outcome, age, test.seed);
        let as_expected = match (&test.expect, decision) {
            (Expected::Delivered(true), Decision::Delivered) => true,
            (Expected::Dead(expected), Decision::Dead { reason }) => *expected == reason,
            (Expected::Retry { min, max }, Decision::Retry { delay }) => {
                (min - ROUNDING..=max + ROUNDING).contains(&delay.as_secs_f64())
            }
            _ => false,
        };
        assert!(as_expected, "{}: {decision:?}, not {:?} ({})", test.id, test.expect, test.comment);
    }
}
