//! The metrics of the pools of connections, by value.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;

use crate::{
    collector::{Collector, Received, attribute},
    databases::{Database, on_each_database},
    postgres::Postgres,
    program::Program,
    support::{Answer, PASSWORD, client},
};

on_each_database![connections_and_waits_are_counted];

/// Of each pool and, where there is one, state.
fn sums(received: &Received, name: &str) -> BTreeMap<String, i64> {
    let points = received.sum(name);
    let value = |value| match value {
        Some(Value::AsInt(number)) => number,
        other => panic!("{other:?}"),
    };
    let series = points.iter().map(|point| {
        let pool = attribute(&point.attributes, "db.client.connection.pool.name").unwrap();
        let state = attribute(&point.attributes, "db.client.connection.state");
        let key = [Some(pool), state].into_iter().flatten();
        (key.collect::<Vec<_>>().join(" "), value(point.value))
    });
    series.collect()
}

fn map(pairs: &[(&str, i64)]) -> BTreeMap<String, i64> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), *value))
        .collect()
}

/// How often each pool was waited for.
fn waits(received: &Received) -> BTreeMap<String, i64> {
    let points = received.histogram("db.client.connection.wait_time");
    let series = points.iter().map(|point| {
        assert!(point.sum.unwrap() > 0.0);
        let pool = attribute(&point.attributes, "db.client.connection.pool.name").unwrap();
        (pool, i64::try_from(point.count).unwrap())
    });
    series.collect()
}

async fn connections_and_waits_are_counted(database: Database) {
    let collector = Collector::start();
    let endpoint = collector.endpoint();
    let place = database.place();
    let (variable, value) = place.variable();
    let variables = [
        (variable, value.as_str()),
        ("OTEL_SDK_DISABLED", "false"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
    ];
    let program = Program::start_with(&variables).await;
    assert_eq!(program.post("/signup/", PASSWORD).await.status, 201);
    assert_eq!(program.post("/login/", PASSWORD).await.status, 200);

    // Account and family are inserted and expired families deleted; the account is looked for once.
    let (max, waited) = match database {
        Database::Sqlite => (
            map(&[("readers", 4), ("writer", 1)]),
            map(&[("readers", 1), ("writer", 3)]),
        ),
        Database::Postgres(_) => (map(&[("postgres", 10)]), map(&[("postgres", 4)])),
    };
    collector.wait_for("the counts", |received| {
        let connections = sums(received, "db.client.connection.count");
        // A connection goes back to its pool a moment after its operation: each may have made one.
        let is_idle = max.keys().all(|pool| {
            let is_open = |count: &i64| (1..=4).contains(count);
            connections
                .get(&format!("{pool} idle"))
                .is_some_and(is_open)
                && connections.get(&format!("{pool} used")) == Some(&0)
        });
        (is_idle && waits(received) == waited).then_some(())
    });
    assert_eq!(sums(&collector.received(), "db.client.connection.max"), max);
    let pending = sums(
        &collector.received(),
        "db.client.connection.pending_requests",
    );
    assert_eq!(pending.values().sum::<i64>(), 0);
    assert_eq!(pending.len(), max.len());

    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait().await.0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_connection_is_counted() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let collector = Collector::start();
    let endpoint = collector.endpoint();
    let url = server.database();
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("OTEL_SDK_DISABLED", "false"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
    ];
    let program = Program::start_with(&variables).await;
    collector.wait_for("the deletion of what has expired", |received| {
        (waits(received) == map(&[("postgres", 1)])).then_some(())
    });
    server.stop();
    let url = format!("http://{}/readyz", program.address);
    for _ in 0..2 {
        let answer = client().get(&url).send().await.unwrap();
        Answer::of(answer).await.error(503, "not_ready");
    }
    collector.wait_for("the timeouts", |received| {
        let timeouts = sums(received, "db.client.connection.timeouts");
        (timeouts == map(&[("postgres", 2)])).then_some(())
    });
    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait().await.0.code(), Some(0));
}
