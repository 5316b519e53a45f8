//! What the handler can know of the lock it runs under.

use dynamodb_locks::Holding;

tokio::task_local! {
    static CURRENT: Holding;
}

/// The lock that the layer holds for the running invocation; none outside the invocation's own task.
#[must_use]
pub fn current() -> Option<Holding> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Does a piece of the invocation's work.
pub(crate) fn scope<T>(holding: &Holding, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(holding.clone(), work)
}
