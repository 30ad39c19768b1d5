//! The settings of the program, each documented once, here: the text is what `--help` prints.
//!
//! A flag wins over its variable, the variable over the default. A value that can't be used stops the start with exit code 2
//! and a message that names the flag, the variable, the value and what is accepted; a secret's value is never printed.
//! `OTEL_*` variables are read by the telemetry library.

use std::{ffi::OsStr, net::SocketAddr, ops::Deref, path::PathBuf, str::FromStr, time::Duration};

use clap::{
    Arg, Command, Parser,
    builder::TypedValueParser,
    error::{Error, ErrorKind},
};
use secrecy::SecretString;

use crate::{client::Network, faults::Fault, rate::Rate, store::Database};

/// RFC 7518, 3.2: a key of HS256 has at least the size of its hash.
pub(crate) const MIN_SECRET_BYTES: usize = 32;

/// The auth service of Trivium: sign-up, login and tokens over HTTP; traces, metrics and logs over OTLP.
#[derive(Debug, Clone, Parser)]
#[command(name = "trivium-app", version)]
pub struct Settings {
    /// Address and port of the HTTP server; port 0 takes a free one.
    #[arg(
        long,
        env = "APP_LISTEN",
        value_name = "APP_LISTEN",
        default_value = "127.0.0.1:8000"
    )]
    pub listen: SocketAddr,

    /// Path of the SQLite file; it is made at the first start, its folder is not.
    #[arg(
        long,
        env = "APP_DATABASE",
        value_name = "APP_DATABASE",
        default_value = "trivium.db"
    )]
    pub database: PathBuf,

    /// Instead of it, the URL of a database: postgres://USER:PASSWORD@HOST:PORT/NAME, with ?sslmode=verify-full and
    /// &sslrootcert=FILE where it should be, or sqlite:PATH.
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "DATABASE_URL",
        hide_env_values = true, value_parser = Secret { read: database_url, name: "DATABASE_URL (--database-url)" },
        conflicts_with = "database"
    )]
    pub(crate) database_url: Option<Database>,

    /// Cost of a password hash, as a power of two: each step doubles the time of a login (12 is about 0.3 s).
    /// Raised, it strengthens a stored hash at the next login.
    #[arg(long, env = "APP_BCRYPT_COST", value_name = "APP_BCRYPT_COST", default_value_t = 12,
          value_parser = clap::value_parser!(u32).range(4..=31))]
    pub bcrypt_cost: u32,

    /// Key of the access tokens, at least 32 bytes; without it, or a file of keys, each run makes its own and its tokens
    /// end with it.
    #[arg(
        long,
        env = "APP_JWT_SECRET",
        value_name = "APP_JWT_SECRET",
        hide_env_values = true, value_parser = Secret { read: secret, name: "APP_JWT_SECRET (--jwt-secret)" }
    )]
    pub jwt_secret: Option<SecretString>,

    /// File of such keys, one per line as ID:SECRET: the first signs, all verify. A change counts within two seconds.
    #[arg(
        long,
        env = "APP_JWT_KEYS_FILE",
        value_name = "APP_JWT_KEYS_FILE",
        conflicts_with = "jwt_secret"
    )]
    pub jwt_keys_file: Option<PathBuf>,

    /// How long an access token is valid, in whole seconds or longer units.
    #[arg(long, env = "APP_TOKEN_TTL", value_name = "APP_TOKEN_TTL", default_value = "15m", value_parser = whole_seconds)]
    pub token_ttl: Duration,

    /// How long a refresh token is valid; each use gives a new one.
    #[arg(long, env = "APP_REFRESH_TTL", value_name = "APP_REFRESH_TTL", default_value = "30d", value_parser = whole_seconds)]
    pub refresh_ttl: Duration,

    /// Largest request body that is read, in bytes.
    #[arg(long, env = "APP_MAX_BODY", value_name = "APP_MAX_BODY", default_value_t = 65_536,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_body: u32,

    /// Time for a request from its head to its answer; an idle connection is closed after the same time. The body, and
    /// the wait for a core to hash a password on, may each take half of it.
    #[arg(long, env = "APP_REQUEST_TIMEOUT", value_name = "APP_REQUEST_TIMEOUT", default_value = "10s", value_parser = duration)]
    pub request_timeout: Duration,

    /// Requests that are handled at the same time; more are answered with 503 at once.
    #[arg(long, env = "APP_MAX_CONCURRENT", value_name = "APP_MAX_CONCURRENT", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_concurrent: u32,

    /// Logins that a client may try: a number at once, and that many per time. Every attempt counts; more get 429 and the
    /// time to wait.
    #[arg(
        long,
        env = "APP_LOGIN_RATE_CLIENT",
        value_name = "APP_LOGIN_RATE_CLIENT",
        default_value = "300/1m"
    )]
    pub login_rate_client: Rate,

    /// Wrong logins of one account, likewise. Successful ones do not count.
    #[arg(
        long,
        env = "APP_LOGIN_RATE_ACCOUNT",
        value_name = "APP_LOGIN_RATE_ACCOUNT",
        default_value = "10/10m"
    )]
    pub login_rate_account: Rate,

    /// Proxies whose `X-Forwarded-For` or `Forwarded` names the client: addresses and networks with commas between. Nobody
    /// else's is believed.
    #[arg(
        long,
        env = "APP_TRUSTED_PROXIES",
        value_name = "APP_TRUSTED_PROXIES",
        default_value = "",
        hide_default_value = true
    )]
    pub trusted_proxies: List<Network>,

    /// Callers whose trace is continued and whose word on sampling is taken, likewise. Anybody else's request begins a trace
    /// of its own, with a link to theirs.
    #[arg(
        long,
        env = "APP_TRUSTED_CALLERS",
        value_name = "APP_TRUSTED_CALLERS",
        default_value = "127.0.0.0/8,::1"
    )]
    pub trusted_callers: List<Network>,

    /// Faults on purpose, with commas between: `latency:ROUTE:RATE:TIME`, `error:ROUTE:RATE:STATUS` or
    /// `slow_query:ROUTE:RATE:TIME`, like `latency:/users/me/:0.1:800ms`.
    #[arg(
        long,
        env = "APP_FAULTS",
        value_name = "APP_FAULTS",
        default_value = "",
        hide_default_value = true
    )]
    pub faults: List<Fault>,

    /// Seed of the dice that the faults' rates are drawn with, to repeat a run; without it each run differs.
    #[arg(long, env = "APP_FAULTS_SEED", value_name = "APP_FAULTS_SEED")]
    pub faults_seed: Option<u64>,

    /// How long open requests may go on after SIGTERM or SIGINT.
    #[arg(long, env = "APP_DRAIN_TIMEOUT", value_name = "APP_DRAIN_TIMEOUT", default_value = "10s", value_parser = duration)]
    pub drain_timeout: Duration,
}

