//! `/proc/net/dev`: what each network interface has received and transmitted.
//!
//! ```text
//! Inter-|   Receive                                                |  Transmit
//!  face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
//!   eth0: 1260658660   65204    0    0    0     0          0         0  5455860   46872    0    0    0     0       0          0
//! ```

use super::text::{fields, number};

/// An interface and its counters since it came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interface {
    /// Its name.
    pub(super) name: String,
    /// What came in.
    pub(super) receive: Traffic,
    /// What went out.
    pub(super) transmit: Traffic,
}

/// The counters of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Bytes.
    pub(super) bytes: u64,
    /// Packets.
    pub(super) packets: u64,
    /// Packets that were faulty or could not be sent.
    pub(super) errors: u64,
    /// Packets that were dropped though they were right.
    pub(super) dropped: u64,
}

impl Interface {
    /// Both directions with their `network.io.direction`.
    pub(super) fn directions(&self) -> [(&'static str, &Traffic); 2] {
        [("receive", &self.receive), ("transmit", &self.transmit)]
    }

    /// Whether a packet has ever passed.
    pub(super) fn is_used(&self) -> bool {
        self.receive.packets > 0 || self.transmit.packets > 0
    }
}

/// The interface of a line; `None` for the two header lines and for what is not complete.
pub(super) fn interface(line: &[u8]) -> Option<Interface> {
    let colon = memchr::memrchr(b':', line)?;
    let name = str::from_utf8(line[..colon].trim_ascii()).ok()?;
    if name.is_empty() {
        return None;
    }
    let mut columns = [0; 12];
    let mut values = fields(&line[colon + 1..]);
    for column in &mut columns {
        *column = number(values.next()?)?;
    }
    let traffic = |from: usize| Traffic {
        bytes: columns[from],
        packets: columns[from + 1],
        errors: columns[from + 2],
        dropped: columns[from + 3],
    };
    Some(Interface {
        name: name.to_owned(),
        receive: traffic(0),
        transmit: traffic(8),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_directions_of_a_line_are_read_also_without_a_space_after_the_colon() {
        let expected = Interface {
            name: "eth0".to_owned(),
            receive: Traffic {
                bytes: 1,
                packets: 2,
                errors: 3,
                dropped: 4,
            },
            transmit: Traffic {
                bytes: 9,
                packets: 10,
                errors: 11,
                dropped: 12,
            },
        };
        for line in [
            &b"  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"[..],
            b"eth0:1 2 3 4 5 6 7 8 9 10 11 12",
        ] {
            assert_eq!(interface(line).as_ref(), Some(&expected));
        }
        for bad in [
            &b" face |bytes packets"[..],
            b"eth0: 1 2 3 4 5 6 7 8 9 10 11",
            b": 1",
        ] {
            assert_eq!(interface(bad), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = interface(&line);
        }

        #[test]
        fn any_line_of_numbers_is_read_without_panic(line in "[a-z: 0-9]{0,120}") {
            let _ = interface(line.as_bytes());
        }
    }
}
