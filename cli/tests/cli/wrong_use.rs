//! Wrong use: status 2, one line that names the mistake, and never a secret.

use std::fs;

use crate::harness::{Listener, SECRET, command, finish, folder, post, run, run_with};

#[test]
fn each_mistake_has_status_2_and_a_code() {
    for (arguments, start) in [
        (&["sign", "--scheme", "nope"][..], "error: unknown_scheme: "),
        (&["sign", "--scheme", "@/does/not/exist"], "error: invalid_config: /does/not/exist can not be read"),
        (&["sign", "--data", "@/does/not/exist"], "error: invalid_config: /does/not/exist can not be read"),
        (&["sign", "--id", "a.b"], "error: invalid_event: "),
        (&["sign", "--timestamp", "-1"], "error: invalid_config: the timestamp -1 "),
        (&["sign", "--scheme", "square"], "error: missing_url: "),
        (&["sign", "--scheme", "standard-webhooks"], "error: malformed_secret: "),
        (
            &["sign", "--secret", "another"],
            "error: invalid_config: there are secrets in HOOKSEAL_SECRET and in an option",
        ),
        (&["verify", "-H", "no colon"], "error: invalid_config: a header is written as 'Name: value'"),
        (&["send", "not a url", "--type", "a"], "error: invalid_url: "),
        (&["send", "http://example.com", "--type", "a:b"], "error: invalid_event: "),
        (&["send", "http://example.com", "--type", "a", "-H", "Host: x"], "error: invalid_header: "),
        (&["send", "http://example.com", "--type", "a", "-H", "A: 1", "-H", "a: 2"], "error: invalid_header: "),
        (&["send", "http://example.com", "--type", "a", "--timeout", "61s"], "error: invalid_config: timeout "),
        (
            &["send", "http://example.com", "--type", "a", "--max-attempts", "0"],
            "error: invalid_config: retry.max_attempts",
        ),
        (&["listen", "--forward", "https://example.com"], "error: invalid_url: --forward: "),
        (&["listen", "--host", "192.0.2.1"], "error: invalid_config: 192.0.2.1 port 0 can not be listened on"),
        (&["plan", "--schedule", "5x", "--outage", "1h"], "error: invalid_config: --schedule: "),
        (&["vectors", "run", "--vectors", "/does/not/exist", "--", "x"], "error: invalid_config: the vectors in "),
    ] {
        let refused = run_with(arguments, b"{}");
        assert_eq!((refused.status, refused.stdout.as_str()), (2, ""), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.starts_with(start), "{arguments:?}: {refused:?}");
        assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
    }
}

#[test]
fn the_command_line_itself_is_checked() {
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["sign", "--nope"],
        &["plan"],
        &["plan", "--outage", "soon"],
        &["send", "http://example.com"],
        &["secret", "generate", "--count", "0"],
        &["listen", "--port", "65536"],
        &["listen", "--count", "0"],
        &["vectors", "run"],
        &["sign", "--secret", "a", "--secret-file", "b"],
    ] {
        let refused = run(arguments);
        assert_eq!((refused.status, refused.stdout.as_str()), (2, ""), "{arguments:?}: {refused:?}");
        assert!(!refused.stderr.is_empty());
    }
    assert_eq!(run(&["--help"]).status, 0);
    assert_eq!(run(&["--version"]).stdout, concat!("hookseal ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn json_carries_errors_too() {
    let refused = run_with(&["sign", "--json", "--scheme", "nope"], b"{}");
    assert_eq!((refused.status, refused.stderr.as_str()), (2, ""));
    assert_eq!(refused.json()["error"]["code"], "unknown_scheme");
}

#[test]
fn secrets_have_one_source_and_known_names() {
    for (variables, start) in [
        (&[][..], "error: empty_secret: there is no secret: set HOOKSEAL_SECRET"),
        (&[("HOOKSEAL_SECRET", "")], "error: empty_secret: HOOKSEAL_SECRET: "),
        (&[("HOOKSEAL_SECRET_3", " x")], "error: malformed_secret: HOOKSEAL_SECRET_3: "),
        (
            &[("HOOKSEAL_SECRET", "a"), ("HOOKSEAL_SECRET_17", "b")],
            "error: invalid_config: the variable HOOKSEAL_SECRET_17 ",
        ),
        (&[("HOOKSEAL_SECRET_FILE", "/x")], "error: invalid_config: the variable HOOKSEAL_SECRET_FILE "),
    ] {
        let refused = finish(command(&["sign"]).envs(variables.iter().copied()), b"{}");
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.starts_with(start), "{refused:?}");
    }
    let file = folder("empty").join("secrets");
    fs::write(&file, "\n \n").unwrap();
    let path = file.to_str().unwrap();
    assert!(run(&["sign", "--secret-file", path]).stderr.starts_with("error: empty_secret: "));
    fs::write(&file, "x\n".repeat(17)).unwrap();
    assert!(run(&["sign", "--secret-file", path]).stderr.starts_with("error: invalid_config: "));
    assert_eq!(finish(&mut command(&["sign", "--secret-file", "-"]), b"a\n").status, 2);
}