/// Values with commas between; an empty text has none.
#[derive(Debug, Clone)]
pub struct List<T>(Vec<T>);

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        let values = text.split(',').map(str::trim);
        let values = values.filter(|value| !value.is_empty());
        values.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl Settings {
    /// The database that the two settings name.
    pub(crate) fn database(&self) -> Database {
        let url = self.database_url.clone();
        url.unwrap_or_else(|| Database::Sqlite(self.database.clone()))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write it like 500ms, 10s or 15m"))?;
    if duration.is_zero() {
        return Err("must be longer than nothing; write it like 500ms, 10s or 15m".to_owned());
    }
    Ok(duration)
}

/// Tokens carry their times in seconds, so a fraction of one could not be kept.
fn whole_seconds(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.subsec_nanos() != 0 {
        return Err("must be whole seconds; write it like 90s, 15m or 1h".to_owned());
    }
    Ok(duration)
}

fn secret(text: &str) -> Result<SecretString, String> {
    if text.len() < MIN_SECRET_BYTES {
        return Err(format!(
            "has {} bytes, but HS256 needs at least {MIN_SECRET_BYTES}; make one with: openssl rand -hex 32",
            text.len()
        ));
    }
    Ok(text.into())
}

fn database_url(text: &str) -> Result<Database, String> {
    Database::parse(text).map_err(|error| {
        format!("{error}; write it like postgres://USER:PASSWORD@HOST:5432/NAME or sqlite:PATH")
    })
}

/// Reads a value without printing it when it is wrong, as clap's own parsers would.
#[derive(Clone)]
struct Secret<T> {
    read: fn(&str) -> Result<T, String>,
    name: &'static str,
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Secret<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        let read = match value.to_str() {
            Some(text) => (self.read)(text),
            None => Err("is not UTF-8".to_owned()),
        };
        read.map_err(|problem| {
            let message = format!("{} {problem}\n", self.name);
            Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &[&str]) -> Result<Settings, String> {
        let program = std::iter::once("trivium-app");
        Settings::try_parse_from(program.chain(flags.iter().copied()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(settings.database, PathBuf::from("trivium.db"));
        assert_eq!(settings.bcrypt_cost, 12);
        assert!(settings.database_url.is_none());
        assert!(settings.jwt_secret.is_none());
        assert!(settings.jwt_keys_file.is_none());
        assert_eq!(settings.refresh_ttl, Duration::from_secs(30 * 24 * 3600));
        assert_eq!(settings.token_ttl, Duration::from_secs(900));
        assert_eq!(settings.max_body, 65_536);
        assert_eq!(settings.request_timeout, Duration::from_secs(10));
        assert_eq!(settings.max_concurrent, 512);
        assert_eq!(settings.drain_timeout, Duration::from_secs(10));
    }

    #[test]
    fn an_empty_list_is_none_and_spaces_do_not_count() {
        let settings = parse(&[
            "--trusted-proxies=",
            "--faults=",
            "--trusted-callers= ::1, 10.0.0.1",
        ]);
        let settings = settings.unwrap();
        assert!(settings.trusted_proxies.is_empty() && settings.faults.is_empty());
        let [one, two] = *settings.trusted_callers else {
            panic!("{:?}", settings.trusted_callers)
        };
        assert!(one.contains("::1".parse().unwrap()));
        assert!(two.contains("::ffff:10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_wrong_value_is_refused_with_variable_value_and_fix() {
        for (flag, value, fix) in [
            ("--listen", "nowhere", "invalid socket address"),
            ("--bcrypt-cost", "3", "4..=31"),
            ("--bcrypt-cost", "32", "4..=31"),
            ("--token-ttl", "0s", "must be longer than nothing"),
            ("--token-ttl", "1500ms", "must be whole seconds"),
            (
                "--request-timeout",
                "soon",
                "write it like 500ms, 10s or 15m",
            ),
            ("--max-concurrent", "0", "not in 1.."),
            ("--max-body", "-1", "not in 1.."),
            ("--login-rate-client", "30", "a time like 30/1m"),
            ("--login-rate-account", "0/1m", "a time like 30/1m"),
            ("--trusted-proxies", "10.0.0.0/40", "like 10.0.0.0/8"),
            ("--trusted-callers", "gateway", "like 10.0.0.0/8"),
            ("--faults", "latency:/nowhere:1:1s", "is no route"),
            ("--faults-seed", "x", "invalid digit"),
        ] {
            let variable = format!("APP_{}", flag[2..].replace('-', "_").to_uppercase());
            let error = parse(&[&format!("{flag}={value}")]).unwrap_err();
            for part in [variable.as_str(), value, fix] {
                assert!(
                    error.contains(part),
                    "{flag}={value}: {part:?} is missing in {error}"
                );
            }
        }
    }

    #[test]
    fn a_secret_has_at_least_32_bytes_and_is_never_printed() {
        assert!(parse(&["--jwt-secret=hunter2-hunter2-hunter2-hunter2-"]).is_ok());
        let error = parse(&["--jwt-secret=hunter2-hunter2-hunter2-hunter2"]).unwrap_err();
        assert!(
            error.contains(
                "APP_JWT_SECRET (--jwt-secret) has 31 bytes, but HS256 needs at least 32; make one"
            ),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
}
