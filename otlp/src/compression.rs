//! How a request is compressed: gzip and zstd at the levels that cost least for what they save.

use std::io::{self, Write as _};

use flate2::write::GzEncoder;

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

    /// Appends `body`, compressed, to `out`.
    pub(crate) fn append(self, body: &[u8], out: &mut Vec<u8>) {
        let written: io::Result<()> = match self {
            Self::None => out.write_all(body),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, flate2::Compression::fast());
                encoder.write_all(body).and_then(|()| encoder.try_finish())
            }
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::stream::copy_encode(body, out, 1),
        };
        written.expect("writing into memory cannot fail");
    }

    /// What to reserve for a compressed body, so that its buffer seldom grows.
    pub(crate) fn expected_length(self, body: &[u8]) -> usize {
        match self {
            Self::None => body.len(),
            _ => body.len() / 4,
        }
    }
}
