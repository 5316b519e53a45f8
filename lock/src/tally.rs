//! What an acquisition has cost so far.

use std::sync::atomic::{AtomicU32, Ordering};

/// Counts that are read while they grow.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicU32,
    stolen: AtomicU32,
}

impl Tally {
    /// A request leaves.
    pub(crate) fn sends(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A dead holder was taken out.
    pub(crate) fn steals(&self) {
        self.stolen.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn stolen(&self) -> u32 {
        self.stolen.load(Ordering::Relaxed)
    }
}
