//! What `tracing` and the OpenTelemetry API say of a span, as it arrives.

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind},
};
use tracing::field::Empty;
use trivium_telemetry::trace::context;

fn value(span: &Span, key: &str) -> Option<Value> {
    let attribute = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == key)?;
    attribute.value.as_ref()?.value.clone()
}

fn remote() -> SpanContext {
    SpanContext::new(
        TraceId::from(0xabc),
        SpanId::from(0xdef),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    )
}

#[test]
fn fields_are_attributes_and_four_of_them_say_what_a_span_is() {
    let collector = crate::collector();
    let span = tracing::info_span!(
        "fields",
        otel.name = "GET /fields",
        otel.kind = "client",
        otel.status_code = Empty,
        text = "a",
        debug = ?Some(1),
        yes = true,
        negative = -7,
        large = u64::MAX,
        small = 7_u16,
        half = 0.5,
        late = Empty,
        never = Empty,
    );
    span.record("late", 8);
    span.record("otel.status_code", "ERROR");
    drop(span);

    let span = collector.wait_for("the span", |received| received.span("GET /fields"));
    assert_eq!(span.kind, SpanKind::Client as i32);
    assert_eq!(span.status.as_ref().unwrap().code, 2);
    assert!(span.parent_span_id.is_empty());
    for (key, expected) in [
        ("text", Value::StringValue("a".to_owned())),
        ("debug", Value::StringValue("Some(1)".to_owned())),
        ("yes", Value::BoolValue(true)),
        ("negative", Value::IntValue(-7)),
        ("large", Value::StringValue(u64::MAX.to_string())),
        ("small", Value::IntValue(7)),
        ("half", Value::DoubleValue(0.5)),
        ("late", Value::IntValue(8)),
    ] {
        assert_eq!(value(&span, key), Some(expected), "{key}");
    }
    assert_eq!(span.attributes.len(), 8);
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
}

#[test]
fn the_opentelemetry_api_adds_to_the_span_that_is_entered() {
    let collector = crate::collector();
    let span = tracing::info_span!("added to");
    span.in_scope(|| {
        let cx = Context::current();
        cx.span().set_attribute(KeyValue::new("user.id", "u1"));
        cx.span()
            .add_event("retried", vec![KeyValue::new("attempt", 2)]);
        cx.span()
            .add_link(remote(), vec![KeyValue::new("why", "asked")]);
        cx.span().set_status(Status::Ok);
        cx.span().set_status(Status::error("too late"));
    });
    let cx = context(&span);
    assert!(cx.span().is_recording());
    drop(span);
    assert!(!cx.span().is_recording());
    cx.span().set_attribute(KeyValue::new("after", "the end"));

    let span = collector.wait_for("the span", |received| received.span("added to"));
    assert_eq!(
        value(&span, "user.id"),
        Some(Value::StringValue("u1".to_owned()))
    );
    assert_eq!(span.attributes.len(), 1);
    assert_eq!(span.events[0].name, "retried");
    assert_eq!(span.events[0].attributes[0].key, "attempt");
    assert_eq!(span.links[0].span_id, 0xdef_u64.to_be_bytes());
    assert_eq!(span.links[0].attributes[0].key, "why");
    assert_eq!(span.status.as_ref().unwrap().code, 1);
}

