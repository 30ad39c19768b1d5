//! What the real program says over OTLP of a journey: the spans, logs and counters by value, and no secret anywhere.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::{
    logs::v1::LogRecord,
    metrics::v1::{metric::Data, number_data_point::Value},
    trace::v1::{Span, span::SpanKind},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    collector::{Collector, Received, attribute},
    databases::{Database, on_each_database},
    postgres::DATABASE_PASSWORD,
    program::Program,
    support::{Answer, client},
};

on_each_database![a_journey_is_seen_whole_and_without_its_secrets];

const EMAIL: &str = "canaryaddress@canarydomain.example";
const PASSWORD: &str = "canarypassword";
const WRONG_PASSWORD: &str = "canarywrongpassword";
const SECRET: &str = "canarysecretcanarysecretcanarysecret";

/// What a journey gives.
struct Journey {
    user_id: String,
    access_token: String,
    refresh_tokens: Vec<String>,
}

/// Sign-up, wrong login, login, account, a bad token, an unknown path, a bad body, refresh, the used token again, login and
/// logout.
async fn journey(program: &Program) -> Journey {
    let client = client();
    let url = |path: &str| format!("http://{}{path}", program.address);
    let post = async |path: &str, id: &str, body: serde_json::Value| {
        Answer::of(
            client
                .post(url(path))
                .header("x-request-id", id)
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    };
    let get = async |path: &str, id: &str, token: &str| {
        let request = client
            .get(url(path))
            .header("x-request-id", id)
            .header("authorization", format!("Bearer {token}"));
        Answer::of(request.send().await.unwrap()).await
    };
    let signup = post(
        "/signup",
        "r1",
        json!({"email": EMAIL, "password": PASSWORD}),
    )
    .await;
    assert_eq!(signup.status, 201);
    post(
        "/login/",
        "r2",
        json!({"email": EMAIL, "password": WRONG_PASSWORD}),
    )
    .await
    .error(401, "invalid_credentials");
    let login = post(
        "/login/",
        "r3",
        json!({"email": EMAIL, "password": PASSWORD}),
    )
    .await;
    let token = login.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(get("/users/me/", "r4", &token).await.body, signup.body);
    get("/users/me/", "r5", &format!("{token}x"))
        .await
        .error(401, "invalid_token");
    get("/canarypath", "r6", "").await.error(404, "not_found");
    post(
        "/signup/",
        "r7",
        json!({"email": EMAIL, "password": "canary", "canaryfield": 1}),
    )
    .await
    .error(422, "invalid_input");
    let refresh_token = |answer: &Answer| answer.body["refresh_token"].as_str().unwrap().to_owned();
    let first = refresh_token(&login);
    let refreshed = post("/refresh/", "r8", json!({"refresh_token": first})).await;
    post("/refresh/", "r9", json!({"refresh_token": first}))
        .await
        .error(401, "invalid_refresh_token");
    let again = post(
        "/login/",
        "r10",
        json!({"email": EMAIL, "password": PASSWORD}),
    )
    .await;
    let last = refresh_token(&again);
    let log_out = client
        .post(url("/logout/"))
        .header("x-request-id", "r11")
        .json(&json!({"refresh_token": last}));
    assert_eq!(log_out.send().await.unwrap().status(), 204);
    Journey {
        user_id: signup.body["id"].as_str().unwrap().to_owned(),
        access_token: token,
        refresh_tokens: vec![first, refresh_token(&refreshed), last],
    }
}

/// The request's server span, its descendants' names in order of start, and its logs' event names in order of time.
fn request<'a>(received: &'a Received, id: &str) -> (&'a Span, Vec<&'a str>, Vec<&'a LogRecord>) {
    let server = received
        .spans
        .iter()
        .find(|span| attribute(&span.attributes, "request.id").as_deref() == Some(id));
    let server = server.unwrap_or_else(|| panic!("no span of request {id}"));
    let mut children: Vec<_> = received
        .spans
        .iter()
        .filter(|span| span.parent_span_id == server.span_id)
        .collect();
    children.sort_by_key(|span| span.start_time_unix_nano);
    let mut logs: Vec<_> = received
        .logs
        .iter()
        .filter(|log| log.trace_id == server.trace_id)
        .collect();
    logs.sort_by_key(|log| log.time_unix_nano.max(log.observed_time_unix_nano));
    (
        server,
        children.iter().map(|span| span.name.as_str()).collect(),
        logs,
    )
}

