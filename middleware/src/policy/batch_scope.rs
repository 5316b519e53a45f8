//! What the layer tells a handler of single records about the batch in which it is called.

use std::sync::{Arc, Mutex, PoisonError};

use dynamodb_locks::{LockHandle, Operation};

use crate::batch::Known;
use crate::deadline::{Deadline, Reserve};

tokio::task_local! {
    static BATCH: Arc<BatchScope>;
}

/// A batch whose handler is running.
#[derive(Debug)]
pub(crate) struct BatchScope {
    /// The lock of each record that the handler was given, in their order.
    pub(crate) locks: Vec<Option<RecordLock>>,
    pub(crate) deadline: Option<Deadline>,
    #[cfg_attr(
        not(feature = "runtime"),
        allow(dead_code, reason = "only a handler of single records minds it")
    )]
    pub(crate) reserve: Reserve,
    /// Whether each of these records is done, if the handler tells of each.
    done: Mutex<Option<Vec<bool>>>,
}

/// The lock under which one record is worked on.
#[derive(Clone, Debug)]
pub(crate) struct RecordLock {
    pub(crate) handle: LockHandle,
    /// What is done under it once, if anything is.
    pub(crate) operation: Option<Operation>,
}

impl BatchScope {
    pub(crate) fn new(
        locks: Vec<Option<RecordLock>>,
        deadline: Option<Deadline>,
        reserve: Reserve,
    ) -> Self {
        Self {
            locks,
            deadline,
            reserve,
            done: Mutex::default(),
        }
    }

    /// Runs a piece of the handler's work in the batch.
    pub(crate) fn enter<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        BATCH.sync_scope(Arc::clone(self), work)
    }

    /// The batch in which the caller runs.
    #[cfg(feature = "runtime")]
    pub(crate) fn current() -> Option<Arc<Self>> {
        BATCH.try_with(Arc::clone).ok()
    }

    /// The handler tells of each record when it is done: its report and its end say nothing more.
    #[cfg(feature = "runtime")]
    pub(crate) fn tells_of_each(&self) {
        let none = vec![false; self.locks.len()];
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(none);
    }

    /// This record is done: if the process dies before the batch ends, it does not run again.
    #[cfg(feature = "runtime")]
    pub(crate) fn is_done(&self, record: usize) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = done.as_mut().and_then(|done| done.get_mut(record)) {
            *done = true;
        }
        if let Some(RecordLock {
            handle,
            operation: Some(operation),
        }) = &self.locks[record]
            && handle.done() != Some(false)
        {
            handle.note_done(operation);
        }
    }

    /// What is known of each record: what the handler has told, or else nothing; and its own word, which counts for more.
    pub(crate) fn known(&self) -> Vec<Known> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let records = self.locks.iter().enumerate();
        let known = records.map(|(record, lock)| Known {
            told: done.as_ref().map(|done| done[record]),
            word: lock.as_ref().and_then(|lock| lock.handle.done()),
        });
        known.collect()
    }
}
