//! The addresses of all parts, and the check that they are free before anything starts.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use clap::Args;
use reqwest::Url;

use super::holder::{self, Holder};

/// Where each part listens. Port 0 means any free port.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Addresses (port 0: any free port)")]
pub(crate) struct Listen {
    /// The app
    #[arg(
        long = "app-listen",
        value_name = "ADDR",
        env = "APP_LISTEN",
        default_value = "127.0.0.1:8000"
    )]
    pub(super) app: SocketAddr,
    /// The Collector's OTLP/gRPC receiver
    #[arg(
        long = "otelcol-otlp-grpc",
        value_name = "ADDR",
        env = "OTELCOL_OTLP_GRPC",
        default_value = "127.0.0.1:4317"
    )]
    pub(super) otlp_grpc: SocketAddr,
    /// The Collector's OTLP/HTTP receiver
    #[arg(
        long = "otelcol-otlp-http",
        value_name = "ADDR",
        env = "OTELCOL_OTLP_HTTP",
        default_value = "127.0.0.1:4318"
    )]
    pub(super) otlp_http: SocketAddr,
    /// The Collector's health check
    #[arg(
        long = "otelcol-health",
        value_name = "ADDR",
        env = "OTELCOL_HEALTH",
        default_value = "127.0.0.1:13133"
    )]
    pub(super) health: SocketAddr,
    /// The page and API of lens
    #[arg(
        long = "lens-listen",
        value_name = "ADDR",
        env = "LENS_LISTEN",
        default_value = "127.0.0.1:3000"
    )]
    pub(super) lens: SocketAddr,
    /// Where lens takes in metrics and logs
    #[arg(
        long = "lens-ingest-http",
        value_name = "ADDR",
        env = "LENS_INGEST_HTTP",
        default_value = "127.0.0.1:3001"
    )]
    pub(super) ingest_http: SocketAddr,
    /// Where lens takes in traces
    #[arg(
        long = "lens-ingest-grpc",
        value_name = "ADDR",
        env = "LENS_INGEST_GRPC",
        default_value = "127.0.0.1:3002"
    )]
    pub(super) ingest_grpc: SocketAddr,
}

/// An address that can't be used. `variable` names the setting; the option is spelled likewise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error(
        "{address} is taken by {holder}: stop that, or choose another address with {}",
        setting(variable)
    )]
    Taken {
        address: SocketAddr,
        holder: Holder,
        variable: &'static str,
    },
    #[error(
        "{address} is given to two parts: choose another address with {}",
        setting(variable)
    )]
    Twice {
        address: SocketAddr,
        variable: &'static str,
    },
    #[error(
        "cannot listen on {address}: {source}; choose another address with {}",
        setting(variable)
    )]
    Unusable {
        address: SocketAddr,
        source: io::Error,
        variable: &'static str,
    },
}

fn setting(variable: &str) -> String {
    format!(
        "--{} or {variable}",
        variable.to_lowercase().replace('_', "-")
    )
}

impl Listen {
    /// Checks that all addresses are free and puts a real port in the place of 0. The addresses are free again when
    /// this returns, so another process can still be faster than the part; that part then says so itself.
    pub(super) fn claim(mut self, with_lens: bool) -> Result<Self, ListenError> {
        // Held until all are bound, so that no two get the same free port.
        let mut held: Vec<(SocketAddr, TcpListener)> = Vec::new();
        for (variable, address) in self.settings(with_lens) {
            if held.iter().any(|(taken, _)| taken == address) {
                return Err(ListenError::Twice {
                    address: *address,
                    variable,
                });
            }
            let listener = TcpListener::bind(*address).map_err(|error| match error.kind() {
                io::ErrorKind::AddrInUse => ListenError::Taken {
                    address: *address,
                    holder: holder::of(*address),
                    variable,
                },
                _ => ListenError::Unusable {
                    address: *address,
                    source: error,
                    variable,
                },
            })?;
            *address = listener
                .local_addr()
                .map_err(|source| ListenError::Unusable {
                    address: *address,
                    source,
                    variable,
                })?;
            held.push((*address, listener));
        }
        Ok(self)
    }

    fn settings(&mut self, with_lens: bool) -> Vec<(&'static str, &mut SocketAddr)> {
        let mut settings = vec![
            ("APP_LISTEN", &mut self.app),
            ("OTELCOL_OTLP_GRPC", &mut self.otlp_grpc),
            ("OTELCOL_OTLP_HTTP", &mut self.otlp_http),
            ("OTELCOL_HEALTH", &mut self.health),
        ];
        if with_lens {
            settings.extend([
                ("LENS_LISTEN", &mut self.lens),
                ("LENS_INGEST_HTTP", &mut self.ingest_http),
                ("LENS_INGEST_GRPC", &mut self.ingest_grpc),
            ]);
        }
        settings
    }
}

/// The address to connect to for what listens on `address`: loopback in the place of "all interfaces".
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// `http://ADDRESS/` as a client on this machine uses it.
pub(super) fn url(address: SocketAddr) -> Url {
    Url::parse(&format!("http://{}", reachable(address)))
        .expect("a socket address is a valid authority")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        listen: Listen,
    }

    const ALL_FREE: [&str; 15] = [
        "up",
        "--app-listen",
        "127.0.0.1:0",
        "--otelcol-otlp-grpc",
        "127.0.0.1:0",
        "--otelcol-otlp-http",
        "127.0.0.1:0",
        "--otelcol-health",
        "127.0.0.1:0",
        "--lens-listen",
        "127.0.0.1:0",
        "--lens-ingest-http",
        "127.0.0.1:0",
        "--lens-ingest-grpc",
        "127.0.0.1:0",
    ];

    fn listen() -> Listen {
        Command::try_parse_from(ALL_FREE).unwrap().listen
    }

    #[test]
    fn each_port_0_becomes_a_port_of_its_own() {
        let mut listen = listen().claim(true).unwrap();
        let ports: std::collections::HashSet<_> = listen
            .settings(true)
            .into_iter()
            .map(|(_, address)| address.port())
            .collect();
        assert_eq!(ports.len(), 7);
        assert!(!ports.contains(&0));
    }

    #[test]
    fn a_taken_address_is_named_with_its_holder_and_its_setting() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = Listen {
            health: address,
            ..listen()
        }
        .claim(true)
        .unwrap_err()
        .to_string();
        let holder = format!("{address} is taken by process {} (", std::process::id());
        assert!(error.starts_with(&holder), "{error}");
        assert!(
            error.ends_with("choose another address with --otelcol-health or OTELCOL_HEALTH"),
            "{error}"
        );
    }

    #[test]
    fn one_address_for_two_parts_is_said_to_be_that() {
        // An address of its own, so that no other test can take the port meanwhile.
        let free = TcpListener::bind("127.0.0.78:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = Listen {
            app: free,
            lens: free,
            ..listen()
        }
        .claim(true)
        .unwrap_err()
        .to_string();
        assert!(
            error.starts_with(&format!("{free} is given to two parts")),
            "{error}"
        );
    }

    #[test]
    fn the_addresses_of_lens_are_not_claimed_without_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = Listen {
            lens: taken.local_addr().unwrap(),
            ..listen()
        };
        assert!(listen.claim(false).is_ok());
    }

    #[test]
    fn all_interfaces_are_reached_by_loopback() {
        assert_eq!(
            url("0.0.0.0:80".parse().unwrap()).as_str(),
            "http://127.0.0.1/"
        );
        assert_eq!(url("[::]:81".parse().unwrap()).as_str(), "http://[::1]:81/");
    }
}
