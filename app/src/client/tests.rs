//! Who is believed about a client's address, and how far.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1:4000";

fn client_of(peer: &str, lines: &[(&'static str, &str)]) -> String {
    let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    address(peer.parse().unwrap(), &headers, &trusted)
        .ip()
        .to_string()
}

#[test]
fn a_stranger_is_not_believed() {
    let lines = [
        ("x-forwarded-for", "192.0.2.7"),
        ("forwarded", "for=192.0.2.7"),
    ];
    assert_eq!(client_of("198.51.100.1:5000", &lines), "198.51.100.1");
}

#[test]
fn a_trusted_proxy_names_the_client() {
    for (line, client) in [
        (("x-forwarded-for", "192.0.2.7"), "192.0.2.7"),
        (("x-forwarded-for", "192.0.2.7:1234"), "192.0.2.7"),
        (("x-forwarded-for", "2001:db8::7"), "2001:db8::7"),
        (("x-forwarded-for", "[2001:db8::7]"), "2001:db8::7"),
        (("x-forwarded-for", "::ffff:192.0.2.7"), "192.0.2.7"),
        (("forwarded", "for=192.0.2.7;proto=https"), "192.0.2.7"),
        (
            ("forwarded", r#"proto=https; For="[2001:db8::7]:1234""#),
            "2001:db8::7",
        ),
    ] {
        assert_eq!(client_of(PROXY, &[line]), client, "{line:?}");
    }
    assert_eq!(client_of(PROXY, &[]), "10.0.0.1");
}

#[test]
fn what_a_client_wrote_before_its_proxy_is_not_believed() {
    let list = "203.0.113.9, 192.0.2.7, 10.0.0.2";
    assert_eq!(client_of(PROXY, &[("x-forwarded-for", list)]), "192.0.2.7");
    let lines = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-for", "192.0.2.7, 10.0.0.2"),
    ];
    assert_eq!(client_of(PROXY, &lines), "192.0.2.7", "over two lines");
}

#[test]
fn the_reading_ends_at_what_is_no_address() {
    for list in [
        "203.0.113.9, unknown, 10.0.0.2",
        "203.0.113.9, , 10.0.0.2",
        "203.0.113.9, 300.1.1.1, 10.0.0.2",
    ] {
        assert_eq!(client_of(PROXY, &[("x-forwarded-for", list)]), "10.0.0.2");
    }
    let line = ("forwarded", "for=203.0.113.9, for=_hidden;by=10.0.0.1");
    assert_eq!(client_of(PROXY, &[line]), "10.0.0.1");
}

#[test]
fn two_headers_count_only_when_they_agree() {
    let said = |forwarded| {
        client_of(
            PROXY,
            &[("x-forwarded-for", "192.0.2.7"), ("forwarded", forwarded)],
        )
    };
    assert_eq!(said("for=192.0.2.7"), "192.0.2.7");
    assert_eq!(said("for=203.0.113.9"), "10.0.0.1");
}

#[test]
fn a_network_is_written_with_or_without_its_length() {
    for good in ["10.0.0.0/8", "127.0.0.1", " fd00::/8", "::1"] {
        assert!(good.parse::<Network>().is_ok(), "{good}");
    }
    for wrong in ["", "proxy", "10.0.0.0/33", "10.0.0", "10.0.0.0/8/8"] {
        assert_eq!(wrong.parse::<Network>(), Err(NetworkError));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the headers say, the answer is the peer or an address that stands in them.
    #[test]
    fn no_header_is_too_odd(
        value in proptest::collection::vec(
            prop_oneof![
                Just("for=".to_owned()), Just(",".to_owned()), Just(";".to_owned()), Just("\"".to_owned()),
                Just("[".to_owned()), Just("]".to_owned()), Just("192.0.2.7".to_owned()), Just("10.0.0.3".to_owned()),
                Just(":80".to_owned()), "[ -~]{0,6}",
            ],
            0..12,
        ),
        name in prop_oneof![Just("x-forwarded-for"), Just("forwarded")],
    ) {
        let value = value.concat();
        let client = client_of(PROXY, &[(name, &value)]);
        prop_assert!(client.parse::<IpAddr>().is_ok());
    }
}
