//! Scheme documents: the built-in ones, and others that keep the rules.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::Tape;

static BUILT_IN: LazyLock<Vec<Value>> = LazyLock::new(|| {
    hookseal_spec::SCHEMES.iter().map(|(_, document)| serde_json::from_str(document).unwrap()).collect()
});

pub(crate) fn any(tape: &mut Tape<'_>) -> Value {
    if tape.chance(45) { invented(tape) } else { tape.pick(&BUILT_IN).clone() }
}

fn invented(tape: &mut Tape<'_>) -> Value {
    let grammar = *tape.pick(&["pairs", "list", "prefixed", "bare", "token"]);
    let mut document = Map::new();
    document.insert("name".to_owned(), json!("invented"));
    document.insert("key".to_owned(), json!(tape.pick(&["utf8", "base64", "hex", "ed25519-public-hex"])));
    let mut signature = json!({ "header": "X-Sig", "grammar": grammar });
    if grammar == "token" {
        document["key"] = json!(tape.pick(&["utf8", "base64", "hex"]));
        document.insert("signature".to_owned(), signature);
        return Value::Object(document);
    }
    if grammar == "pairs" && tape.chance(60) {
        signature["separator"] = json!(tape.pick(&[",", ";"]));
    }
    if grammar == "prefixed" && tape.chance(60) {
        signature["joined"] = json!(",");
    }
    document.insert("signature".to_owned(), signature);

    // At most three headers: the signature's and two others.
    let mut headers = 1;
    let mut fields = Vec::new();
    if tape.chance(70) {
        let unit = *tape.pick(&["seconds", "milliseconds", "rfc3339"]);
        let place = if grammar == "pairs" && tape.chance(70) {
            json!({ "element": tape.pick(&["t", "ts"]), "unit": unit })
        } else {
            headers += 1;
            json!({ "header": "X-Time", "unit": unit })
        };
        document.insert("timestamp".to_owned(), place);
    }
    for (field, header) in [("id", "X-Id"), ("type", "X-Type")] {
        if headers < 3 && tape.chance(40) {
            headers += 1;
            document.insert(field.to_owned(), json!({ "header": header }));
            fields.push(field);
        }
    }
    let is_dated = document.contains_key("timestamp");
    let versions = if grammar == "bare" { 1 } else { 1 + tape.below(3) };
    let labels: &[&str] = if grammar == "bare" { &[""] } else { &["v2", "v1", "sha256"] };
    let versions: Vec<Value> = labels[..versions]
        .iter()
        .map(|label| {
            json!({
                "label": label,
                "algorithm": tape.pick(&["hmac-sha256", "ed25519", "hmac-sha512", "hmac-sha1"]),
                "encoding": tape.pick(&["hex", "base64"]),
                "content": content(tape, is_dated, &fields),
            })
        })
        .collect();
    document.insert("versions".to_owned(), json!(versions));
    Value::Object(document)
}

fn content(tape: &mut Tape<'_>, is_dated: bool, fields: &[&str]) -> String {
    const LITERALS: [&str; 6] = [".", "", ":", "v0:", ",", " \u{e9}\n"];
    let mut tokens: Vec<String> =
        fields.iter().filter(|_| !tape.chance(30)).map(|field| format!("{{{field}}}")).collect();
    if is_dated {
        tokens.push("{timestamp}".to_owned());
    }
    let signs_url = tape.chance(25);
    if signs_url {
        tokens.push("{url}".to_owned());
    }
    if !tokens.is_empty() {
        let by = tape.below(tokens.len());
        tokens.rotate_left(by);
    }
    let mut content = String::new();
    for token in tokens {
        content += *tape.pick(&LITERALS);
        content += &token;
    }
    content += *tape.pick(&LITERALS);
    let bodies: &[&str] = if signs_url {
        &["{body}", "{form:sorted}", "{body:compact-json}"]
    } else {
        &["{body}", "{body:compact-json}"]
    };
    content + *tape.pick(bodies)
}
