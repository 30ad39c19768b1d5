//! A frame: one OTLP request as it lies in a segment, a header and then the request compressed with zstd.
//!
//! The header, all numbers little-endian:
//!
//! | bytes | field |
//! |---|---|
//! | 0..4 | magic, `TVSF` |
//! | 4 | version, 1 |
//! | 5 | signal: 1 traces, 2 metrics, 3 logs |
//! | 6..8 | 0 |
//! | 8..16 | sequence number |
//! | 16..24 | when it was appended, nanoseconds since 1970 |
//! | 24..28 | items: spans, data points, log records |
//! | 28..32 | length of the payload (compressed) |
//! | 32..36 | length of the request |
//! | 36..40 | CRC32C of the payload |
//! | 40..44 | CRC32C of bytes 0..40 |
//! | 44.. | payload |

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::Signal;

/// Of the header.
pub const HEADER_BYTES: usize = 44;
/// What a frame starts with.
pub const MAGIC: [u8; 4] = *b"TVSF";
/// The largest request; more than any receiver takes by default.
pub const MAX_REQUEST_BYTES: usize = 64 << 20;

const VERSION: u8 = 1;
/// The fastest of the usual ones: the spool fills when there is enough else to do.
const COMPRESSION_LEVEL: i32 = 1;

/// Every signal, in the order of their codes on disk, which start with 1.
pub(super) const SIGNALS: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

fn code(signal: Signal) -> u8 {
    match signal {
        Signal::Traces => 1,
        Signal::Metrics => 2,
        Signal::Logs => 3,
    }
}

/// A request as it comes out of the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is acknowledged by.
    pub seq: u64,
    /// The service it is for.
    pub signal: Signal,
    /// Spans, data points or log records in it.
    pub items: u64,
    /// When it was appended.
    pub appended_at: SystemTime,
    /// The encoded request.
    pub body: Bytes,
}

/// What is known of a frame without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// One more than that of the frame before.
    pub seq: u64,
    /// The service the request is for.
    pub signal: Signal,
    /// Spans, data points or log records in it.
    pub items: u32,
    /// Nanoseconds since 1970.
    pub time_unix_nano: u64,
    /// The payload's length.
    pub payload_bytes: u32,
    /// The request's length.
    pub request_bytes: u32,
    payload_crc: u32,
}

impl Header {
    /// Reads a header; none if these bytes are not one that was written whole.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        if bytes[..4] != MAGIC
            || bytes[4] != VERSION
            || crc32c::crc32c(&bytes[..40]) != u32_at(40)
            || u32_at(32) as usize > MAX_REQUEST_BYTES
        {
            return None;
        }
        Some(Self {
            seq: u64_at(8),
            signal: SIGNALS
                .into_iter()
                .find(|signal| code(*signal) == bytes[5])?,
            items: u32_at(24),
            time_unix_nano: u64_at(16),
            payload_bytes: u32_at(28),
            request_bytes: u32_at(32),
            payload_crc: u32_at(36),
        })
    }

    /// As it lies on disk.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = code(self.signal);
        bytes[8..16].copy_from_slice(&self.seq.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.time_unix_nano.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.items.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.request_bytes.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..40]);
        bytes[40..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Of header and payload.
    pub fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }

    /// When the frame was appended.
    pub fn appended_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.time_unix_nano)
    }

    /// The frame with its request; none if the payload is not the one that was written.
    pub fn open(&self, payload: &[u8]) -> Option<Frame> {
        if payload.len() != self.payload_bytes as usize
            || crc32c::crc32c(payload) != self.payload_crc
        {
            return None;
        }
        let body = zstd::bulk::decompress(payload, self.request_bytes as usize).ok()?;
        (body.len() == self.request_bytes as usize).then(|| Frame {
            seq: self.seq,
            signal: self.signal,
            items: u64::from(self.items),
            appended_at: self.appended_at(),
            body: body.into(),
        })
    }
}

/// A request made ready to be appended.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) header: Header,
    /// Header and payload.
    pub(super) bytes: Vec<u8>,
}

/// `body` is at most [`MAX_REQUEST_BYTES`] long.
pub(super) fn encode(
    seq: u64,
    signal: Signal,
    items: u64,
    appended_at: SystemTime,
    body: &[u8],
) -> std::io::Result<Encoded> {
    let payload = zstd::bulk::compress(body, COMPRESSION_LEVEL)?;
    let since_1970 = appended_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let header = Header {
        seq,
        signal,
        items: u32::try_from(items).unwrap_or(u32::MAX),
        time_unix_nano: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX),
        payload_bytes: payload.len() as u32,
        request_bytes: body.len() as u32,
        payload_crc: crc32c::crc32c(&payload),
    };
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(&header.encode());
    bytes.extend_from_slice(&payload);
    Ok(Encoded { header, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc32c_and_no_other_of_its_family() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_frame_lies_on_disk_as_the_table_says() {
        let time = UNIX_EPOCH + Duration::from_nanos(0x0102_0304_0506_0708);
        let encoded = encode(0x1122, Signal::Logs, 7, time, b"request").unwrap();
        let bytes = &encoded.bytes;
        assert_eq!(bytes[..8], *b"TVSF\x01\x03\x00\x00");
        assert_eq!(bytes[8..16], [0x22, 0x11, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[16..24], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(bytes[24..28], [7, 0, 0, 0]);
        assert_eq!(bytes[28..32], ((bytes.len() - 44) as u32).to_le_bytes());
        assert_eq!(bytes[32..36], [7, 0, 0, 0]);
        assert_eq!(bytes[36..40], crc32c::crc32c(&bytes[44..]).to_le_bytes());
        assert_eq!(bytes[40..44], crc32c::crc32c(&bytes[..40]).to_le_bytes());
        let header = Header::decode(bytes).unwrap();
        assert_eq!(header, encoded.header);
        assert_eq!(header.frame_bytes(), bytes.len() as u64);
        let frame = header.open(&bytes[44..]).unwrap();
        assert_eq!((frame.items, frame.appended_at), (7, time));
        assert_eq!(frame.body, b"request".as_slice());
    }

    #[test]
    fn any_changed_bit_is_noticed() {
        let bytes = encode(1, Signal::Traces, 1, UNIX_EPOCH, b"request")
            .unwrap()
            .bytes;
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let frame = Header::decode(&changed).and_then(|header| header.open(&changed[44..]));
            assert_eq!(frame, None, "bit {bit}");
        }
    }
}
