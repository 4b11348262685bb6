//! The fault catalogue of the courier and the outbox: each row with the tests that prove it, checked to exist.
//!
//! A test is `file::function` (`tls` and `names` are folders' names below), or `deliveries:id` and `decisions:id` for a
//! scenario. Rows that were given up say so.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path};

enum Proof {
    By(&'static [&'static str]),
    /// Why there is none.
    Not(&'static str),
}
use Proof::{By, Not};

const FILES: &[(&str, &str)] = &[
    ("guard", "tests/guard.rs"),
    ("retry", "tests/retry.rs"),
    ("transport", "tests/transport.rs"),
    ("proxy", "tests/transport_proxy.rs"),
    ("tls", "tests/transport_tls/main.rs"),
    ("identity", "tests/transport_tls/identity.rs"),
    ("http2", "tests/transport_tls/http2.rs"),
    ("flat", "tests/transport_memory.rs"),
    ("names", "src/transport/resolve/tests.rs"),
    ("sender", "tests/sender.rs"),
    ("data", "tests/sender_data.rs"),
    ("logs", "tests/sender_logs.rs"),
    ("isolation", "tests/sender_isolation.rs"),
    ("cancels", "tests/sender_cancels.rs"),
    ("memory", "tests/sender_drop.rs"),
    ("metrics", "tests/sender_metrics.rs"),
    ("promises", "tests/outbox/promises.rs"),
    ("model", "tests/outbox/model.rs"),
    ("disk", "tests/outbox/disk.rs"),
    ("postgres", "tests/outbox/postgres.rs"),
    ("processes", "../tests/outbox/processes.py"),
    ("soak", "../tests/soak/soak.py"),
    ("points", "../tests/soak/points.py"),
    ("pooler", "../tests/outbox/run"),
    ("backlog", "../tests/bench/outbox/src/bin/backlog.rs"),
    ("cli-outbox", "../cli/tests/cli/outbox.rs"),
    ("deliveries", "../spec/scenarios/deliveries.json"),
    ("deliveries-tls", "../spec/scenarios/deliveries-tls.json"),
    ("decisions", "../spec/scenarios/decisions.json"),
];
/// Functions that are tables: the row itself must stand in them.
const TABLES: &[&str] = &["hostile_urls", "retry_after"];

