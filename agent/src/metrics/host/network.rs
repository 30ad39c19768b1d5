//! The traffic of each network interface of the host.
//!
//! Left out are interfaces that were never used, and the host's ends of containers' links: their names change with each
//! container, and `container.network.io` counts the same bytes.

use opentelemetry_semantic_conventions::{
    attribute::{NETWORK_INTERFACE_NAME, NETWORK_IO_DIRECTION, SYSTEM_DEVICE},
    metric::{
        SYSTEM_NETWORK_ERRORS, SYSTEM_NETWORK_IO, SYSTEM_NETWORK_PACKET_COUNT,
        SYSTEM_NETWORK_PACKET_DROPPED,
    },
};

use crate::{
    metrics::{
        MetricsError,
        net_dev::{Interface, Traffic, interface},
        view::HostView,
    },
    wire::metrics::{Metric, Metrics, Value::Text},
};

const IO: Metric = Metric::counter(SYSTEM_NETWORK_IO, "By");
const PACKETS: Metric = Metric::counter(SYSTEM_NETWORK_PACKET_COUNT, "{packet}");
const ERRORS: Metric = Metric::counter(SYSTEM_NETWORK_ERRORS, "{error}");
const DROPPED: Metric = Metric::counter(SYSTEM_NETWORK_PACKET_DROPPED, "{packet}");

/// Writes the network metrics.
pub(super) fn sample(view: &mut HostView, metrics: &mut Metrics<'_>) -> Result<(), MetricsError> {
    let mut interfaces: Vec<Interface> = Vec::new();
    view.lines(&[view.host_process(), "net/dev"], |line| {
        interfaces.extend(
            interface(line)
                .filter(|interface| interface.is_used() && !is_link_of_container(&interface.name)),
        );
    })?;
    // The conventions name the interface by `system.device` for packets only.
    for (metric, key, value) in [
        (
            &IO,
            NETWORK_INTERFACE_NAME,
            (|traffic| traffic.bytes) as fn(&Traffic) -> u64,
        ),
        (&PACKETS, SYSTEM_DEVICE, |traffic| traffic.packets),
        (&ERRORS, NETWORK_INTERFACE_NAME, |traffic| traffic.errors),
        (&DROPPED, NETWORK_INTERFACE_NAME, |traffic| traffic.dropped),
    ] {
        metrics.metric(metric, |points| {
            for interface in &interfaces {
                for (direction, traffic) in interface.directions() {
                    points.int(
                        value(traffic),
                        &[
                            (key, Text(&interface.name)),
                            (NETWORK_IO_DIRECTION, Text(direction)),
                        ],
                    );
                }
            }
        });
    }
    Ok(())
}

/// Docker's, containerd's and podman's; Calico's; Cilium's, whose names begin as that of the bridge of LXC does.
fn is_link_of_container(name: &str) -> bool {
    name.starts_with("veth")
        || name.starts_with("cali")
        || name.starts_with("lxc") && !name.starts_with("lxcbr")
}
