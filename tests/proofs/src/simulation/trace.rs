//! The trace: what all processes did, in true time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::tally::{Sort, Tally};

/// The shared trace; clones write into the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace(Arc<Mutex<Records>>);

#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) grants: Vec<Grant>,
    /// When each acquisition was over for good, by its nonce: nothing of it is left in the table.
    pub(super) settled: BTreeMap<String, Duration>,
    /// The releases that were reported as done.
    pub(super) released: Vec<Released>,
    /// Every run of an operation, by its lock and its fence.
    pub(super) runs: BTreeMap<(String, u64), Run>,
    /// Operations that were to be forgotten.
    pub(super) forgotten: Vec<Forgotten>,
    /// Waits that may not have been longer than they were.
    pub(super) waits: Vec<Wait>,
    pub(super) tally: Tally,
    /// Each line of the trace, with its time.
    pub(super) lines: Vec<(Duration, String)>,
    /// What was seen to be wrong at once.
    pub(super) wrong: Vec<String>,
}

/// A run of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Which of the lock's operations.
    pub(super) operation: u8,
    pub(super) begin: Duration,
    /// When its work had ended well.
    pub(super) well: Option<Duration>,
    /// When its completion was reported as done.
    pub(super) told: Option<Duration>,
    /// Whether it has said that it failed.
    pub(super) failed: bool,
    /// When its completion was on disk, for recovery to find.
    pub(super) noted: Option<Duration>,
    /// What is known of the transaction that does its work.
    pub(super) transacted: Transacted,
}

/// What is known of a transaction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Transacted {
    /// There is none.
    #[default]
    Never,
    /// It may be applied from then on.
    Perhaps(Duration),
    /// The run was told then that it is not applied.
    Cancelled(Duration),
}

/// An operation that was to be forgotten.
#[derive(Clone, Debug)]
pub(super) struct Forgotten {
    pub(super) key: String,
    pub(super) operation: u8,
    pub(super) from: Duration,
    /// When that was reported as done; if it never was, it may happen at any time.
    pub(super) until: Option<Duration>,
}

/// A lock that was had, and the work that was done under it.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) process: String,
    pub(super) key: String,
    pub(super) fence: u64,
    pub(super) begin: Duration,
    /// When the work was polled: it acts then, whatever the client reported.
    pub(super) acts: Vec<Duration>,
    /// When it ended.
    pub(super) end: Option<Duration>,
    /// When it was to end, whatever happened.
    pub(super) deadline: Option<Duration>,
}

/// A release that was reported as done: when it was requested and when reported.
#[derive(Clone, Debug)]
pub(super) struct Released {
    pub(super) key: String,
    pub(super) fence: u64,
    pub(super) from: Duration,
    pub(super) until: Duration,
}

/// A call, and how long it was to take at the most.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    pub(super) process: String,
    pub(super) what: String,
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) most: Duration,
}

/// A grant in the trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct GrantId(usize);

impl Records {
    /// Whether an operation may have been forgotten between these times.
    pub(super) fn is_forgotten(
        &self,
        key: &str,
        operation: u8,
        from: Duration,
        until: Duration,
    ) -> bool {
        let mut of = self.forgotten.iter();
        of.any(|it| {
            let ends = it.until.is_none_or(|end| end >= from);
            it.key == key && it.operation == operation && it.from <= until && ends
        })
    }
}

impl Trace {
    pub(super) fn open(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn done(&self, what: &'static str) {
        self.open().tally.add(Sort::Done, what);
    }

    pub(super) fn fault(&self, what: &'static str) {
        self.open().tally.add(Sort::Fault, what);
    }

    pub(super) fn wrong(&self, wrong: impl IntoIterator<Item = String>) {
        self.open().wrong.extend(wrong);
    }

    pub(super) fn log(&self, at: Duration, line: String) {
        self.open().lines.push((at, line));
    }

    pub(super) fn settle(&self, nonces: impl IntoIterator<Item = String>, at: Duration) {
        let settled = nonces.into_iter().map(|nonce| (nonce, at));
        self.open().settled.extend(settled);
    }

    pub(super) fn begin(&self, grant: Grant) -> GrantId {
        let mut records = self.open();
        records.grants.push(grant);
        GrantId(records.grants.len() - 1)
    }

    /// The work is polled.
    pub(super) fn act(&self, GrantId(grant): GrantId, at: Duration) {
        self.open().grants[grant].acts.push(at);
    }

    /// The work has ended, or was dropped; of a process that is dead it has ended already.
    pub(super) fn end(&self, GrantId(grant): GrantId, at: impl FnOnce() -> Duration) {
        self.open().grants[grant].end.get_or_insert_with(at);
    }

    /// Nothing that this process was doing goes on after its death.
    pub(super) fn died(&self, process: &str, at: Duration) {
        let mut records = self.open();
        let open = records
            .grants
            .iter_mut()
            .filter(|grant| grant.process == process);
        open.for_each(|grant| grant.end = grant.end.or(Some(at)));
    }
}
