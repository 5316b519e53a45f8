//! An operation: what an event asks for, which is to be done once. Pure.
//!
//! What is known of an operation stands in the row of the lock under which it is done, in an attribute that is
//! called `@` and the operation's id. It is one line of text that a person can read:
//!
//! ```text
//! attempted 1763812800 1763640123456789                       a run began and did not complete
//! begun 1763812800 1763640123456789                           at most once: begun by that fence, its end is not known
//! done 1763812800 1763640123456789 - none                     done until then, by the run with that fence
//! done 1763812800 1763640123456789 k3F9xQ2mZ1A text {"a":1}   with the fingerprint of the request, and its response
//! done 1763812800 1763640123456789 - row 51200                the response stands in a row of its own
//! done 1763812800 1763640123456789 - lost                     the response could not be kept
//! ```
//!
//! The lines sort so that one comparison decides: `line < "done " + now` is true for every attempt, for everything that
//! was begun, and for every completion whose window is over.

mod line;
pub(crate) mod room;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::entry::{Entry, Ticket};
use crate::protocol::operation_id::{Fingerprint, OperationId};
use crate::protocol::time::Timestamp;

/// What one acquisition is to do once.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct OperationTerms {
    /// Which operation it is.
    pub id: OperationId,
    /// What the request was, if that matters.
    pub fingerprint: Option<Fingerprint>,
    /// It is done at most once: a run says that it has begun before it acts, and that counts for this window.
    pub at_most_once: Option<Duration>,
}

/// What a row says of an operation.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum OperationState {
    /// A run began that did not complete. It keeps nobody from another attempt.
    Attempted(Attempt),
    /// A run of an operation that is done at most once has begun, and how it ended is not known.
    Begun(Begun),
    /// It is done.
    Completed(Completion),
    /// The attribute is none of ours, or damaged.
    Unreadable,
}

/// A run that began and did not complete.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Attempt {
    /// Until when it is remembered, in seconds since the epoch.
    pub until: u64,
    /// The fence of the run.
    pub fence: Ticket,
}

/// A run that has begun what is done at most once.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Begun {
    /// Until when nobody else begins, in seconds since the epoch.
    pub until: u64,
    /// The fence of the run.
    pub fence: Ticket,
}

/// The end of the run that has done the operation.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Completion {
    /// Until when the operation counts as done, in seconds since the epoch.
    pub until: u64,
    /// The fence of the run.
    pub fence: Ticket,
    /// What the request was.
    pub fingerprint: Option<Fingerprint>,
    /// Where the response is.
    pub response: Kept,
}

/// Where the response of a completed run is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Kept {
    /// None was to be kept.
    None,
    /// Here.
    Text(Arc<str>),
    /// In a row of its own, with this many bytes.
    Row(u32),
    /// Here, encrypted by the caller's own code.
    Sealed(Arc<str>),
    /// The same in a row of its own.
    SealedRow(u32),
    /// It could not be kept.
    Lost,
}

/// Operations that are done, each with its completion.
pub type Completions = BTreeMap<OperationId, Completion>;

/// What a write changes of what the row says about operations.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct OperationUpdate {
    /// These are done, whatever the row said.
    pub completes: Completions,
    /// A run of the operation has begun and did not complete; written unless the row says more.
    pub attempted: Option<(OperationId, Attempt)>,
    /// Operations whose windows are over.
    pub forgets: Vec<OperationId>,
    /// A later date for the row, which outlives the completions.
    pub ttl: Option<u64>,
    /// Until when completions that were moved out of this row count, where some of those that are forgotten were.
    pub moved_until: Option<u64>,
}

/// A condition of a write that enters: the operation is not done yet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct UnlessDone {
    /// Which operation.
    pub id: OperationId,
    /// Completions until before this are over, in seconds since the epoch.
    pub now: u64,
}

/// No window is longer: the row outlives its last use by a day more.
pub(crate) const LONGEST_WINDOW: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long an attempt is remembered.
pub(crate) const ATTEMPT_KEPT: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// The row outlives its completions by this.
const KEPT_BEYOND: u64 = 24 * 60 * 60;

/// How many operations one write forgets: DynamoDB bounds the length of an expression.
pub(crate) const MOST_FORGOTTEN: usize = 40;

/// How many operations one write completes, for the same reason.
pub(crate) const MOST_COMPLETED: usize = 200;

/// How many attempts a row keeps, the latest ones: they decide nothing, and each write of the lock pays for them.
pub(crate) const MOST_ATTEMPTS: usize = 10;

