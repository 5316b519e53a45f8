//! A row of the table. Pure.
//!
//! A row is the queue of one key, and the queue is the lock: the smallest entry holds it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::protocol::entry::{Entry, Fields, Ticket};
use crate::protocol::operation::OperationState;
use crate::protocol::operation_id::OperationId;
use crate::protocol::time::{Expiry, Timestamp};

/// One key's row.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Row {
    /// The entries, in queue order. The first is the holder.
    pub queue: BTreeSet<Entry>,
    /// The last ticket that was issued for this key.
    pub last: Option<Ticket>,
    /// The holder's last renewal.
    pub renewed_at: Option<Timestamp>,
    /// Whether this key's locks are fail-closed, for good.
    pub hold_on_expiry: bool,
    /// The ticket of the fail-closed holder that has begun to act.
    pub pinned: Option<Ticket>,
    /// The format of the row, where it is later than the first.
    pub format: Option<u32>,
    /// What is known of operations that are done under this lock.
    pub operations: BTreeMap<OperationId, OperationState>,
    /// Until when completions that were moved out of this row count, in seconds since the epoch.
    pub moved_until: Option<u64>,
}

/// The latest format of a row that this version reads, and the one that it writes.
const FORMAT: u32 = 1;

/// How long after its deadline an entry's owner may still be ending: the time that the platform
/// gives to an environment that it shuts down.
pub(crate) const DEADLINE_MARGIN: Duration = Duration::from_secs(2);

/// How many dead entries one write removes: DynamoDB bounds the length of an expression.
const MOST_AT_ONCE: usize = 100;

impl Row {
    /// The holder's entry.
    #[must_use]
    pub fn holder(&self) -> Option<&Entry> {
        self.queue.first()
    }

    /// The entry with this ticket, if it is in the queue.
    #[must_use]
    pub fn entry(&self, ticket: Ticket) -> Option<&Entry> {
        self.queue
            .iter()
            .find(|entry| entry.ticket() == Some(ticket))
    }

    /// The format of the row, or of an entry before this one, if it is later than those that this
    /// version reads. To an entry that is not in the queue every other one counts.
    #[must_use]
    pub fn later_format(&self, me: &Entry) -> Option<u32> {
        let row = self.format.filter(|&format| format > FORMAT);
        let inside = self.queue.contains(me);
        let before = self.queue.iter().take_while(|&entry| !inside || entry < me);
        row.or_else(|| before.filter_map(Entry::later_format).next())
    }

    /// The entry's position, 0 at the head; `None` if it is not in the queue.
    #[must_use]
    pub fn position(&self, entry: &Entry) -> Option<usize> {
        self.queue
            .contains(entry)
            .then(|| self.queue.range(..entry).count())
    }

    /// The entry right before this one.
    #[must_use]
    pub fn before(&self, entry: &Entry) -> Option<&Entry> {
        self.queue.range(..entry).next_back()
    }

    /// Whether an entry with this ticket can no longer enter.
    #[must_use]
    pub fn has_passed(&self, ticket: Ticket) -> bool {
        self.last.is_some_and(|last| last >= ticket)
    }

    /// Whether the holder has begun to act, and its lock is fail-closed: then it cannot be found
    /// dead.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        let holder = self.holder().and_then(Entry::ticket);
        self.pinned.is_some() && self.pinned == holder
    }

    /// The renewal from which the holder's lease is counted.
    #[must_use]
    pub fn alive_at(&self, holder: &Fields) -> Timestamp {
        self.renewed_at
            .map_or(holder.own, |renewed_at| renewed_at.max(holder.own))
    }

    /// When the holder's lease ends; never for an entry that cannot be read.
    #[must_use]
    pub fn lease_ends(&self) -> Option<Timestamp> {
        let holder = self.holder()?.fields()?;
        Some(self.alive_at(holder) + holder.lease)
    }

    /// The waiters past their deadline and the margin: a waiter's lease does not run. The first of
    /// them, as many as one write takes out; `now` is the earliest possible now as to one of them.
    pub fn dead_waiters(&self, now: impl Fn(&Fields) -> Timestamp) -> impl Iterator<Item = &Entry> {
        let ended = move |fields: &Fields| {
            fields
                .deadline
                .is_some_and(|it| it + DEADLINE_MARGIN < now(fields))
        };
        let over = move |entry: &&Entry| entry.fields().is_some_and(&ended);
        self.queue.iter().skip(1).filter(over).take(MOST_AT_ONCE)
    }

    /// An entry whose expiry mode conflicts with ours, if there is one.
    #[must_use]
    pub fn conflicting_expiry(&self, ours: Expiry) -> Option<&Entry> {
        let observes = |expiry| expiry == Expiry::Observe;
        let other = |fields: &Fields| observes(fields.expiry) != observes(ours);
        self.queue
            .iter()
            .find(|entry| entry.fields().is_some_and(other))
    }
}