const URLS: [(&str, Proof); 46] = [
    ("schemes", By(&["guard::hostile_urls", "guard::https_only_refuses_http"])),
    ("user info", By(&["guard::hostile_urls"])),
    ("one parser's reading", By(&["guard::hostile_urls"])),
    ("127.0.0.1 in disguise", By(&["guard::hostile_urls"])),
    ("other scripts' digits", By(&["guard::hostile_urls"])),
    ("::1 and ::", By(&["guard::hostile_urls"])),
    ("mapped addresses", By(&["guard::hostile_urls", "guard::named_addresses"])),
    ("compatible addresses", By(&["guard::hostile_urls"])),
    ("NAT64, 6to4, Teredo", By(&["guard::hostile_urls", "guard::named_addresses"])),
    ("zones", By(&["guard::hostile_urls"])),
    ("IPv6 that is not global", By(&["guard::named_addresses"])),
    ("metadata services", By(&["guard::hostile_urls", "guard::named_addresses"])),
    (
        "edges of all ranges",
        By(&[
            "guard::both_edges_of_every_ipv4_range_and_their_neighbours_are_judged_by_the_list",
            "guard::both_edges_of_every_ipv6_range_and_their_neighbours_are_judged_by_the_list",
        ]),
    ),
    ("public addresses", By(&["guard::hostile_urls"])),
    ("a name for 127.0.0.1", By(&["guard::hostile_urls", "names::every_answer_is_judged"])),
    ("public and private answers", By(&["names::every_answer_is_judged"])),
    ("one family inward", By(&["names::every_answer_is_judged"])),
    ("rebinding within an attempt", By(&["names::a_connection_goes_where_its_one_lookup_was_judged"])),
    ("rebinding between attempts", By(&["names::a_name_that_turns_inward_is_refused_at_its_next_lookup"])),
    ("aliases", By(&["names::every_answer_is_judged", "names::names_that_do_not_resolve_say_why"])),
    (
        "names that do not resolve",
        By(&["names::names_that_do_not_resolve_say_why", "names::a_request_ends_as_its_lookup_does"]),
    ),
    ("very many answers", By(&["names::as_many_answers_as_one_message_holds_are_judged"])),
    ("search lists", By(&["guard::hostile_urls", "names::no_search_list_is_tried"])),
    ("local names", By(&["guard::hostile_urls", "data::where_it_may_not_go_is_said_before_anything_is_queued"])),
    (
        "international names",
        By(&["guard::hostile_urls", "guard::one_trailing_dot_is_cut_and_the_rest_is_what_the_parser_prints"]),
    ),
    ("lengths of names", By(&["guard::hostile_urls"])),
    ("ports", By(&["guard::hostile_urls", "guard::allow_ports_opens_those_ports"])),
    (
        "redirects",
        By(&[
            "transport::redirects_are_not_followed",
            "names::no_byte_goes_inwards_by_literal_name_redirect_or_rebinding",
        ]),
    ),
    ("proxies of the environment", By(&["proxy::u_29_the_environment_names_no_proxy"])),
    (
        "an explicit proxy",
        By(&[
            "proxy::u_30_http_goes_through_the_proxy_in_absolute_form",
            "proxy::u_30_what_a_url_says_by_itself_is_judged_as_ever",
            "tls::u_30_tls_is_spoken_with_the_receiver_through_a_proxy",
            "logs::u_30_a_proxy_is_warned_of_once_and_without_its_credentials",
        ]),
    ),
    ("subnets one by one", By(&["guard::allow_subnets_opens_that_subnet_only_and_metadata_one_by_one"])),
    ("one's own address", Not("given up: it is private, or meant")),
    ("pools after a change of rules", Not("given up: rules do not change")),
    ("coalescing", By(&["http2::two_names_of_one_server_have_connections_of_their_own"])),
    ("hints of other places", By(&["transport::where_a_server_says_that_it_is_too_is_not_heeded"])),
    (
        "the certificate's name",
        By(&["tls::the_server_is_asked_for_by_the_urls_name", "tls::a_certificate_for_another_name_says_so"]),
    ),
    ("lengths of URLs", By(&["guard::hostile_urls"])),
    (
        "secrets in URLs",
        By(&[
            "logs::no_url_header_payload_or_answer_is_logged_at_any_level",
            "metrics::attempts_deliveries_and_levels_are_counted_without_telling_where",
            "data::nothing_confidential_is_printed",
        ]),
    ),
    ("answers of blocked targets", By(&["transport::inward_addresses_are_not_dialled"])),
    ("names that do not resolve yet", By(&["names::a_request_ends_as_its_lookup_does"])),
    ("paths", By(&["guard::one_trailing_dot_is_cut_and_the_rest_is_what_the_parser_prints"])),
    ("fragments", By(&["guard::hostile_urls"])),
    ("no host", By(&["guard::hostile_urls"])),
    ("a second Host", By(&["data::headers_that_may_not_be_sent_are_refused"])),
    ("sockets and hosts files", By(&["guard::hostile_urls", "transport::names_of_the_hosts_file_are_found"])),
    (
        "one verdict by every way",
        By(&["guard::any_ipv4_has_one_verdict_however_it_is_reached", "guard::any_ipv6_is_judged_by_the_list"]),
    ),
];

