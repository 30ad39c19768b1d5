//! The settings: flags, or the environment variables in `--help`. A wrong value stops the start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::store::StoreConfig;

/// Fits the page caches, the indexes of an empty database and one large request.
const SMALLEST_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The settings of lens.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Config {
    /// Address of the page and the JSON API.
    #[arg(long, env = "LENS_LISTEN", default_value = "127.0.0.1:3000", value_parser = address)]
    pub listen: SocketAddr,
    /// Address of ingest over HTTP: remote write, OTLP logs, OTLP traces.
    #[arg(long, env = "LENS_INGEST_HTTP", default_value = "127.0.0.1:3001", value_parser = address)]
    pub ingest_http: SocketAddr,
    /// Address of ingest over gRPC: OTLP traces.
    #[arg(long, env = "LENS_INGEST_GRPC", default_value = "127.0.0.1:3002", value_parser = address)]
    pub ingest_grpc: SocketAddr,
    /// A file with the token that all must send as `Authorization: Bearer`, and the page asks for; read at the start. It is
    /// required to listen beyond loopback.
    #[arg(long, env = "LENS_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// The database file; made when it does not exist.
    #[arg(long, env = "LENS_DATA", default_value = "lens.db")]
    pub data: PathBuf,
    /// How long rows are kept, such as 90m, 24h or 7days.
    #[arg(long, env = "LENS_RETENTION", default_value = "24h", value_parser = retention)]
    pub retention: Duration,
    /// How large the database may grow before the oldest rows go, such as 512MiB or 1GiB.
    #[arg(long, env = "LENS_MAX_BYTES", default_value = "1GiB", value_parser = max_bytes)]
    pub max_bytes: u64,
}

impl Config {
    /// The part of the store.
    pub fn store(&self) -> StoreConfig {
        StoreConfig {
            path: self.data.clone(),
            retention: self.retention,
            max_bytes: self.max_bytes,
        }
    }
}

/// Why a value was refused; clap adds the name and the value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum ValueError {
    #[error(
        "write it as ADDRESS:PORT with a numeric address, such as 127.0.0.1:3000 or [::1]:3000"
    )]
    Address,
    #[error("write it as a number with a unit, such as 90m, 24h or 7days")]
    Duration,
    #[error("the shortest is 1s")]
    TooShort,
    #[error("write it as a number with a unit, such as 512MiB or 1GiB")]
    Bytes,
    #[error("the smallest is 16MiB")]
    TooSmall,
}

fn address(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_| ValueError::Address)
}

fn retention(text: &str) -> Result<Duration, ValueError> {
    let duration = humantime::parse_duration(text).map_err(|_| ValueError::Duration)?;
    if duration < Duration::from_secs(1) {
        Err(ValueError::TooShort)
    } else {
        Ok(duration)
    }
}

fn max_bytes(text: &str) -> Result<u64, ValueError> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(ValueError::Bytes),
    };
    let number: u64 = number.parse().map_err(|_| ValueError::Bytes)?;
    match number.checked_mul(unit).ok_or(ValueError::Bytes)? {
        bytes if bytes < SMALLEST_MAX_BYTES => Err(ValueError::TooSmall),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser as _;

    use super::{Config, ValueError, max_bytes, retention};

    #[test]
    fn sizes_have_units_and_a_smallest() {
        assert_eq!(max_bytes("1GiB"), Ok(1 << 30));
        assert_eq!(max_bytes("20000000"), Ok(20_000_000));
        assert_eq!(max_bytes("1GB"), Err(ValueError::Bytes));
        assert_eq!(max_bytes("GiB"), Err(ValueError::Bytes));
        assert_eq!(max_bytes("99999999999GiB"), Err(ValueError::Bytes));
        assert_eq!(max_bytes("15MiB"), Err(ValueError::TooSmall));
    }

    #[test]
    fn durations_have_units_and_a_shortest() {
        assert_eq!(retention("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(retention("24"), Err(ValueError::Duration));
        assert_eq!(retention("10ms"), Err(ValueError::TooShort));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_setting_and_the_fix() {
        let error = Config::try_parse_from(["trivium-lens", "--retention", "15x"])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("invalid value '15x' for '--retention <RETENTION>'"),
            "{error}"
        );
        assert!(error.contains("such as 90m, 24h or 7days"), "{error}");
    }
}
