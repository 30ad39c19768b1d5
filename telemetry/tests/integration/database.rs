//! Database calls.

use std::time::Duration;

use trivium_telemetry::db::Client;

use crate::collector::attribute;

#[tokio::test]
async fn a_call_is_a_client_span_and_a_measurement_with_an_exemplar() {
    let collector = crate::collector();
    let client = Client::new("sqlite", "tested");
    let call = async {
        tokio::time::sleep(Duration::from_millis(12)).await;
        Ok::<_, std::num::ParseIntError>(5)
    };
    let rows = client
        .operation("SELECT", "users")
        .query_text("SELECT * FROM users WHERE id = ?")
        .observe(call)
        .await;
    assert_eq!(rows, Ok(5));

    let span = collector.wait_for("the span", |received| received.span("SELECT users"));
    assert_eq!(span.kind, 3, "CLIENT");
    for (key, value) in [
        ("db.system.name", "sqlite"),
        ("db.namespace", "tested"),
        ("db.query.text", "SELECT * FROM users WHERE id = ?"),
    ] {
        assert_eq!(attribute(&span.attributes, key).as_deref(), Some(value));
    }
    let exemplar = collector.wait_for("the exemplar", |received| {
        crate::http::exemplars(received, "db.client.operation.duration")
            .into_iter()
            .find(|exemplar| exemplar.span_id == span.span_id)
    });
    assert_eq!(exemplar.trace_id, span.trace_id);
}

#[tokio::test]
async fn an_error_marks_the_span_and_the_series() {
    let collector = crate::collector();
    let client = Client::new("sqlite", "tested");
    let failed = client
        .operation("DELETE", "tokens")
        .observe(async { "x".parse::<i32>() })
        .await;
    assert!(failed.is_err());

    let span = collector.wait_for("the span", |received| received.span("DELETE tokens"));
    assert_eq!(span.status.unwrap().code, 2, "ERROR");
    let error_type = "core::num::error::ParseIntError";
    assert_eq!(
        attribute(&span.attributes, "error.type").as_deref(),
        Some(error_type)
    );
    collector.wait_for("the series", |received| {
        let points = received.histogram("db.client.operation.duration");
        points.into_iter().find(|point| {
            attribute(&point.attributes, "error.type").as_deref() == Some(error_type)
                && point.count == 1
        })
    });
}
