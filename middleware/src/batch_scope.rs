//! What the layer tells a handler of single records about the batch in which it is called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dynamodb_locks::LockHandle;

use crate::deadline::{Deadline, Reserve};

tokio::task_local! {
    static BATCH: Arc<BatchScope>;
}

/// A batch whose handler is running.
#[derive(Debug)]
pub(crate) struct BatchScope {
    /// The lock of each record that the handler was given, in their order.
    pub(crate) locks: Vec<Option<LockHandle>>,
    pub(crate) deadline: Option<Deadline>,
    pub(crate) reserve: Reserve,
    tells_all: AtomicBool,
}

impl BatchScope {
    pub(crate) fn new(
        locks: Vec<Option<LockHandle>>,
        deadline: Option<Deadline>,
        reserve: Reserve,
    ) -> Self {
        Self {
            locks,
            deadline,
            reserve,
            tells_all: AtomicBool::new(false),
        }
    }

    /// Runs a piece of the handler's work in the batch.
    pub(crate) fn enter<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        BATCH.sync_scope(Arc::clone(self), work)
    }

    /// The batch in which the caller runs.
    pub(crate) fn current() -> Option<Arc<Self>> {
        BATCH.try_with(Arc::clone).ok()
    }

    /// The handler's report names every record that failed, also behind the first one of a shard.
    pub(crate) fn tell_all(&self) {
        self.tells_all.store(true, Ordering::Relaxed);
    }

    pub(crate) fn tells_all(&self) -> bool {
        self.tells_all.load(Ordering::Relaxed)
    }
}
