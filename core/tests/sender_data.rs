//! What can be told to a sender as data, and what is refused before anything is queued.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use hookseal::{
    Breaker, Endpoint, EndpointOptions, ErrorCode, Event, Sender, SenderOptions, Signer, Status,
    transport::{Request, Scripted, Step},
};
use serde_json::{Value, json};

fn endpoint(mut options: Value) -> hookseal::Result<Endpoint> {
    let mut all = json!({"url": "https://a.example.com/in", "secrets": ["whsec_demo"]});
    all.as_object_mut().unwrap().append(options.as_object_mut().unwrap());
    Endpoint::from_options(serde_json::from_value(all).unwrap(), None)
}

fn refusal(options: Value) -> ErrorCode {
    let told = options.to_string();
    endpoint(options).map(|_| ()).expect_err(&told).code()
}

/// What one attempt to this endpoint would carry.
async fn headers_sent(endpoint: &Endpoint, event: Event) -> http::HeaderMap {
    headers_sent_by(SenderOptions::default(), endpoint, event).await
}

async fn headers_sent_by(options: SenderOptions, endpoint: &Endpoint, event: Event) -> http::HeaderMap {
    let (sent, mut received) = tokio::sync::mpsc::unbounded_channel();
    let transport = Scripted(move |request: &Request<'_>| {
        sent.send(request.headers.clone()).unwrap();
        Step::answer(200)
    });
    let sender = Sender::builder().options(options).transport(transport).build().unwrap();
    assert_eq!(sender.send(endpoint, event).await.unwrap().status, Status::Delivered);
    received.recv().await.unwrap()
}

#[test]
fn headers_that_may_not_be_sent_are_refused() {
    let names = [
        "",
        "a b",
        "a:",
        "a\r\nb",
        "\u{e4}",
        "Host",
        "content-length",
        "Content-Type",
        "Transfer-Encoding",
        "connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Proxy-Authorization",
        "proxy-connection",
        "Accept-Encoding",
        "Expect",
        "User-Agent",
        "X-Webhook-Id",
        "x-webhook-signature",
        "X-WEBHOOK-ANYTHING",
    ];
    for name in names {
        assert_eq!(refusal(json!({"headers": {name: "x"}})), ErrorCode::InvalidHeader, "{name:?}");
    }
    for value in ["a\r\nb: c", "a\nb", "a\0b", "\u{7f}"] {
        assert_eq!(refusal(json!({"headers": {"x-own": value}})), ErrorCode::InvalidHeader, "{value:?}");
    }
    // What another scheme writes is that scheme's.
    assert_eq!(refusal(json!({"scheme": "stripe", "headers": {"stripe-signature": "x"}})), ErrorCode::InvalidHeader);
    assert_eq!(refusal(json!({"headers": {"x-own": "a", "X-Own": "b"}})), ErrorCode::InvalidHeader);
    let many: serde_json::Map<_, _> = (0..40_000).map(|index| (format!("h{index}"), json!("x"))).collect();
    assert_eq!(refusal(json!({"headers": many})), ErrorCode::InvalidHeader);
}

#[test]
fn endpoints_that_can_not_be_are_refused() {
    let cases = [
        (json!({"url": "ftp://a.example.com/"}), ErrorCode::InvalidUrl),
        (json!({"url": "https://user:pw@a.example.com/"}), ErrorCode::InvalidUrl),
        (json!({"url": ""}), ErrorCode::InvalidUrl),
        (json!({"secrets": []}), ErrorCode::InvalidConfig),
        (json!({"secrets": [" "]}), ErrorCode::EmptySecret),
        (json!({"scheme": "no-such"}), ErrorCode::UnknownScheme),
        (json!({"scheme": {"name": "x"}}), ErrorCode::InvalidScheme),
        (json!({"scheme": 7}), ErrorCode::InvalidScheme),
        (json!({"id": ""}), ErrorCode::InvalidConfig),
        (json!({"timeout": 0}), ErrorCode::InvalidConfig),
        (json!({"timeout": 61}), ErrorCode::InvalidConfig),
        (json!({"basic_auth": ["a:b", "c"]}), ErrorCode::InvalidConfig),
        (json!({"basic_auth": ["a", "b"], "bearer": "c"}), ErrorCode::InvalidConfig),
        (json!({"bearer": "a\r\nb"}), ErrorCode::InvalidHeader),
        (json!({"bearer": "a", "headers": {"Authorization": "b"}}), ErrorCode::InvalidHeader),
    ];
    for (options, code) in cases {
        assert_eq!(refusal(options.clone()), code, "{options}");
    }
    let signer = Signer::builder().secrets(["whsec_demo"]).unwrap().build().unwrap();
    let both = EndpointOptions { secrets: vec!["whsec_demo".to_owned()], ..EndpointOptions::default() };
    assert_eq!(Endpoint::from_options(both, Some(signer)).unwrap_err().code(), ErrorCode::InvalidConfig);
}

