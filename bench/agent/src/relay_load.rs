//! OTLP/gRPC requests for logs at a steady rate, from as many clients as it takes, each sent again until it is answered with success.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsServiceRequest, logs_service_client::LogsServiceClient},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::transport::Channel;
use trivium_bench_agent::lines;

use crate::Failure;

/// Requests that are under way at once; a program that is not answered does not send more.
const CLIENTS: usize = 32;
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// What is sent: records of `source`, numbered from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RelayLoad {
    pub(crate) source: u32,
    pub(crate) records: u64,
    pub(crate) records_a_request: u64,
    pub(crate) records_a_second: u64,
}

impl RelayLoad {
    /// Returns when every request was answered with success, or fails when it waits longer than `limit` for that.
    pub(crate) fn send_now(self, port: u16, limit: Duration) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.send(port, limit))
    }

    async fn send(self, port: u16, limit: Duration) -> Result<(), Failure> {
        let channel = Channel::from_shared(format!("http://127.0.0.1:{port}"))?.connect_lazy();
        let clients = Arc::new(Semaphore::new(CLIENTS));
        let mut requests = JoinSet::new();
        let started = Instant::now();
        for first in (0..self.records).step_by(self.records_a_request as usize) {
            let due = Duration::from_micros(first * 1_000_000 / self.records_a_second);
            tokio::time::sleep_until((started + due).into()).await;
            let client =
                tokio::time::timeout(limit, Arc::clone(&clients).acquire_owned()).await??;
            let request = self.request(first);
            let channel = channel.clone();
            requests.spawn(async move {
                send_until_accepted(channel, request).await;
                drop(client);
            });
        }
        tokio::time::timeout(limit, requests.join_all()).await?;
        Ok(())
    }

    fn request(self, first: u64) -> ExportLogsServiceRequest {
        let end = (first + self.records_a_request).min(self.records);
        let records = (first..end).map(|sequence| LogRecord {
            time_unix_nano: 1_795_521_600_000_000_000 + sequence,
            severity_number: 9,
            severity_text: "INFO".to_owned(),
            body: text(lines::message(self.source, sequence)),
            attributes: vec![attribute("http.route", "/users/me/")],
            ..LogRecord::default()
        });
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(Resource {
                    attributes: vec![attribute("service.name", "bench")],
                    ..Resource::default()
                }),
                scope_logs: vec![ScopeLogs {
                    log_records: records.collect(),
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            }],
        }
    }
}

async fn send_until_accepted(channel: Channel, request: ExportLogsServiceRequest) {
    let mut client = LogsServiceClient::new(channel);
    while client.export(request.clone()).await.is_err() {
        tokio::time::sleep(PAUSE_AFTER_ERROR).await;
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: text(value.to_owned()),
        ..KeyValue::default()
    }
}

fn text(text: String) -> Option<AnyValue> {
    Some(AnyValue {
        value: Some(Value::StringValue(text)),
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use trivium_bench_agent::sink::{Answer, Sink};

    use super::*;

    const LOAD: RelayLoad = RelayLoad {
        source: 4,
        records: 250,
        records_a_request: 100,
        records_a_second: 1000,
    };

    #[test]
    fn every_record_is_sent_once_when_it_is_accepted() {
        let sink = Sink::start().unwrap();
        let started = Instant::now();
        LOAD.send_now(sink.address().port(), Duration::from_secs(10))
            .unwrap();
        assert!(
            started.elapsed() >= Duration::from_millis(200),
            "the rate is kept"
        );
        sink.with_tally(|tally| {
            assert_eq!(
                (tally.requests, tally.records, tally.duplicates),
                (3, 250, 0)
            );
            assert_eq!(tally.missing(LOAD.source, LOAD.records), 0);
        });
    }

    #[test]
    fn what_is_refused_is_sent_again_and_the_wait_for_it_ends() {
        let sink = Sink::start().unwrap();
        let port = sink.address().port();
        sink.set_answer(Answer::Unavailable);
        assert!(LOAD.send_now(port, Duration::from_millis(300)).is_err());
        let client = thread::spawn(move || LOAD.send_now(port, Duration::from_secs(10)));
        let seconds = Duration::from_secs(10);
        let before = sink.with_tally(|tally| tally.refused_requests);
        assert!(
            sink.wait(seconds, |tally| tally.refused_requests > before)
                .is_some()
        );
        sink.set_answer(Answer::Accept);
        client.join().unwrap().unwrap();
        sink.with_tally(|tally| assert_eq!(tally.missing(LOAD.source, LOAD.records), 0));
    }
}
