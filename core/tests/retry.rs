//! Policies, delays, `Retry-After` and plans.
#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use hookseal::{
    ErrorCode, Timestamp,
    retry::{AttemptError, Decision, Jitter, Outcome, Reason, RetryOn, RetryPolicy, decide, parse_retry_after, plan},
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
/// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110, 5.6.7.
const NOW: Timestamp = Timestamp::from_unix(784_111_777);

fn policy(json: &str) -> RetryPolicy {
    serde_json::from_str(json).unwrap()
}

fn seconds(policy: &RetryPolicy) -> Vec<f64> {
    policy.delays(7).map(|delay| delay.as_secs_f64()).collect()
}

#[test]
fn the_default_doubles_from_one_second_to_a_minute() {
    let policy = RetryPolicy::default().jitter(Jitter::None);
    assert_eq!(seconds(&policy), [1.0, 2.0, 4.0, 8.0]);
    assert_eq!(seconds(&policy.max_attempts(9)), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
}

#[test]
fn the_longest_policy_stays_within_its_maximum() {
    let policy = RetryPolicy::default().factor(1_000.0).max_attempts(1_000).jitter(Jitter::None);
    assert_eq!(policy.delays(0).last(), Some(Duration::from_secs(60)));
    let at_once = RetryPolicy::default().initial(Duration::ZERO).max_attempts(1_000).factor(1_000.0);
    assert!(at_once.delays(0).all(|delay| delay.is_zero()));
}

#[test]
fn a_schedule_gives_one_attempt_more_than_delays_and_time_for_them() {
    let policy = policy(r#"{"schedule": [5, 300, 3600], "jitter": "none"}"#);
    assert_eq!(seconds(&policy), [5.0, 300.0, 3_600.0]);
    assert_eq!(plan(&policy, Duration::MAX, 0).unwrap().reason, Some(Reason::AttemptsExhausted));
    assert_eq!(seconds(&policy.initial(SECOND)), [1.0, 2.0, 4.0]);
}

#[test]
fn the_standard_policy_is_the_published_schedule() {
    let policy = RetryPolicy::standard().jitter(Jitter::None);
    assert_eq!(seconds(&policy), [5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0]);
    let json = serde_json::to_value(RetryPolicy::standard()).unwrap();
    assert_eq!(json["max_age"], 345_600.0);
    assert_eq!(json["max_attempts"], 10);
    assert_eq!(json["retry_on"], "any_failure");
}

#[test]
fn none_is_one_attempt() {
    assert_eq!(RetryPolicy::none().delays(0).count(), 0);
}

#[test]
fn a_policy_survives_its_json() {
    for policy in [
        RetryPolicy::default(),
        RetryPolicy::standard(),
        RetryPolicy::none().jitter(Jitter::Full),
        RetryPolicy::schedule([Duration::from_millis(20)]).jitter(Jitter::None).retry_on(RetryOn::AnyFailure),
    ] {
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<RetryPolicy>(&json).unwrap(), policy, "{json}");
    }
    assert_eq!(policy("{}"), RetryPolicy::default());
}

#[test]
fn what_no_schedule_can_be_made_of_is_refused_by_name() {
    for (json, field) in [
        (r#"{"initial": -1}"#, "retry.initial"),
        (r#"{"initial": 61}"#, "retry.initial"),
        (r#"{"max": 1e300}"#, "retry.max "),
        (r#"{"max_age": -0.5}"#, "retry.max_age"),
        (r#"{"max_age": 31536001}"#, "retry.max_age"),
        (r#"{"factor": 0.5}"#, "retry.factor"),
        (r#"{"factor": 1001}"#, "retry.factor"),
        (r#"{"jitter": 1.1}"#, "retry.jitter"),
        (r#"{"jitter": -0.1}"#, "retry.jitter"),
        (r#"{"jitter": "half"}"#, "retry.jitter"),
        (r#"{"max_attempts": 0}"#, "retry.max_attempts"),
        (r#"{"max_attempts": -3}"#, "retry.max_attempts"),
        (r#"{"max_attempts": 99999999999}"#, "retry.max_attempts"),
        (r#"{"schedule": [1, -1]}"#, "retry.schedule"),
        (r#"{"schedule": [1], "max_attempts": 3}"#, "retry.max_attempts"),
        (r#"{"schedule": [1], "factor": 3}"#, "retry.factor"),
        (r#"{"retry_on": "never"}"#, "never"),
        (r#"{"attempts": 3}"#, "attempts"),
    ] {
        let error = serde_json::from_str::<RetryPolicy>(json).unwrap_err().to_string();
        assert!(error.contains(field), "{json}: {error}");
    }
    for policy in [
        RetryPolicy::default().factor(f64::NAN),
        RetryPolicy::default().factor(f64::INFINITY),
        RetryPolicy::default().jitter(Jitter::Spread(f64::NAN)),
        RetryPolicy::default().initial(Duration::MAX).max(Duration::MAX),
        RetryPolicy::default().max_age(Duration::MAX),
        RetryPolicy::schedule(vec![SECOND; 1_000]),
    ] {
        assert_eq!(policy.validate().unwrap_err().code(), ErrorCode::InvalidConfig, "{policy:?}");
        policy.delays(1).take(3).for_each(drop);
        assert!(plan(&policy, SECOND, 1).is_err());
    }
}

#[test]
fn ten_thousand_draws_stay_within_the_jitter_and_fill_it() {
    let step = Duration::from_secs(100);
    for (jitter, lowest, highest) in [(Jitter::Spread(0.2), 80.0, 120.0), (Jitter::Full, 0.0, 100.0)] {
        let policy = RetryPolicy::schedule([step]).jitter(jitter);
        let mut buckets = [0; 10];
        for seed in 0..10_000 {
            let delay = policy.delays(seed).next().unwrap().as_secs_f64();
            assert!((lowest..=highest).contains(&delay), "seed {seed}: {delay}");
            let tenth = (delay - lowest) / (highest - lowest) * 10.0;
            let bucket = (0..9).find(|&edge| tenth < f64::from(edge + 1)).unwrap_or(9);
            buckets[usize::try_from(bucket).unwrap()] += 1;
        }
        assert!(buckets.iter().all(|count| (850..1_150).contains(count)), "{jitter:?}: {buckets:?}");
    }
}

#[test]
fn deliveries_that_failed_together_do_not_return_together() {
    let policy = RetryPolicy::default();
    let mut delays: Vec<_> = (0..10_000).map(|seed| policy.delays(seed).next().unwrap()).collect();
    delays.sort();
    assert!(delays[9_999] >= delays[0] + SECOND.mul_f64(0.2));
    delays.dedup();
    assert!(delays.len() > 9_900, "{} different delays", delays.len());
}

#[test]
fn a_seed_repeats_its_delays_and_moves_each_of_them() {
    let policy = RetryPolicy::schedule([SECOND; 9]);
    let delays: Vec<_> = policy.delays(42).collect();
    assert_eq!(delays, policy.delays(42).collect::<Vec<_>>());
    assert!(delays.windows(2).all(|pair| pair[0] != pair[1]), "{delays:?}");
}

#[test]
fn retry_after() {
    let rows: &[(&str, &[&str], Option<u64>)] = &[
        ("D-34", &["120"], Some(120)),
        ("D-34", &[" 120\t"], Some(120)),
        ("D-34", &["0120"], Some(120)),
        ("D-35 IMF-fixdate", &["Sun, 06 Nov 1994 08:51:37 GMT"], Some(120)),
        ("D-35 RFC 850", &["Sunday, 06-Nov-94 08:51:37 GMT"], Some(120)),
        ("D-35 asctime", &["Sun Nov  6 08:51:37 1994"], Some(120)),
        ("D-36 past", &["Sun, 06 Nov 1994 08:49:36 GMT"], None),
        ("D-36 now", &["Sun, 06 Nov 1994 08:49:37 GMT"], None),
        ("D-36 before 1970", &["Sun, 06 Nov 1904 08:49:37 GMT"], None),
        ("D-36", &["0"], None),
        ("D-36", &["-5"], None),
        ("D-36", &["+5"], None),
        ("D-36", &["1.5"], None),
        ("D-36", &["abc"], None),
        ("D-36", &["e"], None),
        ("D-36", &["1e"], None),
        ("D-36", &["1e-3"], None),
        ("D-36", &["inf"], None),
        ("D-36", &["NaN"], None),
        ("D-36", &["１２０"], None),
        ("D-36", &["120, 60"], None),
        ("D-36", &[""], None),
        ("D-36", &[" "], None),
        ("D-36 none", &[], None),
        ("D-36 two", &["120", "120"], None),
        ("D-36", &["Sun, 06 Nov 1994 08:51:37 CET"], None),
        ("D-36", &["Sun, 99 Nov 1994 08:51:37 GMT"], None),
        ("D-37", &["21600"], Some(21_600)),
        ("D-37", &["21601"], Some(21_600)),
        ("D-37", &["1e30"], Some(21_600)),
        ("D-37", &["1000000000000000"], Some(21_600)),
        ("D-37", &["99999999999999999999"], Some(21_600)),
        ("D-37", &["1e999999"], Some(21_600)),
        ("D-37", &["Fri, 31 Dec 9999 23:59:59 GMT"], Some(21_600)),
    ];
    for (row, values, expected) in rows {
        assert_eq!(parse_retry_after(values, NOW, None), expected.map(Duration::from_secs), "{row} {values:?}");
    }
}

#[test]
fn the_date_of_the_answer_corrects_the_clock() {
    let at = ["Sun, 06 Nov 1994 09:49:37 GMT"];
    let parse = |date| parse_retry_after(&at, NOW, date).map(|wait| wait.as_secs());
    assert_eq!(parse(None), Some(3_600));
    assert_eq!(parse(Some("Sun, 06 Nov 1994 09:47:37 GMT")), Some(120));
    assert_eq!(parse(Some("Sun Nov  6 09:47:37 1994")), Some(120));
    assert_eq!(parse(Some("Sun, 06 Nov 1994 09:49:37 GMT")), None);
    assert_eq!(parse(Some("yesterday")), Some(3_600));
    assert_eq!(parse_retry_after(&["60"], NOW, Some("Sun, 06 Nov 1904 09:49:37 GMT")), Some(60 * SECOND));
}

#[test]
fn every_attempt_code_has_a_verdict_and_its_own_name() {
    for &error in AttemptError::ALL {
        assert_eq!(serde_json::to_value(error).unwrap(), error.as_str());
        let outcome = Outcome::Failed(error);
        assert_eq!(outcome.error(), Some(error));
        let verdict = |retry_on| decide(&RetryPolicy::default().retry_on(retry_on), 1, &outcome, Duration::ZERO, 0);
        let lasting = match error {
            AttemptError::BlockedAddress => Some(Reason::BlockedAddress),
            AttemptError::Internal => Some(Reason::Internal),
            AttemptError::HttpStatus | AttemptError::RedirectNotFollowed => Some(Reason::Rejected),
            _ => None,
        };
        match lasting {
            Some(reason) => assert_eq!(verdict(RetryOn::Transient), Decision::Dead { reason }, "{error}"),
            None => assert!(matches!(verdict(RetryOn::Transient), Decision::Retry { .. }), "{error}"),
        }
        assert!(matches!(verdict(RetryOn::AnyFailure), Decision::Retry { .. }), "{error}");
    }
}

#[test]
fn a_circuit_breaker_counts_outages_only() {
    for (status, outage) in
        [(204, false), (301, false), (404, false), (408, true), (410, false), (413, false), (425, false), (429, true)]
    {
        assert_eq!(Outcome::answer(status).is_outage(), outage, "{status}");
    }
    assert!((500..=599).all(|status| Outcome::answer(status).is_outage()));
    assert!(Outcome::Failed(AttemptError::ConnectionRefused).is_outage());
    for error in [AttemptError::BlockedAddress, AttemptError::InvalidConfig, AttemptError::Internal] {
        assert!(!Outcome::Failed(error).is_outage(), "{error}");
    }
}

#[test]
fn an_endpoint_pauses_for_a_retryable_answer_even_when_the_delivery_is_dead() {
    let asked = |status| Outcome::Answer { status, retry_after: Some(SECOND) };
    let once = RetryPolicy::none();
    assert_eq!(asked(503).pause(&once), Some(SECOND));
    assert_eq!(decide(&once, 1, &asked(503), Duration::ZERO, 0), Decision::Dead { reason: Reason::AttemptsExhausted });
    for status in [200, 302, 404, 410, 413] {
        assert_eq!(asked(status).pause(&once), None, "{status}");
    }
    assert_eq!(asked(403).pause(&once.retry_on(RetryOn::AnyFailure)), Some(SECOND));
}

#[test]
fn a_plan_lands_where_the_schedule_says_and_ends_with_the_outage() {
    let policy = RetryPolicy::standard().jitter(Jitter::None);
    let six_hours = plan(&policy, Duration::from_secs(6 * 3_600), 0).unwrap();
    assert_eq!(six_hours.attempts.iter().map(Duration::as_secs).collect::<Vec<_>>(), [0, 5, 305, 2_105, 9_305, 27_305]);
    assert_eq!(six_hours.reason, None);
    let five_days = plan(&RetryPolicy::standard(), Duration::from_secs(5 * 86_400), 3).unwrap();
    assert_eq!((five_days.attempts.len(), five_days.reason), (10, Some(Reason::AttemptsExhausted)));
    assert_eq!(
        serde_json::to_value(plan(&RetryPolicy::none(), SECOND, 0).unwrap()).unwrap(),
        serde_json::json!({"attempts": [0.0], "reason": "attempts_exhausted"})
    );
}

proptest! {
    #[test]
    fn the_asked_pause_is_kept_and_the_wait_stays_within_one_jitter(
        pause in 1_u64..=21_600, seed: u64, attempt in 1_u32..9, share in 0.0..=1.0_f64,
    ) {
        let pause = Duration::from_secs(pause);
        let policy = RetryPolicy::default().max_attempts(10).max_age(Duration::from_secs(86_400));
        let outcome = Outcome::Answer { status: 429, retry_after: Some(pause) };
        for jitter in [Jitter::None, Jitter::Spread(share), Jitter::Full] {
            let policy = policy.clone().jitter(jitter);
            let base = policy.clone().jitter(Jitter::None).delays(0).nth(attempt as usize - 1).unwrap();
            let Decision::Retry { delay } = decide(&policy, attempt, &outcome, Duration::ZERO, seed) else {
                panic!("429 is retried");
            };
            prop_assert!(delay >= pause);
            prop_assert!(delay <= pause.max(base) + base);
        }
    }

    #[test]
    fn any_outcome_of_any_policy_has_a_decision(
        status: u16, attempt: u32, age: u64, seed: u64, factor: f64, share: f64, initial: u64, max: u64,
    ) {
        let policy = RetryPolicy::default()
            .initial(Duration::from_secs(initial)).max(Duration::from_secs(max)).factor(factor)
            .jitter(Jitter::Spread(share)).max_attempts(attempt).max_age(Duration::MAX);
        let outcome = Outcome::Answer { status, retry_after: Some(Duration::MAX) };
        for policy in [policy, RetryPolicy::default(), RetryPolicy::standard()] {
            let decision = decide(&policy, attempt, &outcome, Duration::from_secs(age), seed);
            prop_assert_eq!(decision == Decision::Delivered, (200..=299).contains(&status));
        }
    }

    #[test]
    fn any_header_is_read_without_a_panic(value in "\\PC{0,40}", digits in "[0-9eE]{1,400}", now: i64) {
        for value in [value, digits] {
            let wait = parse_retry_after(&[&value], Timestamp::from_unix(now), Some(&value));
            prop_assert!(wait.is_none_or(|wait| !wait.is_zero() && wait <= Duration::from_secs(21_600)));
        }
    }
}
