//! Odd requests, made up: bodies, forms, tokens, headers, targets. Whatever is sent, there is an answer, it is no 5xx, and
//! it has the one shape. Each run makes up the same; a failure prints the smallest request that shows it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::{PASSWORD, TestApp};

const CASES: u32 = 2000;

/// Sends what the strategy makes up to a service of its own. All of it counts as one client, so nothing may be limited; a
/// body that was announced and does not come is not waited for long.
fn fuzz(requests: impl Strategy<Value = Vec<u8>>) {
    let runtime = Runtime::new().unwrap();
    let flags = [
        "--login-rate-client=1000000/1s",
        "--login-rate-account=1000000/1s",
        "--request-timeout=1s",
    ];
    let app = runtime.block_on(TestApp::start(&flags));
    runtime.block_on(app.signup("ada@example.com"));
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let dice = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let requests = requests.prop_map(Request);
    let result = TestRunner::new_with_rng(config, dice).run(&requests, |Request(request)| {
        let answer = exchange(app.address, &request);
        let answer = String::from_utf8_lossy(&answer);
        prop_assert!(is_good(&answer), "{answer:?}");
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    let login = runtime.block_on(app.login("ada@example.com", PASSWORD));
    assert_eq!(login.status, 200, "it still works");
    runtime.block_on(app.stop());
}

/// Bytes that a failure prints as text.
struct Request(Vec<u8>);

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(address).unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut answer = Vec::new();
    // A service that has refused the head may close before all of the body was sent; its answer counts.
    let _ = connection.write_all(request);
    let _ = connection.read_to_end(&mut answer);
    answer
}

/// A successful answer, an error in the one shape, or hyper's own refusal of a head that is not HTTP.
fn is_good(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    let Some(status) = status.and_then(|status| status.parse::<u16>().ok()) else {
        return false;
    };
    match status {
        200..400 => head.contains("\r\nx-request-id: "),
        400..500 if head.contains("\r\nx-request-id: ") => {
            let error = serde_json::from_str::<Value>(body);
            // HEAD has no body.
            body.is_empty() || error.is_ok_and(|error| error["error"]["code"].is_string())
        }
        400 | 414 | 431 | 505 => body.is_empty(),
        _ => false,
    }
}

fn post(path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn path() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("/login/"),
        Just("/signup/"),
        Just("/refresh/"),
        Just("/logout/")
    ]
}

/// Text that gets far into the handlers, and text that should not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("ada@example.com".to_owned()),
        Just(PASSWORD.to_owned()),
        "[a-z]{1,9}@[a-z]{1,5}\\.[a-z]{2}",
        "\\PC{0,80}",
        any::<String>(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("email".to_owned()),
        4 => Just("password".to_owned()),
        2 => Just("username".to_owned()),
        1 => Just("grant_type".to_owned()),
        1 => Just("refresh_token".to_owned()),
        1 => any::<String>(),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => proptest::collection::vec((name(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The bytes of a good text, some of them changed.
fn damaged(good: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (good, changes).prop_map(|(mut bytes, changes)| {
        for (index, byte) in changes {
            if !bytes.is_empty() {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
        }
        bytes
    })
}

#[test]
fn json_bodies() {
    let body = damaged(json().prop_map(|value| value.to_string().into_bytes()));
    fuzz((path(), body).prop_map(|(path, body)| post(path, "application/json", &body)));
}

#[test]
fn forms() {
    let encoded = |text: String| {
        let encode =
            percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
        encode.to_string()
    };
    let pair = (name(), text(), any::<bool>()).prop_map(move |(name, value, is_encoded)| {
        if is_encoded {
            format!("{}={}", encoded(name), encoded(value))
        } else {
            format!("{name}={value}")
        }
    });
    let form = proptest::collection::vec(pair, 0..5).prop_map(|pairs| pairs.join("&").into_bytes());
    fuzz(
        (path(), damaged(form))
            .prop_map(|(path, form)| post(path, "application/x-www-form-urlencoded", &form)),
    );
}

/// Three parts of base64 and not: what decodes to JSON gets furthest.
#[test]
fn tokens() {
    let header = r#"eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJIUzI1NiJ9"#;
    let part = prop_oneof![
        Just(header.to_owned()),
        Just("e30".to_owned()),
        "[A-Za-z0-9_-]{0,60}",
        "[ -~]{0,20}",
    ];
    let token = proptest::collection::vec(part, 0..5).prop_map(|parts| parts.join("."));
    let scheme = prop_oneof![8 => Just("Bearer ".to_owned()), 1 => "[!-~]{0,9} ?"];
    let line = damaged((scheme, token).prop_map(|(scheme, token)| (scheme + &token).into_bytes()));
    fuzz(line.prop_map(|line| {
        let head = b"GET /users/me/ HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: ";
        [&head[..], &line, b"\r\n\r\n"].concat()
    }));
}

#[test]
fn headers() {
    let name = prop_oneof![
        8 => Just("x-request-id".to_owned()),
        8 => Just("traceparent".to_owned()),
        8 => Just("tracestate".to_owned()),
        8 => Just("baggage".to_owned()),
        8 => Just("x-forwarded-for".to_owned()),
        8 => Just("forwarded".to_owned()),
        8 => Just("content-type".to_owned()),
        1 => Just("content-length".to_owned()),
        1 => Just("transfer-encoding".to_owned()),
        8 => Just("expect".to_owned()),
        8 => Just("host".to_owned()),
        8 => "[!-~]{1,20}",
    ];
    let value = prop_oneof![
        Just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        Just("application/json".to_owned()),
        Just("chunked".to_owned()),
        "[0-9]{1,25}",
        "\\PC{0,60}",
    ];
    let line = (name, value).prop_map(|(name, value)| format!("{name}: {value}"));
    let lines =
        proptest::collection::vec(line, 0..8).prop_map(|lines| lines.join("\r\n").into_bytes());
    let method = prop_oneof![Just("GET"), Just("HEAD"), Just("POST")];
    let target = prop_oneof![
        Just("/"),
        Just("/users/me/"),
        Just("/login/"),
        Just("/docs/")
    ];
    fuzz(
        (method, target, damaged(lines)).prop_map(|(method, target, lines)| {
            let head = format!("{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
            [head.as_bytes(), &lines, b"\r\n\r\n"].concat()
        }),
    );
}

/// Methods, paths and query strings, and what is neither.
#[test]
fn targets() {
    let piece = prop_oneof![
        Just("/users".to_owned()),
        Just("/me".to_owned()),
        Just("/docs".to_owned()),
        Just("/login".to_owned()),
        Just("/openapi.json".to_owned()),
        Just("/".to_owned()),
        Just("?".to_owned()),
        Just("..".to_owned()),
        Just("%2e%2f%00".to_owned()),
        Just("http://test".to_owned()),
        "[a-z]{1,8}=[!-~]{0,12}&?",
        "[!-~]{1,12}",
    ];
    let target = proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    let method = prop_oneof![6 => Just("GET".to_owned()), 1 => Just("OPTIONS".to_owned()), 1 => "[A-Z]{1,12}"];
    let line = (method, target)
        .prop_map(|(method, target)| format!("{method} {target} HTTP/1.1").into_bytes());
    fuzz(
        damaged(line)
            .prop_map(|line| [&line[..], b"\r\nhost: test\r\nconnection: close\r\n\r\n"].concat()),
    );
}
