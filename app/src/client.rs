//! Who a request comes from: the peer of its connection, or, behind configured proxies, the client that they name.
//!
//! Only what a trusted proxy wrote is believed. `X-Forwarded-For` and `Forwarded` (RFC 7239) are read from their end, where
//! the nearest proxy writes, up to the first address that is no trusted proxy; what stands before it may be invented. An
//! entry that is no address (`unknown`, `_hidden`) ends the reading at the proxy that wrote it. When both headers are there
//! and disagree, one of them came from outside and neither counts.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The addresses of one or more others whose word is taken: `10.0.0.0/8`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// Why a text names no network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a network or an address like 10.0.0.0/8, 127.0.0.1 or fd00::/8, several with commas between"
)]
pub struct NetworkError;

impl Network {
    /// Whether an address is one of them; an IPv4 address may come as an IPv6 one.
    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let text = text.trim();
        text.parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map(Self)
            .map_err(|_| NetworkError)
    }
}

/// The client of a request that came over a connection from `peer`.
pub(crate) fn address(peer: SocketAddr, headers: &HeaderMap, trusted: &[Network]) -> SocketAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
    let peer_ip = peer.ip().to_canonical();
    if !is_trusted(peer_ip) {
        return peer;
    }
    let furthest = |entries: Vec<Option<IpAddr>>| {
        let mut known = peer_ip;
        for entry in entries.into_iter().rev() {
            let Some(ip) = entry else { break };
            known = ip;
            if !is_trusted(ip) {
                break;
            }
        }
        known
    };
    let x_forwarded_for = elements(headers, &X_FORWARDED_FOR).map(|list| list.map(ip).collect());
    let forwarded = elements(headers, &header::FORWARDED).map(|list| list.map(for_ip).collect());
    let named = match (x_forwarded_for.map(furthest), forwarded.map(furthest)) {
        (Some(one), Some(other)) if one != other => peer_ip,
        (one, other) => one.or(other).unwrap_or(peer_ip),
    };
    if named == peer_ip {
        peer
    } else {
        // The port of the client is the first proxy's knowledge.
        SocketAddr::new(named, 0)
    }
}

/// The elements of all lines of a header that is a list; `None` without the header.
fn elements<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Option<impl Iterator<Item = &'a str>> {
    let lines = headers.get_all(name);
    lines.iter().next()?;
    // A line that is not text holds one element that is no address.
    Some(
        lines
            .iter()
            .flat_map(|line| line.to_str().unwrap_or_default().split(',')),
    )
}

/// `192.0.2.1`, `192.0.2.1:8000`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:8000`.
fn ip(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let ip = bare
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    ip.ok().map(|ip| ip.to_canonical())
}

/// The `for` parameter of a `Forwarded` element such as `for="[2001:db8::1]:8000";proto=https`.
fn for_ip(element: &str) -> Option<IpAddr> {
    let value = element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    });
    ip(value?.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests;
