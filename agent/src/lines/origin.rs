//! The resource that a log's records belong to; it may change while the log is read, as when a container is renamed.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::batch::SourceKey;

/// A resource and the name of its records' run in a batch.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Another one for each resource, ever.
    pub key: SourceKey,
    /// The encoded fields of the `Resource`.
    pub resource: Arc<[u8]>,
}

/// Where a log comes from. Cheap to ask whether it has changed.
#[derive(Debug)]
pub struct Origin {
    version: AtomicU64,
    identity: Mutex<Identity>,
}

impl Identity {
    fn new(resource: Arc<[u8]>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            key: SourceKey(NEXT.fetch_add(1, Ordering::Relaxed)),
            resource,
        }
    }
}

impl Origin {
    /// An origin of the encoded fields of a `Resource`.
    pub fn new(resource: Arc<[u8]>) -> Arc<Self> {
        Arc::new(Self {
            version: AtomicU64::new(0),
            identity: Mutex::new(Identity::new(resource)),
        })
    }

    /// Changes the resource for all records from now on; whether it is another one.
    pub fn replace(&self, resource: Arc<[u8]>) -> bool {
        let mut identity = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let is_another = identity.resource != resource;
        if is_another {
            *identity = Identity::new(resource);
            self.version.fetch_add(1, Ordering::Release);
        }
        is_another
    }

    /// The identity as it is now.
    pub fn identity(&self) -> Identity {
        self.identity
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Another number after each change.
    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}
