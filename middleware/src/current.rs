//! What the handler can know of the lock it runs under.

use std::sync::Arc;

use dynamodb_locks::Held;

tokio::task_local! {
    static CURRENT: Current;
}

/// The lock of the running invocation.
#[derive(Clone, Debug)]
pub struct Current {
    key: Arc<str>,
    fence: u64,
}

impl Current {
    pub(crate) fn of(held: &Held) -> Self {
        Self {
            key: held.key().as_str().into(),
            fence: held.fence(),
        }
    }

    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The fencing token: larger than that of every invocation that held this lock before. Store it
    /// with what the handler writes, and refuse a write whose fence is smaller than the stored one.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }

    pub(crate) fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }
}

/// The lock that the layer holds for the running invocation; none outside the invocation's own
/// task.
#[must_use]
pub fn current() -> Option<Current> {
    CURRENT.try_with(Clone::clone).ok()
}