const DELIVERIES: [(&str, Proof); 63] = [
    ("refused", By(&["transport::nothing_listens"])),
    ("not taken", By(&["transport::connections_are_not_taken"])),
    ("no route", By(&["transport::no_route_leads_there"])),
    ("names", By(&["names::a_request_ends_as_its_lookup_does"])),
    ("one family broken", By(&["names::where_one_family_leads_nowhere_the_other_is_taken"])),
    (
        "certificates",
        By(&[
            "deliveries-tls:tls-expired",
            "deliveries-tls:tls-not-yet-valid",
            "deliveries-tls:tls-untrusted",
            "deliveries-tls:tls-wrong-name",
        ]),
    ),
    ("nothing in common", By(&["deliveries-tls:tls-refuses"])),
    ("a handshake that stalls", By(&["tls::the_handshake_stalls", "deliveries-tls:tls-stalls"])),
    ("no TLS", By(&["tls::no_tls_is_spoken", "deliveries-tls:tls-clear"])),
    ("a client certificate wanted", By(&["identity::a_client_certificate_is_asked_for_and_there_is_none"])),
    ("the request is not read", By(&["transport::the_request_is_not_read"])),
    ("no answer", By(&["transport::no_answer_comes", "deliveries:silent"])),
    ("a slow head", By(&["transport::the_head_comes_byte_by_byte", "deliveries:slow-head"])),
    ("a slow body", By(&["transport::the_status_stands_whatever_the_body_does", "deliveries:slow-body"])),
    (
        "an endless body",
        By(&[
            "transport::an_endless_body_is_cut",
            "flat::answers_without_end_leave_no_trace",
            "deliveries:endless-body",
        ]),
    ),
    (
        "a compressed body",
        By(&[
            "transport::the_body_is_kept_as_it_came",
            "flat::answers_without_end_leave_no_trace",
            "deliveries:gzip-bomb",
        ]),
    ),
    ("a short body", By(&["transport::the_status_stands_whatever_the_body_does", "deliveries:short-body"])),
    ("reset, fresh connection", By(&["transport::a_new_connection_is_reset_or_closed_without_an_answer"])),
    (
        "reset, kept connection",
        By(&[
            "transport::a_kept_connection_that_went_stale_is_replaced_once",
            "transport::a_request_is_resent_once_only",
            "deliveries:keep-alive-race",
        ]),
    ),
    ("reset in the status line", By(&["transport::the_head_breaks_off"])),
    ("reset in the head", By(&["transport::the_head_breaks_off", "deliveries:reset-mid-head"])),
    ("reset in the body", By(&["transport::the_status_stands_whatever_the_body_does"])),
    ("no HTTP", By(&["transport::no_http_comes_back", "deliveries:smtp-banner"])),
    (
        "a large head",
        By(&[
            "transport::the_head_is_too_large",
            "flat::answers_without_end_leave_no_trace",
            "deliveries:huge-header",
            "deliveries:many-headers",
        ]),
    ),
    (
        "framing",
        By(&[
            "transport::no_http_comes_back",
            "transport::a_chunk_extension_without_end_is_cut",
            "deliveries:bad-chunk",
        ]),
    ),
    ("informational answers", By(&["transport::informational_answers_are_skipped", "deliveries:informational-flood"])),
    ("switching protocols", By(&["transport::odd_statuses_are_answers_but_no_successes", "deliveries:status-101"])),
    ("successes", By(&["transport::successes_of_every_kind", "deliveries:no-content-with-body"])),
    ("redirects", By(&["deliveries:redirect-301", "deliveries:not-modified", "deliveries:redirect-any-failure"])),
    ("rejections", By(&["deliveries:rejected-400", "deliveries:any-failure-404"])),
    ("come back later", By(&["deliveries:transient-408", "deliveries:transient-425"])),
    ("gone", By(&["deliveries:gone", "sender::notices_tell_the_story_in_order"])),
    ("too large", By(&["deliveries:payload-rejected"])),
    (
        "Retry-After in seconds",
        By(&["retry::retry_after", "sender::retry_after_pauses_the_whole_endpoint_and_no_other"]),
    ),
    ("Retry-After as a date", By(&["retry::retry_after", "retry::the_date_of_the_answer_corrects_the_clock"])),
    ("Retry-After of no use", By(&["retry::retry_after", "deliveries:retry-after-two"])),
    ("Retry-After of ages", By(&["retry::retry_after", "deliveries:retry-after-exponent"])),
    ("failures of servers", By(&["deliveries:transient-599", "deliveries:exhausted"])),
    ("impossible statuses", By(&["deliveries:status-000", "deliveries:status-999", "decisions:no-final-status-65535"])),
    ("GOAWAY before the stream", By(&["http2::d_40_d_41_a_server_that_goes_away_is_asked_once_more"])),
    ("GOAWAY after the stream", By(&["http2::d_40_d_41_a_server_that_goes_away_is_asked_once_more"])),
    ("RST_STREAM", By(&["http2::d_42_a_refused_stream_is_resent_once", "http2::d_42_another_reset_is_a_failure"])),
    (
        "floods and windows",
        By(&["http2::d_43_floods_and_closed_windows_end_in_time", "http2::a_large_head_is_refused_over_http2_too"]),
    ),
    ("HTTP/2 in name only", By(&["http2::d_44_a_server_that_agrees_to_http2_and_speaks_another_is_no_http"])),
    ("idle connections", By(&["transport::an_idle_connection_is_closed_by_this_side"])),
    ("Connection: close", By(&["transport::a_connection_that_the_server_will_close_is_not_kept"])),
    ("control by the answer", Not("given up")),
    ("just in time and just too late", By(&["deliveries:late", "deliveries:silent"])),
    ("delivered twice", By(&["sender::failures_are_retried_after_growing_delays_under_one_id"])),
    (
        "jitter",
        By(&[
            "retry::ten_thousand_draws_stay_within_the_jitter_and_fill_it",
            "retry::deliveries_that_failed_together_do_not_return_together",
        ]),
    ),
    ("the last attempt", By(&["sender::a_dead_delivery_says_why"])),
    ("replay", By(&["promises::dead_letters_are_retried_and_purged"])),
    ("disabled meanwhile", By(&["model::random_operations_do_what_the_model_does"])),
    ("deleted meanwhile", By(&["promises::a_stale_outcome_is_refused"])),
    ("rotated meanwhile", By(&["sender::each_attempt_is_signed_with_the_keys_of_its_time"])),
    ("moved meanwhile", By(&["promises::a_lost_worker_loses_nothing"])),
    ("disabling by itself", By(&["promises::a_subscription_that_keeps_failing_is_disabled"])),
    ("circuits", By(&["sender::a_circuit_opens_probes_one_by_one_and_closes"])),
    ("test deliveries", By(&["promises::operational_events_are_events"])),
    ("noisy neighbours", By(&["isolation::fast_endpoints_do_not_notice_black_holes"])),
    ("a large backlog", By(&["sender::lanes_take_turns", "sender::an_endpoint_has_only_so_many_attempts_in_flight"])),
    ("one tenant's burst", By(&["sender::a_full_queue_refuses_or_lets_wait"])),
    ("rate limits", By(&["sender::a_rate_limit_spaces_attempts_and_allows_its_burst"])),
];