struct Expected {
    request_id: &'static str,
    span: &'static str,
    status: &'static str,
    children: &'static [&'static str],
    events: &'static [&'static str],
}

const EXPECTED: [Expected; 10] = [
    Expected {
        request_id: "r1",
        span: "POST /signup/",
        status: "201",
        children: &["password.hash", "INSERT users"],
        events: &["auth.signup.succeeded", "http.request"],
    },
    Expected {
        request_id: "r2",
        span: "POST /login/",
        status: "401",
        children: &["SELECT users", "password.verify"],
        events: &["auth.login.failed", "http.request"],
    },
    Expected {
        request_id: "r3",
        span: "POST /login/",
        status: "200",
        children: &[
            "SELECT users",
            "password.verify",
            "INSERT refresh_families",
            "token.issue",
        ],
        events: &["auth.login.succeeded", "http.request"],
    },
    Expected {
        request_id: "r4",
        span: "GET /users/me/",
        status: "200",
        children: &["token.verify", "SELECT users"],
        events: &["http.request"],
    },
    Expected {
        request_id: "r5",
        span: "GET /users/me/",
        status: "401",
        children: &["token.verify"],
        events: &["auth.token.rejected", "http.request"],
    },
    Expected {
        request_id: "r6",
        span: "GET",
        status: "404",
        children: &[],
        events: &["http.request"],
    },
    Expected {
        request_id: "r7",
        span: "POST /signup/",
        status: "422",
        children: &[],
        events: &["auth.signup.failed", "http.request"],
    },
    Expected {
        request_id: "r8",
        span: "POST /refresh/",
        status: "200",
        children: &["UPDATE refresh_families", "token.issue"],
        events: &["auth.refresh.succeeded", "http.request"],
    },
    Expected {
        request_id: "r9",
        span: "POST /refresh/",
        status: "401",
        children: &["UPDATE refresh_families", "DELETE refresh_families"],
        events: &["auth.refresh.reused", "auth.refresh.failed", "http.request"],
    },
    Expected {
        request_id: "r11",
        span: "POST /logout/",
        status: "204",
        children: &["DELETE refresh_families"],
        events: &["auth.logout.succeeded", "http.request"],
    },
];

