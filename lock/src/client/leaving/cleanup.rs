//! Releasing dropped locks.
//!
//! `Drop` does no I/O: it hands the entry to a task of the client, which releases it at once. Where no
//! runtime runs, the next call on the client does it, or `release_all`, or the recovery of orphans.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::client::driving::driver::Budget;
use crate::client::leaving::release;
use crate::client::shared::Shared;

/// How long one attempt may take; the next call on the client retries the rest.
const BUDGET: Duration = Duration::from_secs(3);

/// Starts the cleanup when it is dropped, if an orphan was left. It is dropped after the
/// [`Trail`](crate::client::memory::trail::Trail) that it belongs to.
pub(crate) struct Cleanup(Arc<Shared>);

impl Cleanup {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::clone(shared))
    }
}

impl Cleanup {
    /// The client.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleanup").finish_non_exhaustive()
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        let Some(runtime) = Handle::try_current()
            .ok()
            .filter(|_| self.0.registry.has_orphans())
        else {
            return;
        };
        let shared = Arc::clone(&self.0);
        self.0.registry.spawn(&runtime, async move {
            let budget = Budget::until(shared.clock.after(BUDGET));
            release::dropped(&shared, budget).await;
        });
    }
}
