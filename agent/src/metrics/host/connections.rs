//! How many TCP connections and UDP sockets there are, of IPv4 and IPv6, from counters that the kernel keeps.
//!
//! /proc/net/tcp would tell every state, but to read it the kernel walks its whole hash table: about 5 ms for each of the
//! two files on a host with 24 GiB of memory and one connection. So there are the two states that are counted anyway:
//! `CurrEstab` of `/proc/net/snmp`, which includes `close_wait`, and `tw` of `/proc/net/sockstat`.

use opentelemetry_semantic_conventions::{
    attribute::{NETWORK_CONNECTION_STATE, NETWORK_TRANSPORT},
    metric::SYSTEM_NETWORK_CONNECTION_COUNT,
};

use super::expect;
use crate::{
    metrics::{
        MetricsError,
        text::{fields, number},
        view::HostView,
    },
    wire::metrics::{Metric, Metrics, Value::Text},
};

const COUNT: Metric = Metric::up_down_counter(SYSTEM_NETWORK_CONNECTION_COUNT, "{connection}");

/// Writes the connections.
pub(super) fn sample(view: &mut HostView, metrics: &mut Metrics<'_>) -> Result<(), MetricsError> {
    let process = view.host_process();
    let mut column = None;
    let mut established = None;
    view.lines(&[process, "net/snmp"], |line| {
        if let Some(column) = column {
            established = established.or_else(|| tcp(line)?.nth(column).and_then(number));
        } else {
            column = tcp(line).and_then(|mut names| names.position(|name| name == b"CurrEstab"));
        }
    })?;
    let mut time_wait = None;
    let mut udp = None;
    view.lines(&[process, "net/sockstat"], |line| {
        time_wait = time_wait.or_else(|| socket_count(line, b"TCP:", b"tw"));
        udp = udp.or_else(|| socket_count(line, b"UDP:", b"inuse"));
    })?;
    let mut udp6 = None;
    match view.lines(&[process, "net/sockstat6"], |line| {
        udp6 = udp6.or_else(|| socket_count(line, b"UDP6:", b"inuse"));
    }) {
        // There is none without IPv6.
        Err(error) if !error.is_gone() => return Err(error),
        _ => {}
    }

    let established = expect(established, "/proc/net/snmp", "CurrEstab")?;
    metrics.metric(&COUNT, |points| {
        for (state, count) in [("established", Some(established)), ("time_wait", time_wait)] {
            if let Some(count) = count {
                points.int(
                    count,
                    &[
                        (NETWORK_TRANSPORT, Text("tcp")),
                        (NETWORK_CONNECTION_STATE, Text(state)),
                    ],
                );
            }
        }
        if let Some(udp) = udp {
            let count = udp.saturating_add(udp6.unwrap_or_default());
            points.int(count, &[(NETWORK_TRANSPORT, Text("udp"))]);
        }
    });
    Ok(())
}

/// What follows `Tcp:`, on one line the names, on the next the values.
fn tcp(line: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let mut fields = fields(line);
    (fields.next()? == b"Tcp:").then_some(fields)
}

/// The number after `key` in `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 304`.
fn socket_count(line: &[u8], protocol: &[u8], key: &[u8]) -> Option<u64> {
    let mut fields = fields(line);
    if fields.next()? != protocol {
        return None;
    }
    fields.find(|field| *field == key)?;
    number(fields.next()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..80), text in "(TCP:)?[a-z0-9 ]{0,60}") {
            for line in [line.as_slice(), text.as_bytes()] {
                let _ = socket_count(line, b"TCP:", b"tw");
                let _ = tcp(line).map(Iterator::count);
            }
        }
    }
}
