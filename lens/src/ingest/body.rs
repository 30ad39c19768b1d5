//! Reads a request's body and decompresses it. The decompressed size is known before anything is allocated: a snappy block
//! begins with it, a gzip stream ends with it, and one that lies is refused.

use std::io::Read as _;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::IngestError;

/// A body as sent. The Collector's batches of 8192 records are 0.5 to 2 MiB with gzip.
pub(super) const SENT_BYTES: usize = 16 * 1024 * 1024;
/// A body decompressed; the ratio is what repetitive telemetry reaches, not what a zip bomb does.
pub(super) const DECODED_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Snappy,
}

/// A body as it was sent.
#[derive(Debug)]
pub(super) struct Received {
    sent: Bytes,
    encoding: Encoding,
    decoded_bytes: usize,
}

impl Received {
    /// Reads an OTLP/HTTP request: protobuf, with gzip or as it is.
    pub(super) async fn otlp(headers: &HeaderMap, body: Body) -> Result<Self, IngestError> {
        let encoding = match text(headers, header::CONTENT_ENCODING) {
            "" | "identity" => Encoding::Identity,
            "gzip" => Encoding::Gzip,
            found => {
                return Err(IngestError::ContentEncoding {
                    found: found.to_owned(),
                    accepted: "gzip or identity",
                });
            }
        };
        Self::read(headers, body, encoding).await
    }

    /// Reads a remote write request: protobuf in a snappy block.
    pub(super) async fn remote_write(headers: &HeaderMap, body: Body) -> Result<Self, IngestError> {
        match text(headers, header::CONTENT_ENCODING) {
            "" | "snappy" => Self::read(headers, body, Encoding::Snappy).await,
            found => Err(IngestError::ContentEncoding {
                found: found.to_owned(),
                accepted: "snappy",
            }),
        }
    }

    async fn read(
        headers: &HeaderMap,
        body: Body,
        encoding: Encoding,
    ) -> Result<Self, IngestError> {
        let media_type = text(headers, header::CONTENT_TYPE);
        let (base, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
        // Remote write 2.0 differs from 1.0 only by this parameter.
        if base.trim() != "application/x-protobuf" || parameters.contains("io.prometheus.write.v2")
        {
            return Err(IngestError::MediaType {
                found: media_type.to_owned(),
            });
        }
        let sent = match Limited::new(body, SENT_BYTES).collect().await {
            Ok(sent) => sent.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(IngestError::TooLarge {
                    measured: "as sent",
                    limit_bytes: SENT_BYTES,
                });
            }
            Err(error) => {
                return Err(IngestError::Read {
                    source: axum::Error::new(error),
                });
            }
        };
        let decoded_bytes = match encoding {
            Encoding::Identity => sent.len(),
            Encoding::Gzip => gzip_size(&sent)?,
            Encoding::Snappy => {
                snap::raw::decompress_len(&sent).map_err(|source| IngestError::Snappy { source })?
            }
        };
        if decoded_bytes > DECODED_BYTES {
            return Err(IngestError::TooLarge {
                measured: "decompressed",
                limit_bytes: DECODED_BYTES,
            });
        }
        Ok(Self {
            sent,
            encoding,
            decoded_bytes,
        })
    }

    /// The size that [`Self::decompress`] will need.
    pub(super) fn decoded_bytes(&self) -> usize {
        self.decoded_bytes
    }

    /// Decompresses; takes milliseconds for a large body.
    pub(super) fn decompress(self) -> Result<Bytes, IngestError> {
        match self.encoding {
            Encoding::Identity => Ok(self.sent),
            Encoding::Gzip => {
                let mut decoded = Vec::with_capacity(self.decoded_bytes);
                // One byte more than announced is enough for the check at the end of the stream to fail.
                flate2::read::GzDecoder::new(&*self.sent)
                    .take(self.decoded_bytes as u64 + 1)
                    .read_to_end(&mut decoded)
                    .map_err(|source| IngestError::Gzip { source })?;
                if decoded.len() != self.decoded_bytes {
                    let source = std::io::Error::other(
                        "it holds more than the size at its end says, or several members",
                    );
                    return Err(IngestError::Gzip { source });
                }
                Ok(decoded.into())
            }
            Encoding::Snappy => {
                let decoded = snap::raw::Decoder::new().decompress_vec(&self.sent);
                Ok(decoded
                    .map_err(|source| IngestError::Snappy { source })?
                    .into())
            }
        }
    }
}

fn text(headers: &HeaderMap, name: http::HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The decompressed size from the last four bytes, little-endian (RFC 1952, ISIZE).
fn gzip_size(sent: &[u8]) -> Result<usize, IngestError> {
    match (sent.starts_with(&[0x1f, 0x8b]), sent.last_chunk::<4>()) {
        (true, Some(size)) => Ok(u32::from_le_bytes(*size) as usize),
        _ => Err(IngestError::Gzip {
            source: std::io::Error::other("it does not begin with 1f 8b"),
        }),
    }
}
