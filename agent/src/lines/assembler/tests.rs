use std::{
    path::Path,
    sync::{LazyLock, atomic::Ordering::Relaxed},
};

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{InstrumentationScope, KeyValue, any_value::Value},
    logs::v1::LogRecord,
};
use prost::Message as _;
use regex::{Regex, bytes};

use super::*;
use crate::{
    lines::{Counts, Format, Origin, Parse, RateLimit, Redactor, Settings},
    wire::attributes,
};

mod joins;
mod properties;

const TIME: &str = "2026-11-24T11:42:48.5Z";
const UNIX_NANO: u64 = 1_795_520_568_500_000_000;
const SECOND: u64 = 1_000_000_000;

/// One log, and a batch that all of it goes to.
struct Log {
    source: Arc<Source>,
    assembler: Assembler,
    batch: LogBatch,
    file: u64,
    offset: u64,
    now: u64,
}

impl Log {
    fn new(settings: Settings) -> Self {
        Self::at(settings, None)
    }

    fn at(settings: Settings, path: Option<&Path>) -> Self {
        let source = Source::new(settings, Arc::new(Counts::default()));
        let assembler = source.assembler(Origin::new(resource("one")), path);
        Self {
            source,
            assembler,
            batch: LogBatch::default(),
            file: 1,
            offset: 0,
            now: 0,
        }
    }

    fn of(format: Format) -> Self {
        Self::new(Settings {
            format,
            ..Settings::default()
        })
    }

    fn offer(&mut self, line: impl AsRef<[u8]>) -> &mut Self {
        let line = line.as_ref();
        let start = self.offset;
        self.offset += line.len() as u64 + 1;
        self.assembler.offer(
            FileKey(self.file),
            start..self.offset,
            line,
            self.now,
            &mut self.batch,
        );
        self
    }

    fn docker(&mut self, stream: &str, text: &str) -> &mut Self {
        let text = serde_json::to_string(text).unwrap();
        self.offer(format!(
            r#"{{"log":{text},"stream":"{stream}","time":"{TIME}"}}"#
        ))
    }

    fn rotate(&mut self) -> &mut Self {
        self.file += 1;
        self.offset = 0;
        self
    }

    fn held(&self) -> Option<(u64, u64)> {
        self.assembler.held().map(|(file, start)| (file.0, start))
    }

    fn flush(&mut self, older_than: u64) -> &mut Self {
        self.assembler.flush(older_than, &mut self.batch);
        self
    }

    fn request(&mut self) -> ExportLogsServiceRequest {
        let request = ExportLogsServiceRequest::decode(self.batch.finish()).unwrap();
        self.batch.clear();
        request
    }

    fn records(&mut self) -> Vec<LogRecord> {
        let logs = self.request().resource_logs;
        logs.into_iter()
            .flat_map(|logs| logs.scope_logs)
            .flat_map(|logs| logs.log_records)
            .collect()
    }

    fn bodies(&mut self) -> Vec<String> {
        self.records().iter().map(body).collect()
    }

    fn count(&self, counter: impl Fn(&Counts) -> &std::sync::atomic::AtomicU64) -> u64 {
        counter(self.source.counts()).load(Relaxed)
    }
}

fn resource(name: &str) -> Arc<[u8]> {
    let mut out = Vec::new();
    attributes::string(&mut out, attributes::OF_RESOURCE, "host.name", name);
    out.into()
}

/// The built-in patterns, compiled once.
fn redactor() -> Arc<Redactor> {
    static REDACTOR: LazyLock<Arc<Redactor>> =
        LazyLock::new(|| Arc::new(Redactor::new(true, Vec::new()).unwrap()));
    Arc::clone(&REDACTOR)
}