#[test]
fn unknown_fields_and_impossible_numbers_are_no_options() {
    for bad in [
        json!({"no_such": 1}),
        json!({"timeout": "15"}),
        json!({"timeout": -1}),
        json!({"timeout": 1e300}),
        json!({"max_in_flight": -1}),
        json!({"max_in_flight": 1.5}),
        json!({"rate_limit": 0}),
        json!({"rate_limit": {"per_second": 1, "burst": 0}}),
        json!({"rate_limit": {"per_second": 1, "no_such": 0}}),
        json!({"retry": {"jitter": 2}}),
        json!({"breaker": {"no_such": 1}}),
        json!({"header_names": {"no_such": "X"}}),
        json!({"http2": 1}),
    ] {
        serde_json::from_value::<SenderOptions>(bad.clone()).expect_err(&bad.to_string());
    }
    for bad in [
        json!({"timeout": 0}),
        json!({"timeout": 60.5}),
        json!({"connect_timeout": 0}),
        json!({"connect_timeout": 61}),
        json!({"max_in_flight": 0}),
        json!({"max_in_flight_per_endpoint": 0}),
        json!({"max_queued": 0}),
        json!({"max_queued_bytes": 0}),
        json!({"max_queued": u64::MAX}),
        json!({"breaker": {"failures": 0}}),
        json!({"breaker": {"successes": 0}}),
        json!({"allow_ports": [0]}),
        json!({"allow_subnets": ["everything"]}),
        json!({"extra_roots": ["none"]}),
        json!({"user_agent": "a\r\nb"}),
        json!({"identity": "none"}),
        json!({"proxy": "none"}),
        json!({"header_prefix": "X Y-"}),
        json!({"header_prefix": "\u{e4}-"}),
        json!({"header_names": {"id": ""}}),
        json!({"header_names": {"id": "a\r\nb"}}),
        json!({"header_names": {"event": "Content-Type"}}),
        json!({"header_names": {"attempt": "traceparent"}}),
        json!({"header_names": {"timestamp": "Authorization"}}),
        json!({"header_names": {"id": "x-webhook-EVENT"}}),
        json!({"header_names": {"id": "X-Same", "event": "x-same"}}),
    ] {
        let options: SenderOptions = serde_json::from_value(bad.clone()).unwrap();
        let error = Sender::new(options).expect_err(&bad.to_string());
        assert_eq!(error.code(), ErrorCode::InvalidConfig, "{bad}");
        let field = bad.as_object().unwrap().keys().next().unwrap();
        assert!(error.message().contains(field.as_str()), "{bad}: {error}");
    }
}

#[test]
fn options_survive_the_way_through_data() {
    let options: SenderOptions = serde_json::from_value(json!({
        "retry": {"schedule": [1, 2.5]}, "timeout": 2.5, "breaker": null, "rate_limit": 10, "allow_ports": [81],
    }))
    .unwrap();
    assert_eq!(options.timeout, Duration::from_millis(2_500));
    assert_eq!(options.breaker, None);
    assert_eq!(options.max_queued, 100_000);
    let again: SenderOptions = serde_json::from_value(serde_json::to_value(&options).unwrap()).unwrap();
    assert_eq!(again, options);
    assert_eq!(SenderOptions::default(), serde_json::from_value(json!({})).unwrap());
    let eternal = Breaker { open_for: Duration::MAX, ..Breaker::default() };
    assert_eq!(Sender::builder().breaker(Some(eternal)).build().unwrap_err().code(), ErrorCode::InvalidConfig);
    let half: Breaker = serde_json::from_value(json!({"open_for": 0.5})).unwrap();
    assert_eq!((half.failures, half.open_for), (5, Duration::from_millis(500)));
}

