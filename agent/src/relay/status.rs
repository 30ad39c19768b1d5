//! The messages that answer a request: `Export…ServiceResponse`, and `google.rpc.Status` with its `RetryInfo`.
//!
//! <https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto>
//! <https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto>

use std::time::Duration;

use crate::wire::protobuf::{bytes, int, uint};

use super::{PartialSuccess, Refusal};

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// A status code of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    InvalidArgument = 3,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unavailable = 14,
}

impl Refusal {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Full { .. } => Code::ResourceExhausted,
            Self::Unavailable { .. } => Code::Unavailable,
            // gRPC's libraries say RESOURCE_EXHAUSTED to a large message, which some exporters would send again and again.
            Self::Invalid { .. } | Self::TooLarge { .. } => Code::InvalidArgument,
            Self::UnknownCompression { .. } => Code::Unimplemented,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full { retry_after } => Some(*retry_after),
            Self::Unavailable { retry_after } => *retry_after,
            _ => None,
        }
    }
}

/// The response of each of the three services.
pub(super) fn response(partial_success: Option<&PartialSuccess>) -> Vec<u8> {
    let mut response = Vec::new();
    if let Some(partial_success) = partial_success {
        let mut message = Vec::new();
        if partial_success.rejected != 0 {
            int(&mut message, 1, partial_success.rejected);
        }
        bytes(&mut message, 2, partial_success.message.as_bytes());
        bytes(&mut response, 1, &message);
    }
    response
}

/// The `Status` of a refusal.
pub(super) fn status(refusal: &Refusal) -> Vec<u8> {
    let mut status = Vec::new();
    uint(&mut status, 1, refusal.code() as u64);
    bytes(&mut status, 2, refusal.to_string().as_bytes());
    if let Some(delay) = refusal.retry_after() {
        let mut duration = Vec::new();
        uint(&mut duration, 1, delay.as_secs());
        uint(&mut duration, 2, delay.subsec_nanos().into());
        let mut retry_info = Vec::new();
        bytes(&mut retry_info, 1, &duration);
        let mut any = Vec::new();
        bytes(&mut any, 1, RETRY_INFO.as_bytes());
        bytes(&mut any, 2, &retry_info);
        bytes(&mut status, 3, &any);
    }
    status
}