/// Every way in for a secret, in commands that fail and commands that do not.
#[test]
fn a_secret_is_never_printed() {
    const CANARY: &str = "whsec_canary-4f1d";
    let file = folder("canary").join("secrets");
    fs::write(&file, CANARY).unwrap();
    let path = file.to_str().unwrap();
    let mut shown = String::new();
    let mut look = |arguments: &[&str], variables: &[(&str, &str)]| {
        let ran = finish(command(arguments).envs(variables.iter().copied()), b"{}");
        shown.push_str(&(ran.stdout + &ran.stderr));
    };
    let quoted = format!("'{CANARY}'");
    let broken = format!(" {CANARY}");
    for options in [
        &["sign"][..],
        &["sign", "--json"],
        &["sign", "--scheme", "standard-webhooks", "--id", "x"],
        &["sign", "--scheme", "discord"],
        &["verify"],
        &["verify", "--json", "-H", "X-Webhook-Signature: t=1,v1=00"],
        &["verify", "--help"],
        &["send", "http://127.0.0.1:9", "--type", "a", "--max-attempts", "1"],
        &["send", "http://127.0.0.1:9", "--type", "a", "--max-attempts", "1", "--allow-private", "--json"],
        &["listen", "--forward", "nonsense"],
        &["sign", "--frobnicate"],
    ] {
        look(options, &[("HOOKSEAL_SECRET", CANARY)]);
        look(options, &[("HOOKSEAL_SECRET_9", &quoted)]);
        look(&[options, &["--secret", CANARY]].concat(), &[]);
        look(&[options, &["--secret", &broken]].concat(), &[]);
        look(&[options, &["--secret", CANARY]].concat(), &[("HOOKSEAL_SECRET", CANARY)]);
        look(&[options, &["--secret-file", path]].concat(), &[]);
        look(&[options, &[CANARY]].concat(), &[]);
        look(&[options, &["--key", CANARY]].concat(), &[]);
        look(&[options, &["--sekret", "--secret", "canary-4f1d"]].concat(), &[]);
    }
    let listener = Listener::start(&["--scheme", "gitlab", "--count", "2", "--json"], Some(CANARY));
    assert_eq!(post(listener.authority(), &[("X-Gitlab-Token", CANARY)], b"{}"), "HTTP/1.1 200 OK");
    assert_eq!(post(listener.authority(), &[("X-Gitlab-Token", "wrong")], b"{}"), "HTTP/1.1 400 Bad Request");
    let received = listener.end();
    assert_eq!(received.matches("[REDACTED]").count(), 2, "{received}");
    shown += &received;

    assert!(shown.contains("[REDACTED]") && shown.contains("malformed_secret"));
    assert!(!shown.contains("canary-4f1d"), "{shown}");
}

/// Nobody reads: no panic, and the status stays the command's own.
#[test]
fn a_closed_pipe_ends_the_printing_only() {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    for (arguments, status) in [
        (&["schemes"][..], 0),
        (&["schemes", "--json"], 0),
        (&["secret", "generate", "--count", "1000"], 0),
        (&["--help"], 0),
        (&["plan", "--outage", "1h", "--schedule", "1s"], 1),
        (&["listen"], 0),
        (&["sign", "--scheme", "nope", "--json"], 2),
        (&["sign", "--scheme", "nope"], 2),
        (&["sign", "--nope"], 2),
    ] {
        let mut both = command(arguments);
        let ended = both.env("HOOKSEAL_SECRET", SECRET).stdout(closed()).stderr(closed()).status().unwrap();
        assert_eq!(ended.code(), Some(status), "{arguments:?}");
        let mut one = command(arguments);
        let ended = one.env("HOOKSEAL_SECRET", SECRET).stdout(closed()).output().unwrap();
        assert_eq!(ended.status.code(), Some(status), "{arguments:?}");
        assert!(status != 0 || ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = command(&["schemes"]).stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).starts_with("error: the output can not be written: "));
}

#[test]
fn there_is_no_colour_off_a_terminal() {
    for arguments in [&["--help"][..], &["schemes"], &["plan", "--outage", "1h"], &["sign", "--nope"]] {
        let ran = finish(command(arguments).env("TERM", "xterm-256color").env("COLORTERM", "truecolor"), b"");
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains('\x1b'), "{arguments:?}");
    }
}