const QUEUE: [(&str, Proof); 48] = [
    ("kill -9 at random moments", By(&["soak::round"])),
    ("kill -9 at each named point", By(&["points::rounds"])),
    ("SIGTERM", By(&["cli-outbox::a_signal_ends_a_worker_in_order"])),
    ("SIGINT", Not("as SIGTERM; the signal itself is not sent in a test")),
    ("exit without close", Not("the packages'")),
    ("two workers, no double claim", By(&["processes::share", "promises::two_workers_share_without_a_double_claim"])),
    ("heartbeat of another's claim", Not("a heartbeat names its claims only")),
    ("a stale outcome", By(&["promises::a_stale_outcome_is_refused", "promises::a_stale_outcome_changes_nothing"])),
    ("a frozen worker", By(&["promises::a_lost_worker_loses_nothing"])),
    ("a heartbeat that fails", By(&["postgres::a_server_that_was_stopped_is_waited_for"])),
    ("clocks that are off", By(&["processes::share"])),
    ("poison that panics", By(&["sender::a_panic_ends_its_delivery_and_frees_its_slot"])),
    ("rows that can not be read", By(&["promises::what_another_key_reads_is_given_back"])),
    ("poison that crashes", By(&["promises::only_what_workers_do_not_survive_is_given_up"])),
    ("PostgreSQL restarts", By(&["postgres::a_server_that_was_stopped_is_waited_for", "soak::cut_postgres"])),
    ("failover", Not("documented: as durable as the server")),
    (
        "a cut in mid-commit",
        By(&[
            "postgres::a_publication_whose_commit_was_cut_is_published_again",
            "postgres::a_worker_whose_commits_are_cut_delivers_everything",
        ]),
    ),
    ("a pooler in transaction mode", By(&["pooler:with-pooler"])),
    ("synchronous_commit=off", By(&["postgres::a_server_that_can_not_be_used_says_why"])),
    ("a read-only server", By(&["postgres::a_server_that_can_not_be_used_says_why"])),
    ("a full disk under PostgreSQL", By(&["postgres::a_full_tablespace_loses_nothing"])),
    ("every connection in use", By(&["postgres::a_server_without_a_free_connection_says_so"])),
    ("a long foreign transaction", By(&["postgres::workers_and_a_long_transaction_do_not_wait_for_each_other"])),
    ("deadlocks", By(&["postgres::workers_and_a_long_transaction_do_not_wait_for_each_other"])),
    ("ten million rows", Not("one million is the most that is measured")),
    ("a million that are due", By(&["backlog::main"])),
    ("an upgrade while others work", By(&["processes::upgrade_under_load"])),
    ("tables made twice, at once, and half", By(&["processes::open_at_once", "points::opener"])),
    (
        "a newer schema",
        By(&["disk::a_newer_schema_is_refused_and_left_alone", "postgres::a_server_that_can_not_be_used_says_why"]),
    ),
    ("SQLite: kill -9", By(&["soak::round", "points::rounds"])),
    ("SQLite: power loss", Not("not simulated: a process is killed, the kernel is not")),
    ("SQLite: many processes", By(&["processes::open_at_once", "processes::share"])),
    ("SQLite: another's lock", By(&["disk::a_lock_of_another_program_is_waited_for_and_told_of"])),
    ("SQLite: networked disks", Not("checked by the kind of mount; none is mounted in tests")),
    (
        "SQLite: full, read-only, missing",
        By(&[
            "disk::a_full_disk_loses_nothing",
            "disk::a_disk_that_turns_read_only_is_told_of",
            "disk::a_place_that_is_none_is_told_of",
        ]),
    ),
    ("SQLite: a long reader", By(&["disk::a_long_reader_holds_up_nobody"])),
    ("SQLite: the file goes away", By(&["disk::a_file_that_goes_away_is_noticed"])),
    ("SQLite: a broken file", By(&["disk::a_broken_file_is_left_as_it_is"])),
    ("SQLite: backups", Not("SQLite's own")),
    ("memory", Not("`durable` in the status is false; the command line shows it")),
    ("retention under load", By(&["points::cleaner"])),
    ("rolled back with the caller", Not("the packages'")),
    ("committed, and nobody was told", By(&["points::publisher"])),
    ("a lost notice", By(&["points::publisher"])),
    ("scheduled, and restarted", By(&["promises::what_is_scheduled_outlives_its_process"])),
    ("order", By(&["promises::an_ordering_key_keeps_order"])),
    ("order and a lost lease", By(&["promises::an_ordering_key_keeps_order_over_a_lost_worker"])),
    ("a model", By(&["model::random_operations_do_what_the_model_does"])),
];

