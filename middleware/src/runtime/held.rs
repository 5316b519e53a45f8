//! What an invocation holds while its handler works: a lock, the locks of a batch, or nothing.

use std::task::{Context, Poll};

use crate::answer::failure::LockError;
use crate::policy::lock::{Finish, InvocationLock};
use crate::policy::locked_batch::{BatchEnd, LockedBatch};

#[derive(Debug)]
pub(super) enum Held {
    /// The event has no key, and needs none.
    Nothing,
    Lock(Box<InvocationLock>),
    Batch(Box<LockedBatch>),
}

impl Held {
    /// Does a piece of the handler's work under the locks.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        match self {
            Self::Nothing => work(),
            Self::Lock(lock) => lock.scope(work),
            Self::Batch(batch) => batch.scope(work),
        }
    }

    /// Why the handler has to end, if it has to.
    pub(super) fn poll_interrupted(&mut self, cx: &mut Context<'_>) -> Poll<LockError> {
        match self {
            Self::Nothing => Poll::Pending,
            Self::Lock(lock) => lock.poll_interrupted(cx),
            Self::Batch(batch) => batch.poll_interrupted(cx),
        }
    }

    /// Whether [`finish`](Self::finish) has to be told the handler's answer.
    pub(super) fn asks_for_answer(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Lock(lock) => lock.is_for_once(),
            Self::Batch(_) => true,
        }
    }

    /// Releases all locks, under which nothing has begun.
    pub(super) async fn release_unused(self) -> Option<BatchEnd> {
        match self {
            Self::Nothing => {}
            Self::Lock(lock) => lock.release_unused().await,
            Self::Batch(batch) => batch.release_unused().await,
        }
        None
    }

    /// Releases all locks. What the source of a batch is told, if it is one.
    pub(super) async fn finish(self, finish: Finish) -> Option<BatchEnd> {
        match self {
            Self::Nothing => None,
            Self::Lock(lock) => {
                lock.finish(finish).await;
                None
            }
            Self::Batch(batch) => Some(batch.finish(finish).await),
        }
    }
}
