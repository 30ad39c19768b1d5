use proptest::prelude::*;

use super::*;

fn lifted(parse: Parse, line: &str) -> (Lifted, Fields) {
    let mut fields = Fields::default();
    let lifted = lift(parse, line, &mut fields).unwrap();
    (lifted, fields)
}

/// The attributes as `key=value`, the value with its kind.
fn attributes(fields: &Fields) -> Vec<String> {
    fields
        .iter()
        .map(|(key, value)| match value {
            Value::String(range) => format!("{key}={:?}", &fields.text()[range.clone()]),
            Value::Json(range) => format!("{key}={}", &fields.text()[range.clone()]),
            other => format!("{key}={other:?}"),
        })
        .collect()
}

#[test]
fn a_json_line_gives_time_severity_ids_body_and_typed_attributes() {
    let (lifted, fields) = lifted(
        Parse::Json,
        r#" {"ts":1795520568.5,"level":"Warn","traceId":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331",
            "msg":"a \"b\"","n":-3,"share":0.5,"is":true,"none":null,"big":18446744073709551615,
            "http":{"path":"/a\n","codes":[1, 2.5,null,"x"],"empty":{}},"list":[]} "#,
    );
    assert_eq!(lifted.time_unix_nano, Some(1_795_520_568_500_000_000));
    assert_eq!(lifted.severity_number, 13);
    assert_eq!(
        lifted
            .severity_text
            .map(|range| fields.text()[range].to_owned())
            .as_deref(),
        Some("Warn")
    );
    assert_eq!(lifted.trace_id.unwrap()[..3], [0x0a, 0xf7, 0x65]);
    assert_eq!(
        lifted.span_id,
        Some([0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31])
    );
    assert_eq!(
        lifted
            .body
            .map(|range| fields.text()[range].to_owned())
            .as_deref(),
        Some("a \"b\"")
    );
    assert_eq!(
        attributes(&fields),
        [
            "n=Int(-3)",
            "share=Double(0.5)",
            "is=Bool(true)",
            "big=\"18446744073709551615\"",
            r#"http={"path":"/a\n","codes":[1,2.5,null,"x"],"empty":{}}"#,
            "list=[]",
        ]
    );
}

