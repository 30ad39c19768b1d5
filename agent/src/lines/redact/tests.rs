use super::*;

fn defaults() -> Redactor {
    Redactor::new(true, Vec::new()).unwrap()
}

#[test]
fn what_leaks_most_is_replaced_by_default() {
    let redactor = defaults();
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
    for (text, expected) in [
        (format!("sent {jwt}!"), "sent [redacted:jwt]!".to_owned()),
        (
            "Authorization: Bearer abcdefgh12345678==".to_owned(),
            "Authorization: [redacted:secret] [redacted:bearer]".to_owned(),
        ),
        (
            "bearer abcdefgh12345678".to_owned(),
            "bearer [redacted:bearer]".to_owned(),
        ),
        (
            "Authorization: Basic dXNlcjpwYXNz".to_owned(),
            "Authorization: [redacted:secret]".to_owned(),
        ),
        (
            "POST /login?password=hunter2&user=ada".to_owned(),
            "POST /login?password=[redacted:secret]&user=ada".to_owned(),
        ),
        (
            "DB_PASSWORD: hunter2".to_owned(),
            "DB_PASSWORD: [redacted:secret]".to_owned(),
        ),
        (
            r#"{"Password":"two words","n":1}"#.to_owned(),
            r#"{"Password":"[redacted:secret]","n":1}"#.to_owned(),
        ),
        (
            r#"{"password":"a \" b","n":1}"#.to_owned(),
            r#"{"password":"[redacted:secret]","n":1}"#.to_owned(),
        ),
        (
            r#"{"m":"{\"apiKey\":\"two words\"}"}"#.to_owned(),
            r#"{"m":"{\"apiKey\":\"[redacted:secret]\"}"}"#.to_owned(),
        ),
        (
            "X-API-Key='a b'".to_owned(),
            "X-API-Key='[redacted:secret]'".to_owned(),
        ),
        (
            "passwd = x; y".to_owned(),
            "passwd = [redacted:secret]; y".to_owned(),
        ),
        (
            "client_secret=x secretAccessKey=y".to_owned(),
            "client_secret=[redacted:secret] secretAccessKey=[redacted:secret]".to_owned(),
        ),
        (
            "key AKIAIOSFODNN7EXAMPLE used".to_owned(),
            "key [redacted:aws_key] used".to_owned(),
        ),
        (
            "Server=db;Uid=sa;Pwd=x!;".to_owned(),
            "Server=db;Uid=sa;Pwd=[redacted:connection_password];".to_owned(),
        ),
        (
            "postgres://app:s3cret@db/x".to_owned(),
            "postgres://app:[redacted:url_password]@db/x".to_owned(),
        ),
        (
            "ghp_0123456789abcdefghij0123456789abcdef".to_owned(),
            "[redacted:service_token]".to_owned(),
        ),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- done".to_owned(),
            "[redacted:private_key] done".to_owned(),
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIE".to_owned(),
            "[redacted:private_key]".to_owned(),
        ),
        (
            "paid by 4111 1111 1111 1111".to_owned(),
            "paid by [redacted:card]".to_owned(),
        ),
    ] {
        let (redacted, count) = redactor.redact(&text);
        assert_eq!(redacted, expected);
        assert_eq!(
            count,
            expected.matches("[redacted:").count() as u64,
            "{text}"
        );
    }
}

#[test]
fn words_that_only_sound_like_secrets_stay() {
    let redactor = defaults();
    for text in [
        "the password was wrong",
        "bearer of news",
        "max_tokens: 4096",
        "PWD=/srv/app",
        "GET https://example.org:8443/a?b=c 200",
        "-----BEGIN CERTIFICATE-----",
        "AKIA is a prefix",
        "trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331",
        "2026-11-24T11:42:48.123456789Z took 1795520568123456789",
        "key=value",
        "token",
    ] {
        assert_eq!(redactor.redact(text), (Cow::Borrowed(text), 0));
    }
    assert!(redactor.counts().all(|(_, count)| count == 0));
}

#[test]
fn the_key_of_an_attribute_makes_all_of_its_value_a_secret() {
    let redactor = defaults();
    assert_eq!(
        redactor.redact_attribute("db.password", "two words"),
        (Cow::Borrowed("[redacted:secret]"), 1)
    );
    assert_eq!(
        redactor.redact_attribute("user", "ada"),
        (Cow::Borrowed("ada"), 0)
    );
    assert_eq!(
        redactor.redact_attribute("note", "token=x").0,
        "token=[redacted:secret]"
    );
    assert_eq!(
        redactor.counts().find(|(name, _)| *name == "secret"),
        Some(("secret", 2))
    );
}

#[test]
fn configured_patterns_run_with_their_replacement_or_their_name() {
    let pattern = |name: &str, regex: &str, replacement: Option<&str>| Pattern {
        name: name.to_owned(),
        regex: Regex::new(regex).unwrap(),
        replacement: replacement.map(str::to_owned),
    };
    let redactor = Redactor::new(
        false,
        vec![
            pattern("email", r"(?i)[a-z.]+@(?<host>[a-z.]+)", Some("***@$host")),
            pattern("US$", r"\$\d+", None),
        ],
    )
    .unwrap();
    assert_eq!(
        redactor.redact("Ada@Example.org paid $17, token=x"),
        (
            Cow::Borrowed("***@Example.org paid [redacted:US$], token=x"),
            2
        )
    );
    assert_eq!(
        redactor.redact_attribute("password", "x"),
        (Cow::Borrowed("x"), 0)
    );
    assert_eq!(
        redactor.counts().collect::<Vec<_>>(),
        [("email", 1), ("US$", 1)]
    );
}

#[test]
fn too_many_patterns_are_refused_with_their_number() {
    let pattern = Pattern {
        name: "x".to_owned(),
        regex: Regex::new("x").unwrap(),
        replacement: None,
    };
    assert_eq!(
        Redactor::new(true, vec![pattern.clone(); 25]).err(),
        Some(RedactError::TooMany { count: 33 })
    );
    assert!(Redactor::new(true, vec![pattern; 24]).is_ok());
}

#[test]
fn every_default_has_its_trigger_in_what_it_matches() {
    let redactor = defaults();
    assert!(
        redactor.triggers.searcher.is_some(),
        "this processor has the instructions"
    );
    assert!(redactor.triggers.rules.len() <= 64);
    assert!(
        DEFAULTS
            .iter()
            .flat_map(|default| default.triggers)
            .all(|trigger| trigger.len() >= 4)
    );
    assert_eq!(
        (
            DEFAULTS[defaults::SECRET].name,
            DEFAULTS[defaults::URL].name
        ),
        ("secret", "url_password")
    );
    for text in [
        "passWord=a",
        "api-Key: x",
        "apikey=x",
        "ACCESS_KEY_ID=x",
        "privateKey=x",
        "passphrase=x",
        "authorization=x",
    ] {
        assert_eq!(redactor.redact(text).1, 1, "{text}");
    }
}
