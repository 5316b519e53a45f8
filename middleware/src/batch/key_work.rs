//! The records that share a lock.

use dynamodb_locks::Operation;

use super::Fate;

/// The work that needs the lock of one key.
#[derive(Debug)]
pub(crate) struct KeyWork {
    pub(crate) key: String,
    /// In the order of the batch.
    pub(crate) works: Vec<RecordWork>,
}

/// A record, and what is to be done for it once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordWork {
    pub(crate) record: usize,
    pub(crate) operation: Option<Operation>,
}

/// One write completes no more operations: the rest comes again.
pub(super) const MOST_UNDER_ONE_KEY: usize = 200;

impl KeyWork {
    /// `is_beside` tells whether a record is in the same group: only then a failure of it stops what stands behind
    /// this one, too.
    pub(super) fn add(&mut self, work: RecordWork, is_beside: impl Fn(usize) -> bool) -> Fate {
        for first in &self.works {
            match first.operation.zip(work.operation) {
                Some((one, other)) if one == other => {
                    return match is_beside(first.record) {
                        true => Fate::SameAs(first.record),
                        false => Fate::HeldBack,
                    };
                }
                Some((one, other)) if one.is_same_as(&other) => {
                    tracing::warn!(
                        "a record is held back: its idempotency key came with another request"
                    );
                    return Fate::HeldBack;
                }
                _ => {}
            }
        }
        if self.works.len() >= MOST_UNDER_ONE_KEY && work.operation.is_some() {
            tracing::warn!(
                most = MOST_UNDER_ONE_KEY,
                "a record is held back: too many of one key in one batch"
            );
            return Fate::HeldBack;
        }
        self.works.push(work);
        Fate::Run
    }
}
