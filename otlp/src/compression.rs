//! How a request is compressed: gzip and zstd at the levels that cost least for what they save.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::write::GzEncoder;

/// Requests are seldom less compressible, so that the buffer seldom grows.
const TYPICAL_RATIO: usize = 4;

/// Of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// Understood by every receiver of OTLP.
    Gzip,
    /// Smaller and several times cheaper than gzip; the Collector understands it.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Compression {
    /// As in `Content-Encoding` and `grpc-encoding`; `None` when nothing is to be said.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            #[cfg(feature = "zstd")]
            Self::Zstd => Some("zstd"),
        }
    }

    /// The body as it is sent.
    pub(crate) fn compressed(self, body: Bytes) -> Bytes {
        let mut out = Vec::new();
        let written: io::Result<()> = match self {
            Self::None => return body,
            Self::Gzip => {
                out.reserve(body.len() / TYPICAL_RATIO);
                let mut encoder = GzEncoder::new(&mut out, flate2::Compression::fast());
                encoder.write_all(&body).and_then(|()| encoder.try_finish())
            }
            #[cfg(feature = "zstd")]
            Self::Zstd => {
                out.reserve(body.len() / TYPICAL_RATIO);
                zstd::stream::copy_encode(&body[..], &mut out, 1)
            }
        };
        written.expect("writing into memory cannot fail");
        out.into()
    }
}
