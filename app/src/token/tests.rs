//! Each way in which a token can be wrong has its own reason, and none gets through.

use http::HeaderValue;
use jsonwebtoken::Header;
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "an-example-secret-of-40-bytes-0123456789";
const TTL: Duration = Duration::from_secs(900);
const USER: &str = "6f3f2a52-7f0f-4d55-a8a4-2f7f7a4d1f00";

fn tokens() -> Tokens {
    Tokens::new(Keys::with_secret(SECRET.as_bytes()).unwrap(), None, TTL)
}

fn verify(tokens: &Tokens, token: &str) -> Result<String, &'static str> {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::AUTHORIZATION,
        HeaderValue::from_str(&format!("Bearer {token}")).unwrap(),
    );
    tokens.verify(&headers).map_err(|error| error.reason())
}

/// A good token but for what `change` does to its header and claims, signed with the right key.
fn forged(change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let keys = Keys::with_secret(SECRET.as_bytes()).unwrap();
    let now = get_current_timestamp();
    let mut header = keys.active().header.clone();
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": USER, "jti": "j", "iat": now, "nbf": now, "exp": now + 900,
        "token_use": "access",
    });
    change(&mut header, &mut claims);
    jsonwebtoken::encode(&header, &claims, &keys.active().encoding).unwrap()
}

#[test]
fn an_issued_token_names_its_user_and_holds_what_the_module_says() {
    let token = tokens().issue(USER).unwrap();
    let token = token.expose_secret();
    assert_eq!(verify(&tokens(), token), Ok(USER.to_owned()));

    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(
        (header.alg, header.typ.as_deref()),
        (Algorithm::HS256, Some("at+jwt"))
    );
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(token)
        .unwrap()
        .claims;
    assert_eq!(claims["iss"], "trivium-auth");
    assert_eq!(claims["aud"], "trivium");
    assert_eq!(claims["sub"], USER);
    assert_eq!(claims["token_use"], "access");
    assert_eq!(claims["nbf"], claims["iat"]);
    assert_eq!(
        claims["exp"].as_u64(),
        claims["iat"].as_u64().map(|iat| iat + 900)
    );
    assert_eq!(
        Uuid::parse_str(claims["jti"].as_str().unwrap())
            .unwrap()
            .get_version_num(),
        4
    );
}

#[test]
fn each_wrong_token_is_rejected_with_its_reason() {
    let now = get_current_timestamp();
    assert_eq!(
        verify(&tokens(), &forged(|_, _| ())),
        Ok(USER.to_owned()),
        "the untouched one is good"
    );
    let cases: [(&str, String); 12] = [
        (
            "expired",
            forged(|_, claims| claims["exp"] = json!(now - 6)),
        ),
        (
            "not_yet_valid",
            forged(|_, claims| claims["nbf"] = json!(now + 60)),
        ),
        (
            "wrong_issuer",
            forged(|_, claims| claims["iss"] = json!("someone")),
        ),
        (
            "wrong_audience",
            forged(|_, claims| claims["aud"] = json!("others")),
        ),
        (
            "malformed",
            forged(|_, claims| drop(claims.as_object_mut().unwrap().remove("nbf"))),
        ),
        (
            "malformed",
            forged(|_, claims| drop(claims.as_object_mut().unwrap().remove("token_use"))),
        ),
        (
            "wrong_use",
            forged(|_, claims| claims["token_use"] = json!("refresh")),
        ),
        (
            "wrong_type",
            forged(|header, _| header.typ = Some("JWT".to_owned())),
        ),
        (
            "unknown_key",
            forged(|header, _| header.kid = Some("another".to_owned())),
        ),
        (
            "wrong_algorithm",
            forged(|header, _| header.alg = Algorithm::HS512),
        ),
        ("malformed", "not.a.token".to_owned()),
        // {"typ":"at+jwt","alg":"none"} with an empty signature.
        (
            "malformed",
            "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.".to_owned(),
        ),
    ];
    for (reason, token) in cases {
        assert_eq!(verify(&tokens(), &token), Err(reason), "{token}");
    }
}

#[test]
fn clocks_may_differ_by_less_than_the_leeway() {
    let now = get_current_timestamp();
    assert!(
        verify(
            &tokens(),
            &forged(|_, claims| claims["exp"] = json!(now - 2))
        )
        .is_ok()
    );
    assert!(
        verify(
            &tokens(),
            &forged(|_, claims| claims["nbf"] = json!(now + 2))
        )
        .is_ok()
    );
}

#[test]
fn a_changed_signature_is_rejected() {
    let mut token = forged(|_, _| ()).into_bytes();
    let middle_of_signature = token.len() - 20;
    token[middle_of_signature] = if token[middle_of_signature] == b'A' {
        b'B'
    } else {
        b'A'
    };
    assert_eq!(
        verify(&tokens(), std::str::from_utf8(&token).unwrap()),
        Err("bad_signature")
    );
}

#[test]
fn a_random_key_accepts_only_its_own_tokens() {
    let tokens = || Tokens::new(Keys::random().unwrap(), None, TTL);
    let (one, other) = (tokens(), tokens());
    let token = one.issue(USER).unwrap();
    assert_eq!(verify(&one, token.expose_secret()), Ok(USER.to_owned()));
    assert_eq!(verify(&other, token.expose_secret()), Err("unknown_key"));
}

#[test]
fn only_a_bearer_header_counts() {
    for value in ["", "Bearer", "Basic abc", "Token abc"] {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        assert_eq!(
            tokens().verify(&headers).unwrap_err().reason(),
            "missing_token",
            "{value:?}"
        );
    }
}

#[tokio::test]
async fn changed_keys_are_taken_and_a_bad_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let line = |id: &str| format!("{id}:{}\n", id.repeat(32));
    std::fs::write(&path, line("a")).unwrap();
    let file = KeysFile::new(path.clone());
    let keys = file.read_if_changed().await.unwrap().unwrap();
    let tokens = Tokens::new(keys, Some(file), TTL);
    let issue = || tokens.issue(USER).unwrap().expose_secret().to_owned();
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let old = issue();

    std::fs::write(&path, line("b") + &line("a")).unwrap();
    tokens.reload_keys().await;
    let new = issue();
    assert_eq!(kid(&new), "b");
    for bad in ["", "c:short", "no key"] {
        std::fs::write(&path, bad).unwrap();
        tokens.reload_keys().await;
        assert_eq!(kid(&issue()), "b", "{bad}");
        assert_eq!(verify(&tokens, &old), Ok(USER.to_owned()), "{bad}");
    }
    std::fs::write(&path, line("b")).unwrap();
    tokens.reload_keys().await;
    assert_eq!(verify(&tokens, &old), Err("unknown_key"));
    assert_eq!(verify(&tokens, &new), Ok(USER.to_owned()));
}