#[test]
fn events_that_can_not_be_are_refused() {
    let code = |event: hookseal::Result<Event>| event.unwrap_err().code();
    assert_eq!(code(Event::bytes("", "x")), ErrorCode::InvalidEvent);
    assert_eq!(code(Event::bytes("a b", "x")), ErrorCode::InvalidEvent);
    assert_eq!(code(Event::bytes("a\r\nb", "x")), ErrorCode::InvalidEvent);
    let odd_keys = std::collections::HashMap::from([((1, 2), 3)]);
    assert_eq!(code(Event::json("a", &odd_keys)), ErrorCode::InvalidEvent);
    assert_eq!(code(Event::bytes("a", "x").unwrap().id("a.b")), ErrorCode::InvalidEvent);
    assert_eq!(code(Event::bytes("a", "x").unwrap().content_type("a\nb")), ErrorCode::InvalidHeader);
    assert!(Event::bytes("a", vec![0; 1024 * 1024]).is_ok());
    assert_eq!(code(Event::bytes("a", vec![0; 1024 * 1024 + 1])), ErrorCode::PayloadTooLarge);
}

#[tokio::test]
async fn where_it_may_not_go_is_said_before_anything_is_queued() {
    let sender = Sender::builder().transport(Scripted(|_: &Request<'_>| Step::answer(200))).build().unwrap();
    let event = || Event::bytes("a", "x").unwrap();
    for url in ["http://127.0.0.1/", "https://localhost/", "https://a.example.com:22/", "http://[::ffff:10.0.0.1]/"] {
        let endpoint = Endpoint::new(url, ["whsec_demo"]).unwrap();
        assert_eq!(sender.enqueue(&endpoint, event()).unwrap_err().code(), ErrorCode::BlockedAddress, "{url}");
        assert_eq!(sender.send(&endpoint, event()).await.unwrap_err().code(), ErrorCode::BlockedAddress, "{url}");
    }
    assert_eq!(sender.unfinished(), 0);
    let strict = Sender::new(SenderOptions { https_only: true, ..SenderOptions::default() }).unwrap();
    let plain = Endpoint::new("http://a.example.com/", ["whsec_demo"]).unwrap();
    assert_eq!(strict.enqueue(&plain, event()).unwrap_err().code(), ErrorCode::InvalidUrl);
}

#[tokio::test]
async fn an_attempt_carries_the_schemes_headers_and_the_endpoints_own() {
    let own = endpoint(json!({
        "scheme": "standard-webhooks",
        "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "headers": {"X-Own": "mine"},
        "basic_auth": ["Aladdin", "open sesame"],
    }))
    .unwrap();
    let event = Event::bytes("order.paid", "<x/>").unwrap().id("evt_1").unwrap().content_type("text/xml").unwrap();
    let headers = headers_sent(&own, event).await;
    // The example of RFC 7617, section 2.
    assert_eq!(headers["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_eq!(headers["x-own"], "mine");
    assert_eq!(headers["content-type"], "text/xml");
    assert_eq!(headers["webhook-id"], "evt_1");
    assert_eq!(headers["x-webhook-id"], "evt_1");
    assert_eq!(headers["x-webhook-event"], "order.paid");
    assert_eq!(headers["x-webhook-timestamp"], headers["webhook-timestamp"]);
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));

    let bearer = endpoint(json!({"bearer": "token"})).unwrap();
    let headers = headers_sent(&bearer, Event::bytes("a", "x").unwrap()).await;
    assert_eq!(headers["authorization"], "Bearer token");
    for (name, _) in &headers {
        assert_eq!(headers.get_all(name).iter().count(), 1, "{name} is doubled");
    }
}

#[tokio::test]
async fn the_senders_headers_go_by_other_names() {
    let own = endpoint(json!({"scheme": "stripe"})).unwrap();
    let event = || Event::bytes("order.paid", "x").unwrap().id("evt_1").unwrap();
    let options = json!({"header_prefix": "Acme-", "header_names": {"event": "X-Topic"}, "user_agent": "acme/1"});
    let options: SenderOptions = serde_json::from_value(options).unwrap();
    let headers = headers_sent_by(options.clone(), &own, event()).await;
    assert_eq!(headers["acme-id"], "evt_1");
    assert_eq!(headers["x-topic"], "order.paid");
    assert_eq!(headers["acme-attempt"], "1");
    let stamp = headers["acme-timestamp"].to_str().unwrap();
    assert!(headers["stripe-signature"].to_str().unwrap().starts_with(&format!("t={stamp},")));
    assert_eq!(headers["user-agent"], "acme/1");
    assert!(!headers.keys().any(|name| name.as_str().starts_with("x-webhook-")), "{headers:?}");

    // A scheme's headers keep their names.
    let headers = headers_sent_by(options.clone(), &endpoint(json!({})).unwrap(), event()).await;
    assert_eq!((&headers["x-webhook-id"], &headers["acme-id"]), (&"evt_1".parse().unwrap(), &"evt_1".parse().unwrap()));

    let clashing = endpoint(json!({"headers": {"x-TOPIC": "mine"}})).unwrap();
    let sender = Sender::builder().options(options).transport(Scripted(|_: &Request<'_>| Step::answer(200))).build();
    let error = sender.unwrap().enqueue(&clashing, event()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidHeader, "{error}");
    assert!(error.message().contains("x-topic"), "{error}");
}

#[tokio::test]
async fn a_trace_is_passed_on() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let own = endpoint(json!({"headers": {"Traceparent": "the endpoint's"}})).unwrap();
    let event = Event::bytes("a", "x").unwrap();
    let headers = headers_sent(&own, event.clone().traceparent(trace).unwrap()).await;
    assert_eq!(headers.get_all("traceparent").iter().collect::<Vec<_>>(), [trace]);
    assert_eq!(headers_sent(&own, event).await["traceparent"], "the endpoint's");
}

#[test]
fn what_is_no_traceparent_is_refused() {
    let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let (no_trace, no_parent) = ("0".repeat(32), "0".repeat(16));
    for bad in [
        String::new(),
        format!("00-{trace}-{parent}"),
        format!("00-{trace}-{parent}-01-"),
        format!("00-{trace}-{parent}-1"),
        format!("00-{trace}-{parent}-001"),
        format!("01-{trace}-{parent}-01"),
        format!("ff-{trace}-{parent}-01"),
        format!("00-{}-{parent}-01", trace.to_uppercase()),
        format!("00-{}-{parent}-01", &trace[1..]),
        format!("00-{trace}g-{parent}-01"),
        format!("00-{no_trace}-{parent}-01"),
        format!("00-{trace}-{no_parent}-01"),
        format!(" 00-{trace}-{parent}-01"),
        format!("00-{trace}-{parent}-01\r\nx: y"),
        format!("00-{trace}-{parent}-\u{e9}"),
    ] {
        let error = Event::bytes("a", "x").unwrap().traceparent(&bad).expect_err(&bad);
        assert_eq!(error.code(), ErrorCode::InvalidEvent, "{bad}");
    }
}

#[tokio::test]
async fn a_delivery_is_plain_data() {
    let transport = Scripted(|_: &Request<'_>| Step::answer(404).header("x-reason", "none"));
    let sender = Sender::builder().transport(transport).build().unwrap();
    let event = Event::bytes("order.paid", "x").unwrap().id("evt_1").unwrap();
    let delivery = sender.send(&endpoint(json!({"id": "shop-7"})).unwrap(), event).await.unwrap();
    let mut data = serde_json::to_value(&delivery).unwrap();
    let attempt = data["attempts"][0].as_object_mut().unwrap();
    assert!(attempt.remove("started_at").unwrap().is_i64());
    assert!(attempt.remove("duration").unwrap().is_f64());
    assert_eq!(
        data,
        json!({
            "id": "evt_1", "event_type": "order.paid", "endpoint": "shop-7", "status": "dead", "reason": "rejected",
            "attempts": [{
                "number": 1, "outcome": "failed", "error": "http_status", "status_code": 404, "phase": "body",
                "retry_after": null, "response_headers": [["x-reason", "none"]], "response_body": "",
            }],
        })
    );
}

#[test]
fn nothing_confidential_is_printed() {
    let own = endpoint(json!({
        "url": "https://a.example.com/hooks/T0PS3CR3T?token=T0PS3CR3T",
        "secrets": ["whsec_T0PS3CR3T"], "headers": {"x-key": "T0PS3CR3T"}, "bearer": "T0PS3CR3T",
    }))
    .unwrap();
    let options: EndpointOptions = serde_json::from_value(json!({"url": "https://a/T0PS3CR3T"})).unwrap();
    let printed = format!("{own:?} {options:?}");
    assert!(!printed.contains("T0PS3CR3T"), "{printed}");
    assert!(printed.contains("https://a.example.com"), "{printed}");
}
