//! The crate against the plain verifier of `reference/`: the same verdict, code and fields for every case.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod reference;

use std::{cell::RefCell, collections::BTreeMap};

use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, TestCaseError, TestRunner},
};
use reference::{
    generate::{self, Tape},
    subject,
};

#[test]
fn both_verifiers_agree() {
    let cases = if std::env::var_os("HOOKSEAL_FULL").is_some() { 200_000 } else { 20_000 };
    let counts = RefCell::new(BTreeMap::new());
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&vec(any::<u8>(), 0..250), |bytes| {
        let case = generate::case(&mut Tape::new(&bytes));
        let (expected, verdict) = (reference::verify(&case), subject::verify(&case));
        if verdict != expected {
            return Err(TestCaseError::fail(format!("expected {expected:?}, got {verdict:?} for\n{case}")));
        }
        *counts.borrow_mut().entry(verdict.err().unwrap_or_else(|| "ok".to_owned())).or_insert(0) += 1;
        Ok(())
    });
    println!("differential: {cases} cases, {:?}", counts.borrow());
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let counts = counts.into_inner();
    assert!(counts.contains_key("ok") && counts.len() > 12, "the cases are too much alike: {counts:?}");
}