#[test]
fn a_span_is_the_child_of_its_explicit_parent_or_of_what_is_current() {
    let collector = crate::collector();
    let parent = tracing::info_span!("explicit parent");
    let other = tracing::info_span!("other");
    other.in_scope(|| {
        tracing::info_span!(parent: &parent, "explicit child").in_scope(|| {});
        tracing::info_span!("contextual child").in_scope(|| {});
        tracing::info_span!(parent: None, "root").in_scope(|| {});
    });
    tracing::info_span!("attached child").follows_from(&other);
    let attached = Context::new().with_remote_span_context(remote()).attach();
    tracing::info_span!("remote child").in_scope(|| {});
    drop(attached);
    drop((parent, other));

    let wait = |name: &str| collector.wait_for(name, |received| received.span(name));
    let (parent, other) = (wait("explicit parent"), wait("other"));
    assert_eq!(wait("explicit child").parent_span_id, parent.span_id);
    assert_eq!(wait("explicit child").trace_id, parent.trace_id);
    assert_eq!(wait("contextual child").parent_span_id, other.span_id);
    assert_eq!(wait("contextual child").trace_id, other.trace_id);
    assert!(wait("root").parent_span_id.is_empty());
    assert_ne!(wait("root").trace_id, other.trace_id);
    assert_eq!(wait("attached child").links[0].span_id, other.span_id);
    assert_eq!(wait("remote child").parent_span_id, 0xdef_u64.to_be_bytes());
    assert_eq!(wait("remote child").trace_id, 0xabc_u128.to_be_bytes());
}

#[test]
fn what_is_over_the_limit_is_counted() {
    let collector = crate::collector();
    let span = tracing::info_span!("limited");
    let cx = context(&span);
    for index in 0..130 {
        cx.span()
            .set_attribute(KeyValue::new(format!("k{index}"), index));
    }
    drop(span);
    let span = collector.wait_for("the span", |received| received.span("limited"));
    assert_eq!(
        (span.attributes.len(), span.dropped_attributes_count),
        (128, 2)
    );
}

#[test]
fn what_holds_an_ended_span_does_not_reach_the_span_that_took_its_place() {
    let collector = crate::collector();
    let ended = context(&tracing::info_span!("ended"));
    assert!(!ended.span().is_recording());
    for _ in 0..100 {
        let span = tracing::info_span!("later");
        ended
            .span()
            .set_attribute(KeyValue::new("of", "another span"));
        span.record("late", 1);
        drop(span);
    }
    let span = collector.wait_for("the span", |received| received.span("later"));
    assert_eq!(span.attributes, []);
    assert_eq!(span.events, []);
    assert_eq!(span.status.unwrap_or_default().code, 0);
}

#[test]
fn a_span_ends_once_with_its_last_handle_on_whatever_thread() {
    let collector = crate::collector();
    let spans: Vec<_> = (0..50).map(|_| tracing::info_span!("shared")).collect();
    let threads = [spans.clone(), spans].map(|spans| {
        std::thread::spawn(move || {
            for span in spans {
                span.in_scope(|| Context::current().span().add_event("here", Vec::new()));
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    let spans = collector.wait_for("all spans", |received| {
        let spans = received.spans.iter().filter(|span| span.name == "shared");
        let spans: Vec<_> = spans.cloned().collect();
        (spans.len() >= 50).then_some(spans)
    });
    assert_eq!(spans.len(), 50);
    assert!(spans.iter().all(|span| span.events.len() == 2));
}

#[test]
fn a_span_whose_measurement_became_an_exemplar_says_so_also_beyond_the_limit_of_attributes() {
    let collector = crate::collector();
    let counter = trivium_telemetry::metrics::meter("tested")
        .u64_counter("marks")
        .build();
    let measured = tracing::info_span!("exemplary");
    for index in 0..200 {
        let attribute = KeyValue::new(format!("attribute.{index}"), index);
        context(&measured).span().set_attribute(attribute);
    }
    // Its own series, so that nothing else can take the place of the first measurement.
    measured.in_scope(|| counter.add(1, &[KeyValue::new("series", "own")]));
    measured.in_scope(|| counter.add(1, &[KeyValue::new("series", "other")]));
    drop(measured);
    drop(tracing::info_span!("unmeasured"));

    let span = collector.wait_for("the span", |received| received.span("exemplary"));
    let key = trivium_telemetry::trace::EXEMPLAR;
    assert_eq!(value(&span, key), Some(Value::BoolValue(true)));
    let marks = span.attributes.iter().filter(|of| of.key == key);
    assert_eq!(marks.count(), 1, "two exemplars, one mark");
    let span = collector.wait_for("the other span", |received| received.span("unmeasured"));
    assert_eq!(value(&span, key), None);
}
