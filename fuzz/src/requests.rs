//! The app: bodies, forms, tokens, headers and query strings, each sent to the running service.

use serde_json::{Value, json};
use url::form_urlencoded;

use crate::service::{self, Answer, EMAIL, PASSWORD};

/// JSON to the route that the first byte chooses. What is taken is an object of texts under the names of the route, and the
/// right password opens the account.
pub(crate) fn bodies(data: &[u8]) {
    const ROUTES: [(&str, &[&str]); 4] = [
        ("/login/", &["email", "password"]),
        ("/signup/", &["email", "password"]),
        ("/refresh/", &["refresh_token"]),
        ("/logout/", &["refresh_token"]),
    ];
    let Some((route, body)) = data.split_first() else {
        return;
    };
    let (path, names) = ROUTES[usize::from(*route) % ROUTES.len()];
    let status = service::post(path, "application/json", body).status;
    match serde_json::from_slice::<Value>(body) {
        Err(_) => assert_eq!(status, 400),
        Ok(Value::Object(fields)) => {
            let are_texts = fields.len() == names.len()
                && names
                    .iter()
                    .all(|name| fields.get(*name).is_some_and(Value::is_string));
            assert!(are_texts || status == 422, "{status}");
            if path == "/login/"
                && Value::Object(fields) == json!({"email": EMAIL, "password": PASSWORD})
            {
                assert_eq!(status, 200);
            }
        }
        Ok(_) => assert_eq!(status, 422),
    }
}

/// A form to `/login/`. It opens the account when, and only when, it has the right address and password, each once.
pub(crate) fn forms(data: &[u8]) {
    let status = service::post("/login/", "application/x-www-form-urlencoded", data).status;
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(data).into_owned().collect();
    pairs.sort_unstable();
    let is = |(name, value): &(String, String)| match name.as_str() {
        "username" => value.trim().eq_ignore_ascii_case(EMAIL),
        "password" => value == PASSWORD,
        "grant_type" => value == "password",
        name => name == "scope",
    };
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    let is_right = names.is_sorted_by(|one, other| one < other)
        && ["username", "password"]
            .iter()
            .all(|name| names.contains(name))
        && pairs.iter().all(is);
    if status == 200 {
        assert!(is_right, "{pairs:?}");
    } else {
        let exact = [("password", PASSWORD), ("username", EMAIL)];
        let is_exact = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .eq(exact);
        assert!(!is_exact, "{status}");
    }
}

/// The value of `authorization`, in which the bytes 1, 2 and 3 stand for the parts of a good token. Nothing opens the account
/// but that token, whole.
pub(crate) fn tokens(data: &[u8]) {
    let token = service::token();
    let parts: Vec<&str> = token.split('.').collect();
    let mut value = Vec::new();
    for byte in data {
        match byte {
            1..=3 => value.extend_from_slice(parts[usize::from(*byte) - 1].as_bytes()),
            b'\r' | b'\n' => {}
            byte => value.push(*byte),
        }
    }
    let head = b"GET /users/me/ HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: ";
    let status = service::send(&[head, &value[..], b"\r\n\r\n"].concat()).status;
    let is_good = std::str::from_utf8(&value)
        .ok()
        .and_then(|value| value.trim_matches([' ', '\t']).split_once(' '))
        .is_some_and(|(scheme, rest)| {
            scheme.eq_ignore_ascii_case("bearer") && rest.trim_matches([' ', '\t']) == token
        });
    assert_eq!(status == 200, is_good, "{status}");
}

/// Lines of a head. Whatever they say, a request that gets to the app has its answer, and the id that it asked for if that is
/// a good one.
pub(crate) fn headers(data: &[u8]) {
    let mut request = b"GET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\n".to_vec();
    let mut asked_for = None;
    for line in data.split(|byte| *byte == b'\n') {
        let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\r').collect();
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        // The first would end the head; the second would keep the connection for more.
        if line.is_empty() || name.trim_ascii().eq_ignore_ascii_case(b"connection") {
            continue;
        }
        if asked_for.is_none() && name.eq_ignore_ascii_case(b"x-request-id") {
            let value = line.get(name.len() + 1..).unwrap_or_default();
            asked_for = Some(value.trim_ascii().to_vec());
        }
        request.extend_from_slice(&line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let Answer {
        status, request_id, ..
    } = service::send(&request);
    let Some(request_id) = request_id else { return };
    assert_eq!(status, 200);
    let good =
        asked_for.filter(|id| (1..=128).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic));
    match good {
        Some(id) => assert_eq!(request_id.as_bytes(), id),
        None => assert_eq!(request_id.len(), 36, "a UUID: {request_id}"),
    }
}

/// A query string behind the path that the first byte chooses: no route reads one, so none changes its status.
pub(crate) fn queries(data: &[u8]) {
    const PATHS: [(&str, u16); 5] = [
        ("/", 200),
        ("/livez", 200),
        ("/openapi.json", 200),
        ("/users/me/", 401),
        ("/nowhere", 404),
    ];
    let Some((path, query)) = data.split_first() else {
        return;
    };
    let (path, status) = PATHS[usize::from(*path) % PATHS.len()];
    // What ends a request line is no part of a query.
    let query: Vec<u8> = query.iter().copied().filter(|byte| *byte > b' ').collect();
    let head = b" HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    let answer = service::send(&[b"GET ", path.as_bytes(), b"?", &query, head].concat());
    assert!(
        answer.status == status || answer.request_id.is_none(),
        "{}",
        answer.status
    );
}
