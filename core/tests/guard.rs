//! The egress rules against an independently written list, and the hostile URLs of the fault catalogue.
#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hookseal::{
    ErrorCode,
    guard::{Guard, GuardOptions, parse_url},
};
use proptest::prelude::*;

/// First and last address of every IPv4 range that is not the public internet.
const FORBIDDEN_V4: [(&str, &str); 19] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.31.196.0", "192.31.196.255"),
    ("192.52.193.0", "192.52.193.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("192.175.48.0", "192.175.48.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
];

/// The same for what is not public inside `2000::/3`.
const FORBIDDEN_GLOBAL_V6: [(&str, &str); 6] = [
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
    ("3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

const FORBIDDEN_V6: [&str; 31] = [
    "::",
    "::1",
    "::2",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:169.254.169.254",
    "::ffff:100.64.0.1",
    "::ffff:0:7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::a00:1",
    "64:ff9b:1::808:808",
    "64:ff9b:0:1::808:808",
    "100::1",
    "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "4000::",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

const PUBLIC: [&str; 16] = [
    "1.1.1.1",
    "8.8.8.8",
    "168.63.129.15",
    "168.63.129.17",
    "192.0.1.0",
    "192.0.3.0",
    "2000::",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2620:4f:7fff:ffff::1",
    "2620:4f:8001::1",
    "3fff:1000::",
    "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "64:ff9b::8.8.8.8",
    "::ffff:8.8.8.8",
];

fn guard(options: &str) -> Guard {
    Guard::new(&serde_json::from_str(options).unwrap()).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn v4_number(text: &str) -> u32 {
    text.parse::<Ipv4Addr>().unwrap().to_bits()
}

fn v6_number(text: &str) -> u128 {
    text.parse::<Ipv6Addr>().unwrap().to_bits()
}

fn listed_v4(number: u32) -> bool {
    FORBIDDEN_V4.iter().any(|(first, last)| (v4_number(first)..=v4_number(last)).contains(&number))
}

/// The verdict of the default guard, written a second time.
fn expected_v6(number: u128) -> bool {
    let embedded = u32::try_from(number & 0xffff_ffff).unwrap();
    match number >> 32 {
        0xffff | 0x0064_ff9b_0000_0000_0000_0000 => !listed_v4(embedded),
        _ => {
            (v6_number("2000::")..=v6_number("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")).contains(&number)
                && !FORBIDDEN_GLOBAL_V6
                    .iter()
                    .any(|(first, last)| (v6_number(first)..=v6_number(last)).contains(&number))
        }
    }
}

/// Every way to write or reach an IPv4 address.
fn assert_same_everywhere(number: u32, open: bool) {
    let guard = Guard::default();
    let address = Ipv4Addr::from_bits(number);
    let [a, b, c, d] = address.octets();
    let nat64 = Ipv6Addr::from_bits(v6_number("64:ff9b::") | u128::from(number));
    for reached in [IpAddr::V4(address), address.to_ipv6_mapped().into(), nat64.into()] {
        assert_eq!(guard.allows(reached), open, "{reached}");
    }
    for host in [
        address.to_string(),
        number.to_string(),
        format!("{a:#x}.{b:#o}.{c}.{d}.").replace("0o", "0"),
        format!("[{}]", address.to_ipv6_mapped()),
        format!("[{nat64}]"),
    ] {
        let verdict = guard.judge(&parse_url(&format!("https://{host}/")).unwrap());
        assert_eq!(verdict.is_ok(), open, "{host}");
    }
}

#[test]
fn both_edges_of_every_ipv4_range_and_their_neighbours_are_judged_by_the_list() {
    let mut neighbours_outside = 0;
    for (first, last) in FORBIDDEN_V4 {
        let (first, last) = (v4_number(first), v4_number(last));
        assert_same_everywhere(first, false);
        assert_same_everywhere(last, false);
        for neighbour in [first.wrapping_sub(1), last.wrapping_add(1)] {
            neighbours_outside += usize::from(!listed_v4(neighbour));
            assert_same_everywhere(neighbour, !listed_v4(neighbour));
        }
    }
    // 240/4 ends at the last address and follows 224/4; 0/8 begins at the first.
    assert_eq!(neighbours_outside, 2 * FORBIDDEN_V4.len() - 4);
}

#[test]
fn both_edges_of_every_ipv6_range_and_their_neighbours_are_judged_by_the_list() {
    let guard = Guard::default();
    for (first, last) in FORBIDDEN_GLOBAL_V6 {
        let (first, last) = (v6_number(first), v6_number(last));
        for (number, inside) in [(first, true), (last, true), (first - 1, false), (last + 1, false)] {
            let address = Ipv6Addr::from_bits(number);
            assert_eq!(guard.allows(address.into()), expected_v6(number), "{address}");
            assert!(!(inside && guard.allows(address.into())), "{address}");
        }
    }
}

#[test]
fn named_addresses() {
    let guard = Guard::default();
    for text in FORBIDDEN_V6 {
        assert!(!guard.allows(ip(text)), "{text}");
        let url = parse_url(&format!("https://[{text}]/")).unwrap();
        assert_eq!(guard.judge(&url).unwrap_err().code(), ErrorCode::BlockedAddress, "{text}");
    }
    for text in ["168.63.129.16", "100.100.100.200", "169.254.169.254", "169.254.170.2", "192.0.0.192"] {
        assert_same_everywhere(v4_number(text), false);
    }
    for text in PUBLIC {
        assert!(guard.allows(ip(text)), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn any_ipv4_has_one_verdict_however_it_is_reached(number: u32) {
        assert_same_everywhere(number, !listed_v4(number));
    }

    #[test]
    fn any_ipv6_is_judged_by_the_list(number: u128, top in prop::sample::select(vec![
        0x0000_0000_u128, 0x0064_ff9b, 0x2000_0000, 0x2001_0000, 0x2001_0db8, 0x2002_0000, 0x2620_004f, 0x3ffe_0000,
        0x3fff_0000, 0xfd00_0ec2, 0xfe80_0000,
    ])) {
        for number in [number, (top << 96) | (number >> 32), (top << 96) | (number & 0xffff_ffff)] {
            let address = Ipv6Addr::from_bits(number);
            prop_assert_eq!(Guard::default().allows(address.into()), expected_v6(number), "{}", address);
        }
    }

    #[test]
    fn any_text_ends_in_a_url_or_one_error(text in "\\PC{0,80}", host in "[a-z0-9.\\-_@:%\\[\\]#/\\\\]{0,40}") {
        for text in [text, format!("https://{host}")] {
            match parse_url(&text) {
                Ok(url) => {
                    prop_assert!(matches!(url.scheme(), "http" | "https"));
                    prop_assert_eq!(parse_url(url.as_str()), Ok(url.clone()), "its own text reads the same");
                    if let Err(error) = Guard::default().judge(&url) {
                        prop_assert!(matches!(error.code(), ErrorCode::InvalidUrl | ErrorCode::BlockedAddress));
                    }
                }
                Err(error) => prop_assert_eq!(error.code(), ErrorCode::InvalidUrl),
            }
        }
    }
}

/// The verdict on a URL: `"open"` or the code.
fn verdict(guard: &Guard, url: &str) -> &'static str {
    match parse_url(url).and_then(|url| guard.judge(&url)) {
        Ok(()) => "open",
        Err(error) => error.code().as_str(),
    }
}

#[test]
fn hostile_urls() {
    let long_label = format!("https://{}.example.com/", "a".repeat(64));
    let longest_label = format!("https://{}.example.com/", "a".repeat(63));
    let name =
        |length: usize| format!("https://{}{}/", format!("{}.", "a".repeat(47)).repeat(4), "a".repeat(length - 192));
    let (longest_name, long_name) = (name(253), name(254));
    let path = |total: usize| format!("https://example.com/{}", "a".repeat(total - "https://example.com/".len()));
    let (longest_url, long_url, huge_url) = (path(2_048), path(2_049), path(1_000_000));
    let swells = format!("https://example.com/{}", "é".repeat(500));
    let rows: &[(&str, &str, &str)] = &[
        ("U-1", "ftp://example.com/", "invalid_url"),
        ("U-1", "file:///etc/passwd", "invalid_url"),
        ("U-1", "gopher://example.com/", "invalid_url"),
        ("U-1", "data:text/plain,x", "invalid_url"),
        ("U-1", "example.com/hook", "invalid_url"),
        ("U-1", "", "invalid_url"),
        ("U-2", "https://user:pw@example.com/", "invalid_url"),
        ("U-2", "https://user@example.com/", "invalid_url"),
        ("U-2", "https://:pw@example.com/", "invalid_url"),
        ("U-2", "https://@example.com/", "invalid_url"),
        ("U-3", "https://good.com@evil.com/", "invalid_url"),
        ("U-3", r"https://evil.com\@good.com", "open"),
        ("U-3", "https://exam\tple.\ncom/", "open"),
        ("U-3", "https://127.0.\t0.1/", "blocked_address"),
        ("U-4", "https://127.0.0.1/", "blocked_address"),
        ("U-4", "https://127.1/", "blocked_address"),
        ("U-4", "https://0x7f.0.0.1/", "blocked_address"),
        ("U-4", "https://0177.0.0.1/", "blocked_address"),
        ("U-4", "https://2130706433/", "blocked_address"),
        ("U-4", "https://127.0.0.1./", "blocked_address"),
        ("U-4", "https://%31%32%37.0.0.1/", "blocked_address"),
        ("U-4", "https://256.0.0.1/", "invalid_url"),
        ("U-4", "https://1.2.3.4.5/", "invalid_url"),
        ("U-5", "https://１２７．０．０．１/", "blocked_address"),
        ("U-5", "https://①②⑦.⓪.⓪.①/", "blocked_address"),
        ("U-6", "https://[::1]/", "blocked_address"),
        ("U-6", "https://[::]/", "blocked_address"),
        ("U-6", "https://[0:0:0:0:0:0:0:1]/", "blocked_address"),
        ("U-7", "https://[::ffff:127.0.0.1]/", "blocked_address"),
        ("U-8", "https://[::127.0.0.1]/", "blocked_address"),
        ("U-9", "https://[64:ff9b::a9fe:a9fe]/", "blocked_address"),
        ("U-10", "https://[fe80::1%25eth0]/", "invalid_url"),
        ("U-10", "https://[fe80::1%eth0]/", "invalid_url"),
        ("U-12", "http://metadata.google.internal/", "blocked_address"),
        ("U-14", "https://[2606:4700:4700::1111]/", "open"),
        ("U-14", "https://1.1.1.1/", "open"),
        ("U-15", "https://127.0.0.1.nip.io/", "open"),
        ("U-23", "http://db/", "blocked_address"),
        ("U-23", "http://kubernetes.default/", "open"),
        ("U-24", "http://localhost/", "blocked_address"),
        ("U-24", "http://LOCALHOST./", "blocked_address"),
        ("U-24", "http://foo.localhost/", "blocked_address"),
        ("U-24", "http://printer.local/", "blocked_address"),
        ("U-24", "http://router.home.arpa./", "blocked_address"),
        ("U-24", "http://home.arpa/", "blocked_address"),
        ("U-24", "http://notlocalhost.com/", "open"),
        ("U-24", "http://mylocal.example/", "open"),
        ("U-25", "https://bücher.example/", "open"),
        ("U-25", "https://xn--a.example/", "invalid_url"),
        ("U-25", "https://exa mple.com/", "invalid_url"),
        ("U-26", &long_label, "invalid_url"),
        ("U-26", &longest_label, "open"),
        ("U-26", &long_name, "invalid_url"),
        ("U-26", &longest_name, "open"),
        ("U-26", "https://a_b.example.com/", "open"),
        ("U-26", "https://a..example.com/", "invalid_url"),
        ("U-26", "https://.example.com/", "invalid_url"),
        ("U-26", "https://example.com../", "invalid_url"),
        ("U-26", "https://./", "invalid_url"),
        ("U-27", "https://example.com:0/", "blocked_address"),
        ("U-27", "https://example.com:65536/", "invalid_url"),
        ("U-27", "https://example.com:x/", "invalid_url"),
        ("U-27", "https://example.com:22/", "blocked_address"),
        ("U-27", "https://example.com:25/", "blocked_address"),
        ("U-27", "https://example.com:1023/", "blocked_address"),
        ("U-27", "https://example.com:1024/", "open"),
        ("U-27", "https://example.com:65535/", "open"),
        ("U-27", "https://example.com:80/", "open"),
        ("U-27", "http://example.com:443/", "open"),
        ("U-37", &longest_url, "open"),
        ("U-37", &long_url, "invalid_url"),
        ("U-37", &huge_url, "invalid_url"),
        ("U-37", &swells, "invalid_url"),
        ("U-42", "https://example.com/#frag", "invalid_url"),
        ("U-42", "https://example.com/#", "invalid_url"),
        ("U-43", "https:///x", "invalid_url"),
        ("U-43", "https:/example.com/", "invalid_url"),
        ("U-43", "https:example.com", "invalid_url"),
        ("U-43", "https://:443/", "invalid_url"),
        ("U-43", "https://", "invalid_url"),
        ("U-45", "unix:/var/run/app.sock", "invalid_url"),
    ];
    let guard = Guard::default();
    for (row, url, expected) in rows {
        let shown: String = url.chars().take(80).collect();
        assert_eq!(verdict(&guard, url), *expected, "{row} {shown:?}");
    }
}

#[test]
fn one_trailing_dot_is_cut_and_the_rest_is_what_the_parser_prints() {
    assert_eq!(parse_url("https://EXAMPLE.com./a/../b").unwrap().as_str(), "https://example.com/b");
    assert_eq!(parse_url("https://bücher.example./").unwrap().as_str(), "https://xn--bcher-kva.example/");
    assert_eq!(parse_url("https://example.com/..%2fb").unwrap().as_str(), "https://example.com/..%2fb");
}

#[test]
fn https_only_refuses_http() {
    let guard = guard(r#"{"https_only": true}"#);
    assert_eq!(verdict(&guard, "http://example.com/"), "invalid_url");
    assert_eq!(verdict(&guard, "https://example.com/"), "open");
}

#[test]
fn allow_ports_opens_those_ports() {
    let guard = guard(r#"{"allow_ports": [25]}"#);
    assert_eq!(verdict(&guard, "https://example.com:25/"), "open");
    assert_eq!(verdict(&guard, "https://example.com:22/"), "blocked_address");
    assert_eq!(verdict(&guard, "https://127.0.0.1:25/"), "blocked_address");
}

#[test]
fn allow_private_opens_the_development_ranges_and_nothing_else() {
    let guard = guard(r#"{"allow_private": true}"#);
    for open in [
        "10.0.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.201",
        "127.0.0.1",
        "::1",
        "fc00::1",
        "fd12::1",
        "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "8.8.8.8",
    ] {
        assert!(guard.allows(ip(open)), "{open}");
    }
    for shut in [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "::2",
        "fec0::1",
        "ff02::1",
        "2002:a00:1::1",
        "64:ff9b:1::a00:1",
        "2001::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
    ] {
        assert!(!guard.allows(ip(shut)), "{shut}");
    }
    for url in ["http://localhost:22/", "http://db/", "http://foo.internal/", "http://127.0.0.1:1/", "http://[::1]:9/"]
    {
        assert_eq!(verdict(&guard, url), "open", "{url}");
    }
    for url in ["http://localhost:0/", "http://169.254.169.254/", "http://[fd00:ec2::254]/"] {
        assert_eq!(verdict(&guard, url), "blocked_address", "{url}");
    }
    assert_eq!(verdict(&guard, "http://user@localhost/"), "invalid_url");
}

#[test]
fn allow_subnets_opens_that_subnet_only_and_metadata_one_by_one() {
    let one = guard(r#"{"allow_subnets": ["10.1.0.0/16", "fd12:3456::/32", "::ffff:172.16.7.0/120"]}"#);
    for (text, open) in [
        ("10.1.0.0", true),
        ("10.1.255.255", true),
        ("10.0.255.255", false),
        ("10.2.0.0", false),
        ("::ffff:10.1.0.1", true),
        ("64:ff9b::10.1.0.1", true),
        ("127.0.0.1", false),
        ("fd12:3456::1", true),
        ("fd12:3457::1", false),
        ("2002:a01:1::1", false),
        ("172.16.7.9", true),
        ("172.16.8.0", false),
    ] {
        assert_eq!(one.allows(ip(text)), open, "{text}");
    }
    let wide = guard(r#"{"allow_private": true, "allow_subnets": ["0.0.0.0/0", "fc00::/7", "fe00::/7"]}"#);
    for shut in ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fe80::1"] {
        assert!(!wide.allows(ip(shut)), "{shut}");
    }
    assert!(wide.allows(ip("224.0.0.1")));
    let single = guard(r#"{"allow_subnets": ["169.254.169.254", "fd00:ec2::254/128", "168.63.129.16/32"]}"#);
    for (text, open) in [
        ("169.254.169.254", true),
        ("::ffff:169.254.169.254", true),
        ("169.254.169.253", false),
        ("fd00:ec2::254", true),
        ("fd00:ec2::253", false),
        ("168.63.129.16", true),
        ("100.100.100.200", false),
    ] {
        assert_eq!(single.allows(ip(text)), open, "{text}");
    }
}

#[test]
fn options_that_can_not_work_are_refused_and_name_the_option() {
    for (subnets, ports, expected) in [
        (vec!["10.0.0.0/33"], vec![], "10.0.0.0/33"),
        (vec!["10.0.0.0/"], vec![], "no subnet"),
        (vec!["10.0.0.0/+8"], vec![], "no subnet"),
        (vec!["10.0.0.0/99999999999"], vec![], "no subnet"),
        (vec!["10.0.0/8"], vec![], "no subnet"),
        (vec![""], vec![], "no subnet"),
        (vec!["fd00::/129"], vec![], "no subnet"),
        (vec!["10.0.0.1/8"], vec![], "beyond its prefix"),
        (vec!["10.0.0.0/8", "fd00::1/64"], vec![], "fd00::1/64"),
        (vec!["2002::/16"], vec![], "stay shut"),
        (vec!["2001::/16"], vec![], "stay shut"),
        (vec!["64:ff9b:1::a00:1"], vec![], "stay shut"),
        (vec!["::/0"], vec![], "stay shut"),
        (vec!["::fffe:0:0/95"], vec![], "list those as IPv4"),
        (vec!["64:ff9b::/96"], vec![], "list those as IPv4"),
        (vec!["169.254.0.0/16"], vec![], "one by one"),
        (vec!["169.254.169.0/24"], vec![], "one by one"),
        (vec!["fe80::/64"], vec![], "one by one"),
        (vec![], vec![443, 0], "allow_ports"),
    ] {
        let options = GuardOptions {
            allow_subnets: subnets.into_iter().map(str::to_owned).collect(),
            allow_ports: ports,
            ..GuardOptions::default()
        };
        let error = Guard::new(&options).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidConfig);
        assert!(error.message().contains(expected), "{expected}: {error}");
    }
    assert!(serde_json::from_str::<GuardOptions>(r#"{"allow_privat": true}"#).is_err());
}