impl OperationTerms {
    /// Whether a completion answers another request than ours, which came with the same idempotency key.
    #[must_use]
    pub fn differs_from(&self, completion: &Completion) -> bool {
        let both = self.fingerprint.zip(completion.fingerprint);
        both.is_some_and(|(ours, theirs)| ours != theirs)
    }
}

impl OperationState {
    /// The completion, unless its window is over for certain.
    #[must_use]
    pub fn completed(&self, earliest: Timestamp) -> Option<&Completion> {
        match self {
            Self::Completed(completion) if completion.until >= seconds(earliest) => {
                Some(completion)
            }
            _ => None,
        }
    }

    /// Whether it is of no use to anybody any more.
    #[must_use]
    pub fn is_expired(&self, earliest: Timestamp) -> bool {
        match self {
            Self::Attempted(attempt) => attempt.until < seconds(earliest),
            Self::Begun(begun) => !begun.counts(earliest),
            Self::Completed(_) => self.completed(earliest).is_none(),
            Self::Unreadable => false,
        }
    }
}

impl Attempt {
    /// The run with this fence began, and did not complete.
    #[must_use]
    pub fn of(fence: Ticket, latest: Timestamp) -> Self {
        let until = seconds(latest + ATTEMPT_KEPT);
        Self { until, fence }
    }
}

impl Begun {
    /// Whether its window is not over for certain.
    #[must_use]
    pub fn counts(&self, earliest: Timestamp) -> bool {
        self.until >= seconds(earliest)
    }
}

impl Completion {
    /// When the row may be swept away at the earliest, in seconds since the epoch.
    #[must_use]
    pub fn keeps_row_until(&self) -> u64 {
        keeps_row_until(self.until)
    }
}

/// When a row may be swept away at the earliest that says something until then, in seconds since the epoch.
pub(crate) fn keeps_row_until(until: u64) -> u64 {
    until + KEPT_BEYOND
}

impl UnlessDone {
    /// The operation is not done, as far as is known at this time.
    #[must_use]
    pub fn of(id: OperationId, earliest: Timestamp) -> Self {
        let now = seconds(earliest);
        Self { id, now }
    }
}

impl OperationUpdate {
    /// The owner of an entry has begun, perhaps, and does not go on.
    #[must_use]
    pub fn attempted(entry: &Entry, latest: Timestamp) -> Self {
        let attempted = entry.fields().and_then(|fields| {
            let attempt = Attempt::of(fields.ticket, latest);
            Some((fields.operation?, attempt))
        });
        Self {
            attempted,
            ..Self::default()
        }
    }

    /// Forgets the operations of a row whose windows are over, and attempts but for the latest; none that this update
    /// speaks of: DynamoDB takes one change of an attribute.
    #[must_use]
    pub fn forgetting(
        mut self,
        operations: &BTreeMap<OperationId, OperationState>,
        earliest: Timestamp,
    ) -> Self {
        let over = operations
            .iter()
            .filter(|(_, state)| state.is_expired(earliest));
        let over = over.map(|(&id, _)| id).chain(surplus_attempts(operations));
        let forgets: BTreeSet<_> = over.filter(|&id| !self.names(id)).collect();
        self.forgets
            .extend(forgets.into_iter().take(MOST_FORGOTTEN));
        self
    }

    fn names(&self, operation: OperationId) -> bool {
        let attempted = self.attempted.map(|(id, _)| id);
        attempted == Some(operation)
            || self.completes.contains_key(&operation)
            || self.forgets.contains(&operation)
    }
}

/// The attempts of a row but for the latest ones.
fn surplus_attempts(
    operations: &BTreeMap<OperationId, OperationState>,
) -> impl Iterator<Item = OperationId> {
    let mut attempts: Vec<_> = operations
        .iter()
        .filter_map(|(&id, state)| match state {
            OperationState::Attempted(attempt) => Some((attempt.fence, id)),
            _ => None,
        })
        .collect();
    attempts.sort_unstable();
    let surplus = attempts.len().saturating_sub(MOST_ATTEMPTS);
    attempts.into_iter().take(surplus).map(|(_, id)| id)
}

/// Whether what counts until then, in seconds since the epoch, may still count.
pub(crate) fn may_count(until: u64, earliest: Timestamp) -> bool {
    until >= seconds(earliest)
}

/// Whole seconds, rounded down.
fn seconds(time: Timestamp) -> u64 {
    time.0 / 1_000_000
}

/// Until when an operation counts as done that was done now at the latest, in seconds since the epoch.
#[must_use]
pub fn done_until(latest: Timestamp, window: Duration) -> u64 {
    (latest + window.min(LONGEST_WINDOW)).0.div_ceil(1_000_000)
}
