//! The ways to the Collector: protocols, compression, TLS, tokens.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, thread};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::WebPkiClientVerifier,
    },
};

use crate::support::{Bed, Writer};

#[test]
fn both_protocols_deliver_with_each_compression() {
    for protocol in ["grpc", "http"] {
        let mut wire_bytes = Vec::new();
        for compression in ["none", "gzip", "zstd"] {
            let bed = Bed::new();
            bed.configure(&format!("protocol: {protocol}\ncompression: {compression}"));
            let mut writer = Writer::new(&bed.log("app.log"), 1);
            writer.write(5_000);
            let agent = bed.start();
            bed.arrived(&agent, 1, 5_000);
            agent.stop();
            bed.sink.with_tally(|tally| {
                assert_eq!((tally.records, tally.out_of_order), (5_000, 0));
                assert_eq!(tally.malformed_requests, 0);
                wire_bytes.push(tally.wire_bytes);
            });
        }
        // It is compressed indeed.
        assert!(wire_bytes[0] > 5_000 * 200, "{wire_bytes:?}");
        assert!(wire_bytes[1] < wire_bytes[0] / 2, "{wire_bytes:?}");
        assert!(wire_bytes[2] < wire_bytes[0] / 2, "{wire_bytes:?}");
    }
}

/// Writes `NAME.pem`.
fn authority(folder: &Path, name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    fs::write(folder.join(format!("{name}.pem")), authority.pem()).unwrap();
    authority
}

/// Writes `NAME.pem` and `NAME.key`.
fn certify(
    folder: &Path,
    name: &str,
    usage: ExtendedKeyUsagePurpose,
    authority: &CertifiedIssuer<'_, KeyPair>,
) {
    let mut parameters = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    parameters.extended_key_usages = vec![usage];
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.signed_by(&key, authority).unwrap();
    fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

/// A port that speaks TLS and passes what it decrypts on to `behind`, until the test's process ends. It asks for a client's
/// certificate of `client_authority`, if that is given.
fn tls_front(folder: &Path, behind: SocketAddr, client_authority: Option<&str>) -> SocketAddr {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client_authority {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_file(folder.join(format!("{name}.pem"))).unwrap();
            roots.add(root).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let certificate = CertificateDer::from_pem_file(folder.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        runtime.block_on(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut tls) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut plain = TcpStream::connect(behind).await.unwrap();
                    // Either side may end it.
                    let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
                });
            }
        });
    });
    address
}

/// A bed with authorities `ca` and `other`, a server of `ca` and clients of both.
fn bed_with_certificates() -> Bed {
    let bed = Bed::new();
    let folder = bed.path("");
    let ours = authority(&folder, "ca");
    let other = authority(&folder, "other");
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
    certify(
        &folder,
        "stranger",
        ExtendedKeyUsagePurpose::ClientAuth,
        &other,
    );
    bed
}

fn tls(bed: &Bed, protocol: &str, address: SocketAddr, settings: &[(&str, &str)]) -> String {
    let files: Vec<_> = settings
        .iter()
        .map(|(key, name)| format!("{key}: {}", bed.path(name).display()))
        .collect();
    let files = files.join(", ");
    format!("endpoint: https://{address}\nprotocol: {protocol}\ntls: {{{files}}}")
}

#[test]
fn over_tls_the_authority_that_is_configured_is_trusted_and_no_other() {
    for protocol in ["grpc", "http"] {
        let bed = bed_with_certificates();
        let address = tls_front(&bed.path(""), bed.sink.address(), None);
        let mut writer = Writer::new(&bed.log("app.log"), 1);
        writer.write(1_000);

        bed.configure(&tls(&bed, protocol, address, &[("ca", "other.pem")]));
        let agent = bed.start();
        let said = agent.says("sending logs fails and is tried again");
        assert!(said.contains("invalid peer certificate"), "{said}");
        agent.kill();
        assert_eq!(bed.sink.with_tally(|tally| tally.records), 0);

        bed.configure(&tls(&bed, protocol, address, &[("ca", "ca.pem")]));
        let agent = bed.start();
        bed.arrived(&agent, 1, 1_000);
        agent.stop();
        assert_eq!(bed.sink.with_tally(|tally| tally.records), 1_000);
    }
}

#[test]
fn a_collector_that_asks_for_a_certificate_gets_the_agents_own() {
    for protocol in ["grpc", "http"] {
        let bed = bed_with_certificates();
        let address = tls_front(&bed.path(""), bed.sink.address(), Some("ca"));
        let mut writer = Writer::new(&bed.log("app.log"), 1);
        writer.write(1_000);

        let stranger = [
            ("ca", "ca.pem"),
            ("cert", "stranger.pem"),
            ("key", "stranger.key"),
        ];
        bed.configure(&tls(&bed, protocol, address, &stranger));
        let agent = bed.start();
        agent.says("sending logs fails and is tried again");
        agent.kill();
        assert_eq!(bed.sink.with_tally(|tally| tally.records), 0);

        let client = [
            ("ca", "ca.pem"),
            ("cert", "client.pem"),
            ("key", "client.key"),
        ];
        bed.configure(&tls(&bed, protocol, address, &client));
        let agent = bed.start();
        bed.arrived(&agent, 1, 1_000);
        agent.stop();
        assert_eq!(bed.sink.with_tally(|tally| tally.records), 1_000);
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_at_the_start() {
    let bed = bed_with_certificates();
    fs::write(bed.path("empty.pem"), "").unwrap();
    for (name, problem) in [
        ("missing.pem", "No such file"),
        ("empty.pem", "it holds no `-----BEGIN CERTIFICATE-----`"),
    ] {
        bed.configure(&tls(&bed, "grpc", bed.sink.address(), &[("ca", name)]));
        let output = bed.run(&["run"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let path = bed.path(name).display().to_string();
        assert!(said.contains("tls.ca") && said.contains(&path), "{said}");
        assert!(said.contains(problem), "{said}");
    }
}

#[test]
fn a_bearer_token_is_sent_and_read_again_when_its_file_changes() {
    let bed = Bed::new();
    bed.sink.keep();
    let token = bed.path("token");
    fs::write(&token, "one\n").unwrap();
    bed.configure(&format!("bearer_token_file: {}", token.display()));
    let mut writer = Writer::new(&bed.log("app.log"), 1);
    writer.write(10);
    let agent = bed.start();
    bed.arrived(&agent, 1, 10);
    fs::write(&token, "two\n").unwrap();
    let has_token = |token: &str| {
        let value = format!("Bearer {token}");
        bed.sink.with_tally(|tally| {
            let kept = tally.kept.as_deref().unwrap();
            kept.iter()
                .filter(|request| request.headers["authorization"] == value)
                .count()
        })
    };
    assert_eq!(has_token("one"), 1);
    // It is looked at every five seconds, when something is sent.
    crate::support::until("the new token", || {
        writer.write(1);
        bed.arrived(&agent, 1, writer.next);
        (has_token("two") > 0).then_some(())
    });
    agent.stop();
}
