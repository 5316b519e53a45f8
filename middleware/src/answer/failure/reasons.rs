//! The failures that are ours, each with its message.

use std::fmt;

use super::{LockError, LockErrorKind};
use crate::event::key::BadKey;

impl LockError {
    pub(crate) fn bad_key(why: &BadKey) -> Self {
        Self::new(LockErrorKind::BadKey, why.to_string())
    }

    pub(crate) fn response_gone(key: impl fmt::Display) -> Self {
        let message = format!(
            "the event was done before, under lock `{key}`, and its response was not kept, or is gone"
        );
        Self::new(LockErrorKind::ResponseGone, message)
    }

    pub(crate) fn partial_batch(failed: usize, records: usize) -> Self {
        let message = format!(
            "{failed} of {records} records are not done, and their source is not told which: all come again; a queue or a \
             stream is told, with `FunctionResponseTypes: [ReportBatchItemFailures]` in its mapping and \
             `LOCKS_BATCH_REPORT=items`"
        );
        Self::new(LockErrorKind::PartialBatch, message)
    }

    pub(crate) fn no_time_left() -> Self {
        let message =
            "the rest of the time until the deadline is kept for the work, see LOCKS_RESERVE_MS";
        Self::new(LockErrorKind::TimedOut, message)
    }

    pub(crate) fn durable() -> Self {
        let message = "the event belongs to a durable execution, whose handler runs in many invocations with \
                       pauses between them, and a lock of one invocation does not cover it; remove the layer, \
                       and acquire the lock inside a step, with `Locks::with`";
        Self::new(LockErrorKind::Configuration, message)
    }

    pub(crate) fn busy_here(key: impl fmt::Display) -> Self {
        let message = format!("lock `{key}` is held by another invocation of this environment");
        Self::new(LockErrorKind::Busy, message)
    }

    pub(crate) fn waited_here(key: impl fmt::Display) -> Self {
        let message = format!(
            "lock `{key}` was held by other invocations of this environment for as long as we could wait"
        );
        Self::new(LockErrorKind::TimedOut, message)
    }

    pub(crate) fn reentrant(key: impl fmt::Display, fence: u64) -> Self {
        let message = format!(
            "lock `{key}` is held by this very invocation, with fencing token {fence}, and acquiring it again \
             would wait for itself; apply one layer, or give each layer a key of its own"
        );
        Self::new(LockErrorKind::Reentrant, message)
    }

    pub(crate) fn lost(key: impl fmt::Display) -> Self {
        let message =
            format!("the lease of lock `{key}` ended while the handler ran; it was stopped");
        Self::new(LockErrorKind::Lost, message)
    }

    pub(crate) fn deadline(key: impl fmt::Display) -> Self {
        let message = format!(
            "the handler did not end before the function's timeout; it was stopped, and lock `{key}` \
             released"
        );
        Self::new(LockErrorKind::Deadline, message)
    }

    pub(crate) fn too_late() -> Self {
        let message = "the invocation's deadline had passed before its handler began; the handler was not run";
        Self::new(LockErrorKind::Deadline, message)
    }

    pub(crate) fn ended_waiting(key: impl fmt::Display) -> Self {
        let message = format!(
            "the environment is shut down; lock `{key}` is not waited for, and the handler was not run"
        );
        Self::new(LockErrorKind::Ended, message)
    }

    pub(crate) fn ended(key: impl fmt::Display) -> Self {
        let message = format!(
            "the environment is shut down; the handler was stopped, and lock `{key}` released"
        );
        Self::new(LockErrorKind::Ended, message)
    }
}
