//! Which module may name which: the dependency table of `spec/decisions/0001-layers.md`, enforced.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path};

const L0: &[&str] = &["encoding", "error", "headers", "message", "secret", "time"];
const SEAL: &[&str] = &["diagnose", "public_url", "replay", "ring", "scheme", "sign", "verify"];

/// Each module with the modules that it may name beside itself.
fn allowed(module: &str) -> Option<Vec<&'static str>> {
    let rest: &[&str] = match module {
        module if L0.contains(&module) || ["scheme", "retry", "guard"].contains(&module) => &[],
        "public_url" => &["scheme"],
        module if SEAL.contains(&module) => SEAL,
        "transport" => &["guard", "retry"],
        "engine" => &["sign", "ring", "scheme", "retry", "guard", "transport"],
        "sender" => &["engine", "sign", "retry", "guard", "transport", "ring", "scheme"],
        // For TLS to a server.
        "store" => &["transport"],
        "outbox" => &["engine", "store", "sign", "retry", "guard", "transport", "ring", "scheme"],
        _ => return None,
    };
    Some([L0, rest].concat())
}

/// Where the types at the crate root live.
const ROOT: &[(&str, &str)] = &[
    ("Error", "error"),
    ("ErrorCode", "error"),
    ("ErrorKind", "error"),
    ("Result", "error"),
    ("HeaderSource", "headers"),
    ("Message", "message"),
    ("MessageId", "message"),
    ("Secret", "secret"),
    ("Timestamp", "time"),
    ("Scheme", "scheme"),
    ("Key", "ring"),
    ("KeyRing", "ring"),
    ("KeyStats", "ring"),
    ("SignedHeaders", "sign"),
    ("Signer", "sign"),
    ("Verified", "verify"),
    ("Verifier", "verify"),
    ("ReplayGuard", "replay"),
    ("ReplayStore", "replay"),
    ("Attempt", "engine"),
    ("Endpoint", "engine"),
    ("EndpointOptions", "engine"),
    ("Event", "engine"),
    ("RateLimit", "engine"),
    ("SenderOptions", "engine"),
    ("Status", "engine"),
    ("RetryPolicy", "retry"),
];

#[test]
fn every_module_names_only_what_its_row_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if module == "lib" {
            continue;
        }
        let allowed = allowed(&module).unwrap_or_else(|| panic!("{module} has no row in the table"));
        for file in files(&path) {
            checked += 1;
            for named in named_modules(&code_of(&file)) {
                if named != module && !allowed.contains(&named.as_str()) {
                    wrong.push(format!("{} names {named}", file.strip_prefix(&source).unwrap().display()));
                }
            }
        }
    }
    assert!(checked >= 20, "only {checked} files were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_seal_knows_no_runtime_and_no_environment() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for module in L0.iter().chain(SEAL).chain(&["retry", "guard"]) {
        let path = [source.join(module), source.join(format!("{module}.rs"))].into_iter().find(|path| path.exists());
        for file in path.iter().flat_map(|path| files(path)) {
            let code = code_of(&file);
            for word in ["tokio", "reqwest", "std::env", "std::net::Tcp", "std::fs"] {
                assert!(!code.contains(word), "{} names {word}", file.display());
            }
            if *module != "time" {
                assert!(!code.contains("SystemTime::now"), "{} reads the clock", file.display());
            }
        }
    }
}

/// The source comparison of MACs is constant-time, in one place.
#[test]
fn macs_are_compared_by_subtle_only() {
    let key = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ring/key.rs")).unwrap();
    assert!(key.contains("ct_eq"));
    for (number, line) in key.lines().enumerate() {
        let compares = line.contains("==") || line.contains("!=");
        let names_a_mac = ["mac", "candidate", "digest", "signature"].iter().any(|word| line.contains(word));
        assert!(!(compares && names_a_mac), "ring/key.rs:{}: {line}", number + 1);
    }
}

fn files(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect()
}

/// The file without comments and without its unit tests.
fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The modules behind every `crate::…` path, those in braces included.
fn named_modules(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for letter in list.chars() {
                match letter {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 && letter != '}' {
                    word.push(letter);
                }
            }
            found.extend(word.split(',').map(first_segment));
        } else {
            found.insert(first_segment(rest));
        }
    }
    found.remove("");
    found
        .into_iter()
        .map(|name| ROOT.iter().find(|(of, _)| *of == name).map_or(name, |(_, module)| (*module).to_owned()))
        .collect()
}

fn first_segment(path: &str) -> String {
    path.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}
