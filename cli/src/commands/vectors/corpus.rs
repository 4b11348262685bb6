//! The vectors of a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::failure::Failure;

/// A vector, and what it expects.
pub(super) struct Case {
    pub(super) id: String,
    pub(super) comment: String,
    /// What the program is asked: the vector without its answer.
    pub(super) question: Value,
    pub(super) expect: Value,
}

/// Every vector of a schema, in the order of the files' names.
pub(super) fn load(folder: &Path, schema: &str) -> Result<Vec<Case>, Failure> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::misuse(format!("the vectors in {} can not be read: {error}", path.display()))
    };
    let mut cases = Vec::new();
    for path in files(folder).map_err(|error| unreadable(folder, &error))? {
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let mut document: Value = serde_json::from_str(&text).map_err(|error| unreadable(&path, &error))?;
        if document["schema"] != schema {
            continue;
        }
        let Value::Array(tests) = document["tests"].take() else {
            return Err(unreadable(&path, &"it has no tests"));
        };
        for mut question in tests {
            let expect = question.as_object_mut().and_then(|test| test.remove("expect"));
            let (Some(expect), Some(id)) = (expect, question["id"].as_str().map(str::to_owned)) else {
                return Err(unreadable(&path, &"a test lacks id or expect"));
            };
            let comment = question["comment"].as_str().unwrap_or_default().to_owned();
            question["schema"] = schema.into();
            cases.push(Case { id, comment, question, expect });
        }
    }
    if cases.is_empty() {
        return Err(unreadable(folder, &format!("there is no {schema} vector")));
    }
    Ok(cases)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

/// Whether an answer is the expected verdict: each expected field, or the code. What is not expected is free.
pub(super) fn agrees(expect: &Value, answer: &Value) -> bool {
    let code = |verdict: &Value| match &verdict["error"] {
        Value::Object(error) => error.get("code").and_then(Value::as_str).map(str::to_owned),
        error => error.as_str().map(str::to_owned),
    };
    if expect["error"].is_string() {
        return code(expect) == code(answer) && answer["ok"].is_null() && answer["headers"].is_null();
    }
    if !answer["error"].is_null() {
        return false;
    }
    match &expect["ok"] {
        Value::Object(fields) => {
            answer["ok"].is_object() && fields.iter().all(|(name, value)| answer["ok"][name] == *value)
        }
        _ => expect["headers"].is_array() && expect["headers"] == answer["headers"],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_verdict_and_its_opposite_never_agree() {
        let ok = json!({"ok": {"timestamp": null, "version": "v1", "key_index": 0}});
        let error = json!({"error": "replayed"});
        let headers = json!({"headers": [["a", "b"]]});
        assert!(agrees(&ok, &json!({"ok": {"version": "v1", "key_index": 0, "extra": 1}})));
        assert!(agrees(&error, &json!({"error": {"code": "replayed", "message": "…"}})));
        assert!(agrees(&headers, &headers));
        for (expect, answer) in [
            (&ok, json!({"ok": {"version": "v1", "key_index": 1}})),
            (&ok, json!({"ok": true})),
            (&ok, json!({"ok": {"version": "v1", "key_index": 0}, "error": "replayed"})),
            (&ok, error.clone()),
            (&ok, json!({})),
            (&error, json!({"error": "internal"})),
            (&error, json!({"error": "replayed", "ok": {}})),
            (&error, json!({"error": null})),
            (&error, json!([])),
            (&headers, json!({"headers": []})),
            (&headers, json!({})),
        ] {
            assert!(!agrees(expect, &answer), "{expect} {answer}");
        }
    }
}
