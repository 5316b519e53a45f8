//! What an acquisition has cost so far.

use std::sync::atomic::{AtomicU32, Ordering};

/// Counters, readable while the acquisition goes on.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU32,
    evictions: AtomicU32,
}

impl Counters {
    /// Counts a request.
    pub(crate) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the eviction of a dead holder.
    pub(crate) fn count_eviction(&self) {
        self.evictions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn evictions(&self) -> u32 {
        self.evictions.load(Ordering::Relaxed)
    }
}
