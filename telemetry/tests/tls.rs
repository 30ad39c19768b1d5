//! TLS and client certificates, against the real Collector, over both protocols. Telemetry is set up once in a process, so
//! each case runs this file's own `program` as a process, with other variables.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/collector.rs"]
#[expect(
    dead_code,
    reason = "shared with the integration tests, which use all of it"
)]
mod collector;
#[path = "support/otelcol.rs"]
mod otelcol;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use collector::{Collector, attribute};
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};
use otelcol::Otelcol;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use trivium_telemetry::{Telemetry, metrics::meter};

#[tokio::test]
#[ignore = "the program that the other tests run"]
async fn program() {
    let telemetry = Telemetry::builder("program").init().unwrap();
    let name = std::env::var("OTEL_SERVICE_NAME").unwrap();
    let works = meter("program").u64_counter(name.clone()).build();
    tracing::info_span!("work", otel.name = name).in_scope(|| {
        tracing::info!(name: "worked", program = name, "done");
        works.add(1, &[]);
    });
    if let Err(error) = telemetry.shutdown().await {
        eprintln!("{error}");
    }
}

/// Starts `program` under a name of its own.
fn run(name: &str, variables: &[(&str, String)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program", "--ignored", "--nocapture"])
        .env("OTEL_SERVICE_NAME", name)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// All that it said on standard error.
fn ended(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

/// Writes `NAME.pem` and `NAME.key`, signed by `authority`.
fn certify(
    folder: &Path,
    name: &str,
    usage: ExtendedKeyUsagePurpose,
    authority: &CertifiedIssuer<'_, KeyPair>,
) {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let mut parameters = CertificateParams::new(names).unwrap();
    parameters.extended_key_usages = vec![usage];
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.signed_by(&key, authority).unwrap();
    fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

/// Writes `NAME.pem`.
fn authority(folder: &Path, name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = CertifiedIssuer::self_signed(parameters, key).unwrap();
    fs::write(folder.join(format!("{name}.pem")), authority.pem()).unwrap();
    authority
}

#[test]
fn the_right_client_is_let_in_and_every_other_is_told_why_not() {
    let files = tempfile::tempdir().unwrap();
    let folder = files.path().to_owned();
    let ours = authority(&folder, "ca");
    authority(&folder, "other");
    certify(
        &folder,
        "server",
        ExtendedKeyUsagePurpose::ServerAuth,
        &ours,
    );
    certify(
        &folder,
        "client",
        ExtendedKeyUsagePurpose::ClientAuth,
        &ours,
    );
    let behind = Collector::start();
    let Some(otelcol) = Otelcol::start(files, behind.address) else {
        return;
    };

    let file = |name: &str| folder.join(name).display().to_string();
    let to = |protocol: &str| {
        let address = if protocol == "grpc" {
            otelcol.grpc
        } else {
            otelcol.http
        };
        vec![
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("https://{address}")),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", file("ca.pem")),
        ]
    };
    let client = [
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", file("client.pem")),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", file("client.key")),
    ];
    let mut right = Vec::new();
    let mut refused = Vec::new();
    for protocol in ["grpc", "http/protobuf"] {
        let name = format!("right.{protocol}");
        right.push((run(&name, &[&to(protocol), &client[..]].concat()), name));

        for (name, authority, reason) in [
            (
                "anonymous",
                "ca.pem",
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            ),
            ("distrustful", "other.pem", "UnknownIssuer"),
        ] {
            let name = format!("{name}.{protocol}");
            // Refused traces are counted in metrics, which need a way past the one who refuses.
            let counting = Collector::start();
            let metrics = [
                ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc".to_owned()),
                ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", counting.endpoint()),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", file(authority)),
            ];
            let child = run(&name, &[&to(protocol), &metrics[..]].concat());
            refused.push((child, name, reason, counting));
        }
    }

    for (child, name) in right {
        let said = ended(child);
        assert!(!said.contains("WARN"), "{name}: {said}");
        let span = behind.wait_for(&name, |received| received.span(&name));
        behind.wait_for("its log", |received| {
            let mut logs = received.logs.iter();
            logs.find(|log| log.span_id == span.span_id).cloned()
        });
        let exemplar = behind.wait_for("its exemplar", |received| {
            let metrics = received.metrics.iter().filter(|metric| metric.name == name);
            let mut exemplars = metrics.flat_map(|metric| match &metric.data {
                Some(Data::Sum(sum)) => sum.data_points[0].exemplars.clone(),
                _ => Vec::new(),
            });
            exemplars.next()
        });
        assert_eq!(exemplar.trace_id, span.trace_id);
        assert_eq!(exemplar.span_id, span.span_id);
    }
    for (child, name, reason, counting) in refused {
        let said = ended(child);
        assert!(said.contains(reason), "{name}: {said}");
        assert!(said.contains("telemetry was lost at shutdown"), "{said}");
        assert_eq!(behind.received().span(&name), None, "{name}");
        let counted = counting.received().sum("otel.sdk.exporter.span.exported");
        let lost = counted.iter().find(|point| {
            attribute(&point.attributes, "error.type").as_deref() == Some("shutdown")
        });
        assert_eq!(lost.unwrap().value, Some(Value::AsInt(1)), "{name}");
    }
}