fn body(record: &LogRecord) -> String {
    match record.body.as_ref().and_then(|body| body.value.clone()) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn shown(attributes: &[KeyValue]) -> Vec<String> {
    let value = |attribute: &KeyValue| attribute.value.clone().and_then(|value| value.value);
    attributes
        .iter()
        .map(|attribute| match value(attribute) {
            Some(Value::StringValue(text)) => format!("{}={text}", attribute.key),
            Some(Value::IntValue(value)) => format!("{}={value}i", attribute.key),
            Some(Value::DoubleValue(value)) => format!("{}={value}d", attribute.key),
            Some(Value::BoolValue(value)) => format!("{}={value}b", attribute.key),
            other => format!("{}={other:?}", attribute.key),
        })
        .collect()
}

#[test]
fn a_plain_line_becomes_a_record_with_its_file_its_resource_and_our_scope() {
    let mut log = Log::at(Settings::default(), Some(Path::new("/var/log/app/web.log")));
    log.now = 17;
    log.offer("a line\r").offer("");
    let request = log.request();
    let [logs] = &request.resource_logs[..] else {
        panic!("{request:?}")
    };
    assert_eq!(
        shown(&logs.resource.as_ref().unwrap().attributes),
        ["host.name=one"]
    );
    let [scope] = &logs.scope_logs[..] else {
        panic!("{logs:?}")
    };
    assert_eq!(
        scope.scope,
        Some(InstrumentationScope {
            name: "trivium-agent".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        })
    );
    let [record, empty] = &scope.log_records[..] else {
        panic!("{scope:?}")
    };
    assert_eq!(
        (body(record).as_str(), body(empty).as_str()),
        ("a line", "")
    );
    assert_eq!(
        (record.time_unix_nano, record.observed_time_unix_nano),
        (0, 17)
    );
    assert_eq!(
        shown(&record.attributes),
        [
            "log.file.path=/var/log/app/web.log",
            "log.file.name=web.log"
        ]
    );
    assert_eq!(
        (
            log.held(),
            log.count(|counts| &counts.lines),
            log.count(|counts| &counts.records)
        ),
        (None, 2, 2)
    );
}

#[test]
fn a_docker_line_has_its_text_time_stream_and_attributes() {
    let mut log = Log::of(Format::Docker);
    log.docker("stderr", "{\"level\":\"info\",\"path\":\"<é>\\n\"}\n");
    log.offer(format!(
        r#"{{"log":"x\n","stream":"stdout","attrs":{{"tag":"web","n":"1"}},"time":"{TIME}"}}"#
    ));
    let records = log.records();
    assert_eq!(
        body(&records[0]),
        "{\"level\":\"info\",\"path\":\"<é>\\n\"}"
    );
    assert_eq!(records[0].time_unix_nano, UNIX_NANO);
    assert_eq!(records[0].severity_number, 0, "opaque by default");
    assert_eq!(shown(&records[0].attributes), ["log.iostream=stderr"]);
    assert_eq!(
        shown(&records[1].attributes),
        ["log.iostream=stdout", "n=1", "tag=web"]
    );
}

#[test]
fn a_json_file_lifts_its_fields_and_a_line_that_is_none_stays_whole() {
    let mut log = Log::of(Format::Json);
    log.offer(r#"{"time":"2026-11-24T11:42:48.5Z","level":"error","trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","msg":"it broke","n":3,"d":0.5,"b":true,"o":{"a":[1]}}"#);
    log.offer("{torn");
    log.offer(r#"{"time":"soon","a":1}"#);
    let records = log.records();
    assert_eq!(body(&records[0]), "it broke");
    assert_eq!(
        (
            records[0].time_unix_nano,
            records[0].severity_number,
            records[0].severity_text.as_str()
        ),
        (UNIX_NANO, 17, "error")
    );
    assert_eq!(
        (records[0].trace_id.len(), records[0].span_id.len()),
        (16, 8)
    );
    assert_eq!(
        shown(&records[0].attributes),
        ["n=3i", "d=0.5d", "b=trueb", r#"o={"a":[1]}"#]
    );
    assert_eq!(
        (body(&records[1]).as_str(), records[1].attributes.len()),
        ("{torn", 0)
    );
    assert_eq!(
        (body(&records[2]).as_str(), records[2].time_unix_nano),
        (r#"{"time":"soon","a":1}"#, 0)
    );
    assert_eq!(
        (
            log.count(|counts| &counts.malformed),
            log.count(|counts| &counts.bad_time)
        ),
        (1, 1)
    );
}

#[test]
fn a_containers_text_is_parsed_where_that_was_asked_for() {
    let mut log = Log::new(Settings {
        format: Format::Docker,
        parse: Parse::Auto,
        ..Settings::default()
    });
    log.docker("stdout", "level=warn msg=\"a b\" n=1\n")
        .docker("stdout", "{\"level\":\"info\"}\n")
        .docker("stdout", "a = b\n");
    let records = log.records();
    assert_eq!(
        records
            .iter()
            .map(|record| record.severity_number)
            .collect::<Vec<_>>(),
        [13, 9, 0]
    );
    assert_eq!(
        records.iter().map(body).collect::<Vec<_>>(),
        ["a b", "{\"level\":\"info\"}", "a = b"]
    );
    assert_eq!(
        records[0].time_unix_nano, UNIX_NANO,
        "the container's time, where the text has none"
    );
    assert_eq!(log.count(|counts| &counts.malformed), 0);
}

#[test]
fn secrets_leave_neither_in_the_body_nor_in_attributes() {
    let redactor = Some(self::redactor());
    let mut log = Log::new(Settings {
        format: Format::Json,
        redactor,
        ..Settings::default()
    });
    log.offer(r#"{"msg":"token=abc","db":{"password":"a b"},"api_key":"x","pin":4111111111111111,"user":"ada","n":7}"#);
    let [record] = &log.records()[..] else {
        panic!()
    };
    assert_eq!(body(record), "token=[redacted:secret]");
    assert_eq!(
        shown(&record.attributes),
        [
            r#"db={"password":"[redacted:secret]"}"#,
            "api_key=[redacted:secret]",
            "pin=[redacted:card]",
            "user=ada",
            "n=7i"
        ]
    );
    assert_eq!(log.count(|counts| &counts.redacted), 4);
}

#[test]
fn what_docker_adds_to_lines_is_redacted_too() {
    let redactor = Some(self::redactor());
    let mut log = Log::new(Settings {
        format: Format::Docker,
        redactor,
        ..Settings::default()
    });
    log.offer(format!(r#"{{"log":"x\n","stream":"stdout","attrs":{{"DB_PASSWORD":"a b","tag":"web"}},"time":"{TIME}"}}"#));
    let [record] = &log.records()[..] else {
        panic!()
    };
    assert_eq!(
        shown(&record.attributes),
        [
            "log.iostream=stdout",
            "DB_PASSWORD=[redacted:secret]",
            "tag=web"
        ]
    );
}

#[test]
fn a_secret_that_was_cut_by_a_part_is_redacted() {
    let redactor = Some(self::redactor());
    let mut log = Log::new(Settings {
        format: Format::Docker,
        redactor,
        ..Settings::default()
    });
    log.docker("stdout", "pass")
        .docker("stdout", "word=hunter2\n");
    assert_eq!(log.bodies(), ["password=[redacted:secret]"]);
}

#[test]
fn what_is_shed_is_counted_and_no_longer_held() {
    let mut log = Log::new(Settings {
        drop: vec![
            Regex::new("^debug").unwrap(),
            Regex::new("healthz").unwrap(),
        ],
        sample: 0.5,
        rate_limit: Some(RateLimit {
            records_per_second: 1.0,
            burst: 3,
        }),
        ..Settings::default()
    });
    log.now = 100 * SECOND;
    for line in 0..10 {
        log.offer(format!("line {line}"))
            .offer("debug")
            .offer("GET /healthz");
    }
    assert_eq!(log.bodies(), ["line 0", "line 2", "line 4"]);
    let counts = [
        log.count(|counts| &counts.lines),
        log.count(|counts| &counts.records),
        log.count(|counts| &counts.dropped),
        log.count(|counts| &counts.sampled_out),
        log.count(|counts| &counts.limited),
    ];
    assert_eq!(counts, [30, 3, 20, 5, 2]);
    assert_eq!(log.held(), None);
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_and_counted() {
    let mut log = Log::of(Format::Plain);
    log.offer(b"caf\xe9 \xff\xfe");
    assert_eq!(log.bodies(), ["caf\u{fffd} \u{fffd}\u{fffd}"]);
    assert_eq!(log.count(|counts| &counts.invalid_utf8), 1);
}

#[test]
fn a_time_that_is_wrong_is_counted_and_the_observed_one_stands() {
    let mut log = Log::of(Format::Docker);
    log.now = 17;
    log.offer(r#"{"log":"x\n","stream":"stdout","time":"2026-13-24T11:42:48Z"}"#);
    let [record] = &log.records()[..] else {
        panic!()
    };
    assert_eq!(
        (
            body(record).as_str(),
            record.time_unix_nano,
            record.observed_time_unix_nano
        ),
        ("x", 0, 17)
    );
    assert_eq!(log.count(|counts| &counts.bad_time), 1);
}

#[test]
fn a_line_of_another_format_is_kept_and_joins_nothing() {
    let mut log = Log::of(Format::Docker);
    log.docker("stdout", "one ")
        .offer("\0\0\0")
        .docker("stdout", "two\n");
    assert_eq!(log.bodies(), ["\0\0\0", "one two"]);
    assert_eq!(log.count(|counts| &counts.malformed), 1);
}

#[test]
fn an_idle_log_is_small_and_may_be_moved_to_the_thread_that_reads_it() {
    fn is_send<T: Send>(_: &T) {}
    let log = Log::of(Format::Docker);
    is_send(&log.assembler);
    assert!(size_of_val(&log.assembler) < 1024);
}

#[test]
fn a_resource_that_changes_opens_its_own_resource_logs() {
    let source = Source::new(Settings::default(), Arc::new(Counts::default()));
    let origin = Origin::new(resource("one"));
    let mut assembler = source.assembler(Arc::clone(&origin), None);
    let mut batch = LogBatch::default();
    assembler.offer(FileKey(1), 0..2, b"a", 0, &mut batch);
    assert!(!origin.replace(resource("one")));
    assembler.offer(FileKey(1), 2..4, b"b", 0, &mut batch);
    assert!(origin.replace(resource("two")));
    assembler.offer(FileKey(1), 4..6, b"c", 0, &mut batch);
    let request = ExportLogsServiceRequest::decode(batch.finish()).unwrap();
    let logs: Vec<_> = request
        .resource_logs
        .iter()
        .map(|logs| {
            (
                shown(&logs.resource.as_ref().unwrap().attributes).concat(),
                logs.scope_logs[0].log_records.len(),
            )
        })
        .collect();
    assert_eq!(
        logs,
        [
            ("host.name=one".to_owned(), 2),
            ("host.name=two".to_owned(), 1)
        ]
    );
}