/// By number: the others are for the packages, the outbox or the command line.
const OPERATION: [(usize, &str, Proof); 6] = [
    (3, "nothing starts by itself", By(&["sender::a_sender_needs_a_runtime_only_to_send"])),
    (
        5,
        "cancelled waits",
        By(&[
            "cancels::a_hundred_thousand_cancels_leave_nothing_behind",
            "sender::dropping_the_wait_does_not_drop_the_delivery",
        ]),
    ),
    (
        13,
        "panics",
        By(&[
            "sender::a_panic_ends_its_delivery_and_frees_its_slot",
            "sender::a_clock_that_panics_or_fails_ends_a_delivery_and_frees_its_slot",
        ]),
    ),
    (15, "slow subscribers", By(&["sender::a_slow_subscriber_loses_notices_and_nothing_else"])),
    (16, "memory", By(&["memory::a_hundred_thousand_deliveries_of_one_payload_are_light"])),
    (21, "labels", By(&["metrics::attempts_deliveries_and_levels_are_counted_without_telling_where"])),
];

#[test]
fn every_row_has_its_tests() {
    let numbered = |letter: &'static str, rows: &'static [(&'static str, Proof)]| {
        rows.iter().enumerate().map(move |(index, (what, proof))| (format!("{letter}-{}", index + 1), *what, proof))
    };
    let operation = OPERATION.iter().map(|(number, what, proof)| (format!("O-{number}"), *what, proof));
    let mut proven = 0;
    let mut without = Vec::new();
    let mut missing = Vec::new();
    for (row, what, proof) in
        numbered("U", &URLS).chain(numbered("D", &DELIVERIES)).chain(numbered("Q", &QUEUE)).chain(operation)
    {
        match proof {
            By(tests) => {
                proven += 1;
                missing.extend(
                    tests.iter().filter(|test| !exists(test, &row)).map(|test| format!("{row} ({what}): {test}")),
                );
            }
            Not(why) => without.push(format!("{row} ({what}): {why}")),
        }
    }
    println!("scenarios: {proven} rows of the fault catalogue, {} without a test", without.len());
    println!("{}", without.join("\n"));
    assert!(missing.is_empty(), "{missing:#?}");
}

fn exists(test: &str, row: &str) -> bool {
    let read = |name: &str| {
        let path =
            FILES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("there is no file {name}")).1;
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    };
    if let Some((file, id)) = test.split_once("::") {
        let text = read(file);
        let in_table =
            !TABLES.contains(&id) || text.contains(&format!("(\"{row}\"")) || text.contains(&format!("(\"{row} "));
        return (text.contains(&format!("fn {id}(")) || text.contains(&format!("def {id}("))) && in_table;
    }
    let (file, id) = test.split_once(':').unwrap();
    let text = read(file);
    text.contains(&format!("\"id\": \"{id}\"")) || (file == "pooler" && text.contains(id))
}

#[test]
fn every_file_of_the_table_is_named_in_it() {
    let named: BTreeSet<_> = URLS
        .iter()
        .chain(&DELIVERIES)
        .chain(&QUEUE)
        .map(|(_, proof)| proof)
        .chain(OPERATION.iter().map(|(_, _, proof)| proof))
        .filter_map(|proof| if let By(tests) = proof { Some(*tests) } else { None })
        .flatten()
        .filter_map(|test| test.split(':').next())
        .collect();
    for (name, path) in FILES {
        assert!(named.contains(name), "{path} is in the list for nothing");
    }
}
