//! `vectors`: this implementation agrees with the corpus, and programs that lie, die, hang or babble are found out.

use std::fs;

use crate::harness::{BINARY, command, finish, folder, run};
use serde_json::{Value, json};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/vectors");

/// How many vectors of a schema the files hold.
fn count(schema: &str) -> usize {
    let files = fs::read_dir(CORPUS).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let documents = files.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    documents.filter(|document| document["schema"] == schema).map(|it| it["tests"].as_array().unwrap().len()).sum()
}

#[test]
fn this_implementation_agrees() {
    for (kind, schema) in [("verify", "verify-1"), ("sign", "sign-1")] {
        let ran = run(&["vectors", "run", "--vectors", CORPUS, "--kind", kind, "--", BINARY, "vectors", "answer"]);
        let all = count(schema);
        println!("conformance: {all} {schema} vectors");
        assert!(all > 50);
        assert_eq!((ran.status, ran.stdout), (0, format!("{all} {schema} vectors: {all} agree, 0 differ\n")));
    }
}

/// Two vectors with known verdicts.
fn small_corpus(name: &str) -> String {
    let folder = folder(name);
    let vector = |id: &str, code: &str| {
        json!({
            "id": id, "comment": "…", "flags": [], "scheme": "stripe", "secrets": ["whsec_x"], "now": 1,
            "headers": [], "body_base64": "e30=", "expect": { "error": code }
        })
    };
    let tests = [vector("one", "missing_header"), vector("two", "replayed")];
    fs::write(folder.join("small.json"), json!({ "schema": "verify-1", "notes": {}, "tests": tests }).to_string())
        .unwrap();
    fs::write(folder.join("other.json"), json!({ "schema": "sign-1", "tests": [] }).to_string()).unwrap();
    folder.to_str().unwrap().to_owned()
}

/// What a program that is run by `sh` is said to have answered, by id.
#[cfg(unix)]
fn differences(name: &str, script: &str) -> Vec<(String, String)> {
    differences_within("60s", name, script)
}

#[cfg(unix)]
fn differences_within(patience: &str, name: &str, script: &str) -> Vec<(String, String)> {
    let corpus = small_corpus(name);
    let ran = run(&["vectors", "run", "--json", "--timeout", patience, "--vectors", &corpus, "--", "sh", "-c", script]);
    let report = ran.json();
    let differences = report["differences"].as_array().unwrap();
    assert_eq!(ran.status, i32::from(!differences.is_empty()), "{ran:?}");
    assert_eq!(report["count"], 2);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let answered = |it: &Value| it["answered"].get("no_answer").map_or_else(|| text(&it["answered"]), text);
    differences.iter().map(|it| (text(&it["id"]), answered(it))).collect()
}

#[cfg(unix)]
#[test]
fn wrong_verdicts_are_named() {
    let lying = r#"while read -r line; do echo '{"error":"missing_header"}'; done"#;
    assert_eq!(differences("lying", lying), [("two".into(), r#"{"error":"missing_header"}"#.into())]);
    let nodding = r#"while read -r line; do echo '{"ok":{}}'; done"#;
    assert_eq!(differences("nodding", nodding).len(), 2);
    assert_eq!(differences("echo", "cat").len(), 2, "the question does not hold its answer");
}

#[cfg(unix)]
#[test]
fn a_program_that_dies_is_started_again() {
    let ended = "the program ended (exit status: 3)".to_owned();
    assert_eq!(
        differences("dying", "read -r line; exit 3"),
        [("one".to_owned(), ended.clone()), ("two".to_owned(), ended)]
    );
    let once = r#"read -r line; case "$line" in *'"one"'*) echo '{"error":"missing_header"}';; *) echo '{"error":"replayed"}';; esac"#;
    assert_eq!(differences("once", once).len(), 1, "its end is not an answer to the next question");
}

#[cfg(unix)]
#[test]
fn a_program_that_hangs_or_babbles_is_bounded() {
    let waited = "no answer within 0.3 s".to_owned();
    assert_eq!(
        differences_within("0.3s", "hanging", "cat > /dev/null"),
        [("one".to_owned(), waited.clone()), ("two".to_owned(), waited)]
    );
    let babbling = "while read -r line; do echo 'hello \u{1b}[2J'; done";
    assert_eq!(differences("babbling", babbling)[0].1, r"not JSON: hello \u{1b}[2J");
    assert_eq!(differences("endless", "exec cat /dev/zero")[0].1, "an answer of more than 1 MiB");
    let answers = r#"read -r a; echo '{"error":"missing_header"}'; read -r b; echo '{"error":"replayed"}'"#;
    assert_eq!(differences("right", answers), []);
    let more = format!("{answers}; echo more");
    assert_eq!(differences("more", &more), [("null".into(), "more lines than questions: more".into())]);
    let staying = format!("{answers}; exec 0<&-; exec sleep 60");
    assert_eq!(
        differences_within("2s", "staying", &staying),
        [("null".into(), "it did not end within 2 s after its input".into())]
    );
}

#[test]
fn a_program_that_can_not_be_started_is_wrong_use() {
    let ran = run(&["vectors", "run", "--vectors", CORPUS, "--", "/does/not/exist"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.starts_with("error: invalid_config: /does/not/exist can not be started"), "{ran:?}");
    assert_eq!(run(&["vectors", "run", "--vectors", &small_corpus("kinds"), "--kind", "sign", "--", "x"]).status, 2);
}

#[test]
fn every_line_gets_an_answer() {
    let lines = b"nonsense\n\n{}\n[1]\n{\"headers\":[],\"now\":1,\"secrets\":[7],\"body_base64\":\"\"}\n\xff\n";
    let ran = finish(&mut command(&["vectors", "answer"]), lines);
    assert_eq!((ran.status, ran.stdout.lines().count()), (0, 5), "{ran:?}");
    for line in ran.stdout.lines() {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["error"], "invalid_config");
    }
}
