use serde_json::{Value, json};

use super::*;

fn json_of(summary: &Summary) -> Value {
    let mut text = Vec::new();
    summary.write_json(&mut text).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn the_json_has_the_numbers_of_the_run() {
    let json = json_of(&fixture::summary(None));
    assert_eq!(
        (&json["requests"], &json["failures"], &json["rate"]),
        (&3.into(), &1.into(), &0.3.into())
    );
    assert_eq!(json["routes"][1]["route"], "GET /users/me/");
    assert_eq!(json["routes"][1]["requests"], 2);
    assert_eq!(json["errors"][0]["count"], 1);
    assert_eq!(json["slowest"][0]["duration_seconds"], 1.25);
    assert_eq!(json["model"], "closed");
    assert_eq!(
        (&json["due_rate"], &json["unsent"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        json["thresholds"],
        json!([
            { "condition": "p95>200ms", "measured": "1.25 s", "failed": true },
            { "condition": "rate<0.1", "measured": "0.3/s", "failed": false },
        ])
    );
}

#[test]
fn the_timeline_tells_when_the_requests_were_answered() {
    let json = json_of(&fixture::summary(Some(2.5)));
    assert_eq!(
        (&json["model"], &json["unsent"]),
        (&"open".into(), &22.into())
    );
    let points = json["timeline"].as_array().unwrap();
    assert_eq!(points[0]["rate"], 2.0);
    assert_eq!(
        (&points[1]["rate"], &points[1]["failure_rate"]),
        (&1.0.into(), &1.0.into())
    );
}

#[test]
fn the_curve_ends_with_the_rarest_latency() {
    let curve = fixture::summary(None).all.curve;
    let last = curve.last().unwrap();
    assert_eq!(last.share, 0.9999);
    assert!((last.seconds - 1.25).abs() < 0.001, "{last:?}");
    assert!((curve[0].seconds - 0.005).abs() < 0.0001, "{:?}", curve[0]);
}
