//! What a client trusts, and what it shows of itself: PEM files into a rustls configuration on aws-lc-rs.
//!
//! A file that cannot be used is an error with the setting that named it, its path and what is wrong with it. Files are
//! read once, at start: a renewed certificate needs a restart.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{InvalidSetting, PemFile, TlsFiles};

/// `is_https`: whether roots are needed at all.
pub(crate) fn client_config(
    files: &TlsFiles,
    is_https: bool,
) -> Result<ClientConfig, InvalidSetting> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs has the cipher suites of TLS 1.2 and 1.3");
    let builder = match &files.certificate {
        Some(file) => builder.with_root_certificates(roots(file)?),
        None if is_https => builder.with_native_roots().map_err(|error| {
            InvalidSetting::new(
                "endpoint",
                "https://…",
                &format!(
                    "the system has no roots to trust ({error}); set the certificate to trust to a PEM file"
                ),
            )
        })?,
        None => builder.with_root_certificates(RootCertStore::empty()),
    };
    let Some((certificate, key)) = &files.client else {
        return Ok(builder.with_no_client_auth());
    };
    let private_key = PrivateKeyDer::from_pem_file(&key.path)
        .map_err(|error| key.invalid(&format!("no private key can be read from it: {error}")))?;
    builder
        .with_client_auth_cert(certificates(certificate)?, private_key)
        .map_err(|error| {
            let path = certificate.path.display();
            key.invalid(&format!("it does not go with {path}: {error}"))
        })
}

fn roots(file: &PemFile) -> Result<RootCertStore, InvalidSetting> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots
            .add(certificate)
            .map_err(|error| file.invalid(&format!("it cannot be a root: {error}")))?;
    }
    Ok(roots)
}

fn certificates(file: &PemFile) -> Result<Vec<CertificateDer<'static>>, InvalidSetting> {
    let invalid = |error| file.invalid(&format!("no certificate can be read from it: {error}"));
    let certificates: Vec<_> = CertificateDer::pem_file_iter(&file.path)
        .map_err(invalid)?
        .collect::<Result<_, _>>()
        .map_err(invalid)?;
    if certificates.is_empty() {
        return Err(file.invalid(&"it holds no `-----BEGIN CERTIFICATE-----`"));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pem(folder: &tempfile::TempDir, name: &str, text: &str) -> PemFile {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        PemFile {
            setting: "OTEL_EXPORTER_OTLP_X".to_owned(),
            path,
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = certificate.self_signed(&key).unwrap().pem();
        let certificate = pem(&folder, "certificate.pem", &certificate);
        let empty = pem(&folder, "empty.pem", "");
        let other = pem(&folder, "other.pem", &other.serialize_pem());
        let key = pem(&folder, "key.pem", &key.serialize_pem());
        let absent = PemFile {
            setting: "OTEL_EXPORTER_OTLP_X".to_owned(),
            path: folder.path().join("absent.pem"),
        };

        let trusting = |certificate: &PemFile| TlsFiles {
            certificate: Some(certificate.clone()),
            client: None,
            client_setting: "",
        };
        let showing = |certificate: &PemFile, key: &PemFile| TlsFiles {
            certificate: None,
            client: Some((certificate.clone(), key.clone())),
            client_setting: "",
        };
        assert!(client_config(&trusting(&certificate), true).is_ok());
        assert!(client_config(&showing(&certificate, &key), false).is_ok());
        for (files, culprit, problem) in [
            (trusting(&absent), &absent, "No such file"),
            (trusting(&empty), &empty, "BEGIN CERTIFICATE"),
            (trusting(&key), &key, "BEGIN CERTIFICATE"),
            (showing(&certificate, &empty), &empty, "no private key"),
            (showing(&certificate, &other), &other, "does not go with"),
        ] {
            let message = client_config(&files, false).unwrap_err().to_string();
            let start = format!("OTEL_EXPORTER_OTLP_X=`{}`", culprit.path.display());
            assert!(message.starts_with(&start), "{message}");
            assert!(message.contains(problem), "{message}");
        }
    }
}
