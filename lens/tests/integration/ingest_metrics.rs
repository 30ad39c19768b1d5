//! Prometheus remote write.

use prost::Message;
use trivium_lens::model::Sample;

use crate::support::TestLens;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Value>,
    #[prost(message, repeated, tag = "3")]
    exemplars: Vec<Exemplar>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    histograms: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Value {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

fn labels(labels: &[(&str, &str)]) -> Vec<Label> {
    labels
        .iter()
        .map(|(name, value)| Label {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        })
        .collect()
}

pub(crate) fn series(of: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let samples = samples
        .iter()
        .map(|(timestamp, value)| Value {
            value: *value,
            timestamp: *timestamp,
        })
        .collect();
    TimeSeries {
        labels: labels(of),
        samples,
        ..TimeSeries::default()
    }
}

fn exemplar(of: &[(&str, &str)], timestamp: i64) -> Exemplar {
    Exemplar {
        labels: labels(of),
        value: 0.25,
        timestamp,
    }
}

pub(crate) fn snappy(timeseries: Vec<TimeSeries>) -> Vec<u8> {
    snap::raw::Encoder::new()
        .compress_vec(&WriteRequest { timeseries }.encode_to_vec())
        .unwrap()
}

/// A minute ago: samples go by their own time when they are too old.
fn time_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond() - 60_000
}

#[tokio::test]
async fn samples_and_exemplars_are_rows_however_often_they_are_sent() {
    let lens = TestLens::start().await;
    let time_ms = time_ms();
    let trace_id = "0123456789abcdef0123456789ABCDEF";
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let mut bucket = series(
        &[
            ("service_name", "auth"),
            ("__name__", "d_bucket"),
            ("le", "0.5"),
            ("empty", ""),
        ],
        &[
            (time_ms, 3.0),
            (time_ms + 1, f64::INFINITY),
            (time_ms + 2, stale),
        ],
    );
    bucket.exemplars = vec![
        exemplar(
            &[("trace_id", trace_id), ("span_id", "00000000000000ff")],
            time_ms,
        ),
        exemplar(&[("trace_id", trace_id)], time_ms),
        exemplar(
            &[("trace_id", "short"), ("span_id", "00000000000000ff")],
            time_ms,
        ),
    ];
    // A native histogram is left out; it is no reason to refuse.
    bucket.histograms = vec![vec![1, 2, 3]];
    let body = snappy(vec![
        bucket,
        series(&[("__name__", "up")], &[(time_ms, 1.0)]),
    ]);
    for _ in 0..2 {
        assert_eq!(
            lens.post("/api/v1/write", Some("snappy"), body.clone())
                .await
                .status(),
            204
        );
    }

    let stored: Vec<(String, String)> = lens
        .rows("SELECT metric, labels FROM series ORDER BY metric")
        .await;
    assert_eq!(
        stored,
        [
            (
                "d_bucket".to_owned(),
                r#"{"__name__":"d_bucket","le":"0.5","service_name":"auth"}"#.to_owned()
            ),
            ("up".to_owned(), r#"{"__name__":"up"}"#.to_owned()),
        ]
    );
    let samples: Vec<(String, i64, Option<f64>)> = lens
        .rows("SELECT metric, time_ms, value FROM samples JOIN series ON id = series_id ORDER BY metric, time_ms")
        .await;
    let row = |metric: &str, Sample { time_ms, value }| (metric.to_owned(), time_ms, value);
    assert_eq!(
        samples,
        [
            row(
                "d_bucket",
                Sample {
                    time_ms,
                    value: Some(3.0)
                }
            ),
            row(
                "d_bucket",
                Sample {
                    time_ms: time_ms + 1,
                    value: Some(f64::INFINITY)
                }
            ),
            row(
                "d_bucket",
                Sample {
                    time_ms: time_ms + 2,
                    value: None
                }
            ),
            row(
                "up",
                Sample {
                    time_ms,
                    value: Some(1.0)
                }
            ),
        ]
    );
    let exemplars: Vec<(String, i64, f64, String, String)> = lens
        .rows("SELECT metric, time_ms, value, hex(trace_id), hex(span_id) FROM exemplars JOIN series ON id = series_id")
        .await;
    let expected = (
        "d_bucket".to_owned(),
        time_ms,
        0.25,
        trace_id.to_uppercase(),
        "00000000000000FF".to_owned(),
    );
    assert_eq!(exemplars, [expected]);
}

#[tokio::test]
async fn a_bad_series_is_refused_by_name_and_the_others_are_stored() {
    let lens = TestLens::start().await;
    let time_ms = time_ms();
    let cases = [
        (
            series(&[("job", "a")], &[(time_ms, 1.0)]),
            r#"series 1 {"job":"a"}: it has no label __name__"#,
        ),
        (
            series(
                &[("__name__", "m"), ("job", "a"), ("job", "b")],
                &[(time_ms, 1.0)],
            ),
            r#"series 1 {"__name__":"m","job":"b"}: label "job" is there twice"#,
        ),
        (
            series(&[("__name__", "m")], &[(i64::MAX, 1.0)]),
            r#"series 1 {"__name__":"m"}: timestamp 9223372036854775807 is more than ten minutes ahead of this machine's clock"#,
        ),
    ];
    for (n, (bad, message)) in cases.into_iter().enumerate() {
        let name = format!("good_{n}");
        let good = series(&[("__name__", &name)], &[(time_ms, 1.0)]);
        let answer = lens
            .post("/api/v1/write", Some("snappy"), snappy(vec![good, bad]))
            .await;
        assert_eq!(answer.status(), 400);
        assert_eq!(
            answer.text().await.unwrap(),
            format!("{message}; the other series are stored\n")
        );
    }
    assert_eq!(lens.count("samples").await, 3);
    let names: Vec<(String,)> = lens.rows("SELECT metric FROM series ORDER BY metric").await;
    assert_eq!(
        names,
        [
            ("good_0".to_owned(),),
            ("good_1".to_owned(),),
            ("good_2".to_owned(),)
        ]
    );
}