#[test]
fn every_spelling_of_the_ids_joins_the_trace() {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let span = "b7ad6b7169203331";
    for (trace_key, span_key) in [
        ("trace_id", "span_id"),
        ("traceId", "spanId"),
        ("traceID", "spanID"),
        ("otelTraceID", "otelSpanID"),
        ("trace.id", "span.id"),
        ("dd.trace_id", "dd.span_id"),
    ] {
        let (lifted, fields) = lifted(
            Parse::Logfmt,
            &format!("{trace_key}={trace} {span_key}={span}"),
        );
        assert_eq!(
            (lifted.trace_id, lifted.span_id),
            (id(trace), id(span)),
            "{trace_key}"
        );
        assert_eq!(attributes(&fields), [""; 0]);
    }
    let (lifted, _) = lifted(
        Parse::Json,
        &format!(r#"{{"traceparent":"00-{trace}-{span}-01"}}"#),
    );
    assert_eq!((lifted.trace_id, lifted.span_id), (id(trace), id(span)));
}

#[test]
fn what_cannot_be_read_stays_an_attribute() {
    let (lifted, fields) = lifted(
        Parse::Json,
        r#"{"time":"yesterday","level":"loud","trace_id":"00000000000000000000000000000000","span_id":"xyz","message":{"a":1}}"#,
    );
    assert_eq!(
        lifted,
        Lifted {
            has_wrong_time: true,
            ..Lifted::default()
        }
    );
    assert_eq!(
        attributes(&fields),
        [
            "time=\"yesterday\"",
            "level=\"loud\"",
            "trace_id=\"00000000000000000000000000000000\"",
            "span_id=\"xyz\"",
            r#"message={"a":1}"#,
        ]
    );
}

#[test]
fn of_equal_keys_the_last_becomes_the_attribute() {
    let (_, fields) = lifted(Parse::Json, r#"{"a":1,"b":2,"a":3}"#);
    assert_eq!(attributes(&fields), ["b=Int(2)", "a=Int(3)"]);
}

#[test]
fn a_logfmt_line_gives_strings_with_and_without_quotes() {
    let (lifted, fields) = lifted(
        Parse::Logfmt,
        r#"time=2026-11-24T11:42:48Z level=error msg="no \"such\" file\n" code=007 empty= quoted="" bare path=/a=b é=ü"#,
    );
    assert_eq!(lifted.time_unix_nano, Some(1_795_520_568_000_000_000));
    assert_eq!(lifted.severity_number, 17);
    assert_eq!(
        lifted
            .body
            .map(|range| fields.text()[range].to_owned())
            .as_deref(),
        Some("no \"such\" file\n")
    );
    assert_eq!(
        attributes(&fields),
        [
            r#"code="007""#,
            r#"empty="""#,
            r#"quoted="""#,
            r#"bare="""#,
            r#"path="/a=b""#,
            r#"é="ü""#
        ]
    );
}

#[test]
fn a_line_of_another_format_is_malformed_only_where_one_was_named() {
    for (parse, line, expected) in [
        (Parse::Json, "plain", NotLifted::Malformed),
        (Parse::Json, r#"{"a":1} x"#, NotLifted::Malformed),
        (Parse::Json, r#"{"a":1"#, NotLifted::Malformed),
        (Parse::Json, "[1]", NotLifted::Malformed),
        (Parse::Logfmt, "just some words", NotLifted::Malformed),
        (Parse::Logfmt, r#"a="b"#, NotLifted::Malformed),
        (Parse::Logfmt, "", NotLifted::Malformed),
        (Parse::Auto, r#"{"a":1"#, NotLifted::Opaque),
        (Parse::Auto, "a plain = line", NotLifted::Opaque),
        (Parse::Auto, "x=1", NotLifted::Opaque),
        (Parse::None, r#"{"a":1}"#, NotLifted::Opaque),
    ] {
        let mut fields = Fields::default();
        assert_eq!(lift(parse, line, &mut fields), Err(expected), "{line}");
        assert_eq!(fields.iter().count(), 0, "{line}");
    }
    assert_eq!(lifted(Parse::Auto, "level=info msg=x").0.severity_number, 9);
    assert_eq!(lifted(Parse::Auto, r#"{"level":30}"#).0.severity_number, 9);
}

#[test]
fn a_line_of_very_many_fields_stays_whole() {
    let line = |count| {
        format!(
            "{{{}}}",
            (0..count)
                .map(|key| format!("\"k{key}\":1"))
                .collect::<Vec<_>>()
                .join(",")
        )
    };
    assert_eq!(
        lifted(Parse::Json, &line(MOST_FIELDS)).1.iter().count(),
        MOST_FIELDS
    );
    let mut fields = Fields::default();
    assert_eq!(
        lift(Parse::Json, &line(MOST_FIELDS + 1), &mut fields),
        Err(NotLifted::Malformed)
    );
    assert_eq!(fields.iter().count(), 0);
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text: String, pairs in r#"([a-z=" \\]|\\")*"#) {
        let mut fields = Fields::default();
        for parse in [Parse::Json, Parse::Logfmt, Parse::Auto] {
            let _ = lift(parse, &text, &mut fields);
            let _ = lift(parse, &pairs, &mut fields);
            let _ = lift(parse, &format!("{{\"{text}\":{pairs}}}"), &mut fields);
        }
    }

    #[test]
    fn what_is_nested_is_the_same_json(text: String, number: i64, flag: bool) {
        let nested = serde_json::json!({ text.clone(): [number, flag, null, { "t": text }] });
        let (_, fields) = lifted(Parse::Json, &serde_json::json!({ "nested": nested }).to_string());
        let (_, Value::Json(range)) = fields.iter().next().unwrap() else { panic!("not nested") };
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&fields.text()[range.clone()]).unwrap(), nested);
    }
}
