//! What the work that is done under a lock knows of it.

use std::sync::Arc;

use crate::counters::Counters;
use crate::key::Key;
use crate::lease::Lease;
use crate::table::TableLayout;

tokio::task_local! {
    static SCOPE: Arc<Scope>;
}

/// The locks under which a piece of work is done, the innermost first.
struct Scope {
    handle: LockHandle,
    outer: Option<Arc<Scope>>,
}

/// A lock, to those who work under it: what can be known of it, but not its release.
#[derive(Clone, Debug)]
pub struct LockHandle {
    layout: Arc<TableLayout>,
    key: Key,
    fence: u64,
    lease: Lease,
    counters: Arc<Counters>,
}

/// The innermost lock under which this is called: that of the closure, or of the Lambda invocation. None
/// elsewhere, tasks that were spawned from there included.
#[must_use]
pub fn current() -> Option<LockHandle> {
    scope().map(|scope| scope.handle.clone())
}

/// The lock of this name under which this is called.
pub(crate) fn current_for(layout: &TableLayout, key: &Key) -> Option<LockHandle> {
    let mut scope = scope();
    while let Some(inner) = scope {
        if *inner.handle.layout == *layout && inner.handle.key.as_str() == key.as_str() {
            return Some(inner.handle.clone());
        }
        scope = inner.outer.clone();
    }
    None
}

fn scope() -> Option<Arc<Scope>> {
    SCOPE.try_with(Arc::clone).ok()
}

impl LockHandle {
    pub(crate) fn new(
        layout: Arc<TableLayout>,
        key: Key,
        fence: u64,
        lease: Lease,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            layout,
            key,
            fence,
            lease,
            counters,
        }
    }

    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The fencing token: larger than that of everybody who held this lock before. Store it with what is
    /// done under the lock, and refuse whoever comes with a smaller one than the stored.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// The lease, to be watched from elsewhere.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// How many requests were sent for the lock so far: writes, looks, and heartbeats.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.counters.requests()
    }

    /// How many times a dead holder was taken out on the way to the lock.
    #[must_use]
    pub fn evictions(&self) -> u32 {
        self.counters.evictions()
    }

    /// Does a piece of work under the lock: [`current`] tells it, and asking for the same lock once more
    /// is refused at once, because it would wait for itself. For those who poll a future themselves.
    pub fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let scope = Scope {
            handle: self.clone(),
            outer: scope(),
        };
        SCOPE.sync_scope(Arc::new(scope), work)
    }
}
