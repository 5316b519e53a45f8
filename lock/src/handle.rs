//! The handle of a lock, for the work under it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::counters::Counters;
use crate::key::Key;
use crate::lease::Lease;
use crate::table::TableLayout;

tokio::task_local! {
    static SCOPE: Arc<Scope>;
}

/// The locks that a piece of work runs under, the innermost first.
struct Scope {
    handle: LockHandle,
    outer: Option<Arc<Scope>>,
}

/// A held lock, as the work under it sees it: its key, fencing token and lease, but not its
/// release.
#[derive(Clone, Debug)]
pub struct LockHandle {
    layout: Arc<TableLayout>,
    key: Key,
    fence: u64,
    lease: Lease,
    counters: Arc<Counters>,
    attempted: bool,
    /// The work's own word on whether the operation is done.
    done: Arc<Mutex<Option<bool>>>,
}

/// The innermost lock of the calling task: that of the closure, or of the Lambda invocation. `None`
/// elsewhere, also in tasks that were spawned from there.
#[must_use]
pub fn current() -> Option<LockHandle> {
    scope().map(|scope| scope.handle.clone())
}

/// The lock of this key, if the caller runs under it.
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
        attempted: bool,
    ) -> Self {
        Self {
            layout,
            key,
            fence,
            lease,
            counters,
            attempted,
            done: Arc::default(),
        }
    }

    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Whether another run of the operation may have begun before and did not complete it, so that some of its
    /// effects may be there already. Always false for a lock without an operation.
    #[must_use]
    pub fn was_attempted(&self) -> bool {
        self.attempted
    }

    /// Says whether the operation is done, whatever the work returns: an error after which it must not run again, for
    /// instance, or a success that is none. The last word counts.
    pub fn set_done(&self, done: bool) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
    }

    /// What the work has said with [`set_done`](Self::set_done).
    #[must_use]
    pub fn done(&self) -> Option<bool> {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fencing token: larger than the token of every earlier holder. Store it with every write
    /// made under the lock, and reject writes whose token is smaller than the stored one.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// The lease, to watch from other code.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// How many requests the lock has cost so far: writes, polls and heartbeats.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.counters.requests()
    }

    /// How many dead holders were evicted on the way to the lock.
    #[must_use]
    pub fn evictions(&self) -> u32 {
        self.counters.evictions()
    }

    /// Runs a closure under the lock: [`current`] returns this handle, and acquiring the same lock
    /// again fails at once, because it would wait for itself. For callers that poll a future
    /// themselves.
    pub fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let scope = Scope {
            handle: self.clone(),
            outer: scope(),
        };
        SCOPE.sync_scope(Arc::new(scope), work)
    }
}