async fn a_journey_is_seen_whole_and_without_its_secrets(database: Database) {
    let collector = Collector::start();
    let place = database.place();
    let (variable, value) = place.variable();
    let endpoint = collector.endpoint();
    let variables = [
        (variable, value.as_str()),
        ("OTEL_SDK_DISABLED", "false"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("APP_JWT_SECRET", SECRET),
        ("RUST_LOG", "trace"),
        // Only the flush at the end collects, so all exemplars are in it.
        ("OTEL_METRIC_EXPORT_INTERVAL", "600000"),
    ];
    let program = Program::start_with(&variables).await;
    let Journey {
        user_id,
        access_token,
        refresh_tokens,
    } = journey(&program).await;
    program.signal(Signal::SIGTERM);
    let (status, said) = program.wait().await;
    assert_eq!(status.code(), Some(0), "{said}");
    let received = collector.received();

    for expected in EXPECTED {
        let id = expected.request_id;
        let (server, children, logs) = request(&received, id);
        assert_eq!(server.name, expected.span, "{id}");
        let status = attribute(&server.attributes, "http.response.status_code");
        assert_eq!(status.as_deref(), Some(expected.status), "{id}");
        assert_eq!(children, expected.children, "{id}");
        let own = |log: &&LogRecord| {
            log.event_name.starts_with("auth.") || log.event_name.starts_with("http.")
        };
        let own: Vec<_> = logs.into_iter().filter(own).collect();
        let events: Vec<_> = own.iter().map(|log| log.event_name.as_str()).collect();
        assert_eq!(events, expected.events, "{id}");
        assert!(own.iter().all(|log| log.span_id == server.span_id), "{id}");
    }

    let user_of = |id: &str| attribute(&request(&received, id).0.attributes, "user.id");
    for id in ["r1", "r3", "r4", "r8", "r11"] {
        assert_eq!(user_of(id).as_deref(), Some(user_id.as_str()), "{id}");
    }
    assert_eq!(user_of("r2"), None);
    let reason_of = |event: &str| attribute(&received.log(event).unwrap().attributes, "reason");
    assert_eq!(
        reason_of("auth.login.failed").as_deref(),
        Some("bad_password")
    );
    assert_eq!(
        reason_of("auth.token.rejected").as_deref(),
        Some("bad_signature")
    );
    let system = attribute(
        &received.span("UPDATE refresh_families").unwrap().attributes,
        "db.system.name",
    );
    let expected = match database {
        Database::Sqlite => "sqlite",
        Database::Postgres(_) => "postgresql",
    };
    assert_eq!(system.as_deref(), Some(expected));
    let queued = received.span("password.verify").unwrap();
    assert!(
        attribute(&queued.attributes, "auth.password.queue_wait")
            .unwrap()
            .starts_with("DoubleValue")
    );

    for (metric, failure, successes) in [
        ("auth.signups", "failure/invalid_input", 1),
        ("auth.logins", "failure/bad_password", 2),
        ("auth.refreshes", "failure/reused", 1),
        ("auth.tokens.verified", "failure/bad_signature", 1),
    ] {
        let expected =
            BTreeMap::from([(failure.to_owned(), 1), ("success/".to_owned(), successes)]);
        assert_eq!(counts(&received, metric), expected, "{metric}");
    }
    assert_eq!(active_users(&received), Some(Value::AsInt(1)));
    let hashing = received.sum("auth.password.operations");
    let mut states: Vec<_> = hashing
        .iter()
        .map(|point| (attribute(&point.attributes, "state").unwrap(), point.value))
        .collect();
    states.sort_by(|one, other| one.0.cmp(&other.0));
    let none = Some(Value::AsInt(0));
    assert_eq!(
        states,
        [("running".to_owned(), none), ("waiting".to_owned(), none)]
    );

    let everything = format!("{received:?}{said}");
    assert!(
        everything.contains(&user_id),
        "what is searched holds what was sent"
    );
    let signature = access_token.rsplit('.').next().unwrap();
    // Who knows the id of a family can end it.
    let family = |token: &String| {
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        Uuid::from_slice(&bytes[..16]).unwrap().to_string()
    };
    let families: Vec<_> = refresh_tokens.iter().map(family).collect();
    let refresh_secrets = refresh_tokens.iter().chain(&families).map(String::as_str);
    let secrets = [
        EMAIL,
        "canaryaddress",
        "canarydomain",
        PASSWORD,
        WRONG_PASSWORD,
        SECRET,
        "canaryfield",
        access_token.as_str(),
        signature,
        "$2b$",
        DATABASE_PASSWORD,
    ];
    for secret in secrets.into_iter().chain(refresh_secrets) {
        assert!(!everything.contains(secret), "{secret} is in a signal");
    }
}

fn active_users(received: &Received) -> Option<Value> {
    let mut metrics = received.metrics.iter();
    match &metrics
        .rfind(|metric| metric.name == "auth.users.active")?
        .data
    {
        Some(Data::Gauge(gauge)) => gauge.data_points[0].value,
        other => panic!("{other:?}"),
    }
}

/// The value of each series of a counter, by outcome and reason, whose exemplar must point to a span that arrived.
fn counts(received: &Received, metric: &str) -> BTreeMap<String, i64> {
    let points = received.sum(metric);
    let series = points.iter().map(|point| {
        let text = |key: &str| attribute(&point.attributes, key).unwrap_or_default();
        let Some(Value::AsInt(count)) = point.value else {
            panic!("{point:?}")
        };
        let [exemplar] = &point.exemplars[..] else {
            panic!("{point:?}")
        };
        let points_to = |span: &&Span| {
            (&span.trace_id, &span.span_id) == (&exemplar.trace_id, &exemplar.span_id)
        };
        let span = received
            .spans
            .iter()
            .find(points_to)
            .expect("the exemplar's span arrived");
        assert_eq!(span.kind(), SpanKind::Server, "{}", span.name);
        (format!("{}/{}", text("outcome"), text("reason")), count)
    });
    series.collect()
}
