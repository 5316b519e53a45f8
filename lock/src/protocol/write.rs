//! The writes of the protocol, as plain data: one for each step.
//!
//! Every write is conditional on something that its own success destroys, so a repeated, hedged or
//! late copy does nothing.

use crate::protocol::entry::{Entry, Ticket};
use crate::protocol::operation::{Begun, OperationUpdate, UnlessDone};
use crate::protocol::operation_id::OperationId;
use crate::protocol::time::Timestamp;

/// One conditional write to one row.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Write {
    /// Enter the queue, if the ticket is the highest and there is room.
    Enqueue {
        /// The entry.
        me: Entry,
        /// The row's new last ticket.
        ticket: Ticket,
        /// How many entries there may be before this one.
        cap: u16,
        /// The row's lifetime after the write.
        lifetime: RowLifetime,
        /// Not if the operation is done.
        unless_done: Option<UnlessDone>,
    },
    /// Acquire the lock, if it is free.
    Try {
        /// The entry.
        me: Entry,
        /// The row's new last ticket.
        ticket: Ticket,
        /// The row's lifetime after the write.
        lifetime: RowLifetime,
        /// Not if the operation is done.
        unless_done: Option<UnlessDone>,
        /// The run begins with this, at most once: not if another one has begun.
        begins_run: Option<(OperationId, Begun)>,
    },
    /// Hand the lock on. Only the holder releases.
    Release {
        /// The holder's entry.
        me: Entry,
        /// Waiters who are dead, and leave with it.
        dead: Vec<Entry>,
        /// From when on the next holder's lease counts.
        now: Timestamp,
        /// Whether its lock is fail-closed, and the holder had begun.
        hold_on_expiry: bool,
        /// What it says of operations.
        operation: OperationUpdate,
    },
    /// Leave the queue.
    Withdraw {
        /// The entry.
        me: Entry,
        /// What it asks of the entry's place, and what becomes of the renewal time.
        renewal: RenewalUpdate,
        /// Not if the holder with this ticket has begun, fail-closed.
        unless: Option<Ticket>,
        /// What it says of operations.
        operation: OperationUpdate,
    },
    /// Renew the lease, above every earlier renewal.
    Heartbeat {
        /// The holder's entry.
        me: Entry,
        /// The renewal time.
        now: Timestamp,
        /// A later date for the row, when the holder has grown old.
        ttl: Option<u64>,
        /// The holder begins with this, fail-closed.
        begins: Option<Ticket>,
        /// The run begins with this, at most once.
        begins_run: Option<(OperationId, Begun)>,
    },
    /// Evict a dead holder, unless it renewed its lease since it was seen.
    Evict {
        /// The dead holder.
        head: Entry,
        /// The dead who stand behind it.
        behind: Vec<Entry>,
        /// The renewal time as it was seen.
        seen: Option<Timestamp>,
        /// From when on the next holder's lease counts.
        now: Timestamp,
        /// Not if the holder with this ticket has begun, fail-closed.
        unless: Option<Ticket>,
        /// What it says of the dead holder's operation.
        operation: OperationUpdate,
    },
    /// Evict all entries and enter, if no living client waits.
    EvictAndEnter {
        /// The entry.
        me: Entry,
        /// The row's new last ticket.
        ticket: Ticket,
        /// The whole queue: the dead.
        dead: Vec<Entry>,
        /// The renewal time as it was seen.
        seen: Option<Timestamp>,
        /// From when on the lease counts.
        now: Timestamp,
        /// Not if the holder with this ticket has begun, fail-closed. The renewal time says so, too: a holder that begins by a confirmation
        /// moves it, and one that begins by the trial is never seen without `pinned`.
        unless: Option<Ticket>,
        /// The row's lifetime after the write.
        lifetime: RowLifetime,
        /// Not if the operation is done.
        unless_done: Option<UnlessDone>,
        /// What it says of the dead holder's operation.
        operation: OperationUpdate,
        /// The run begins with this, at most once: not if another one has begun.
        begins_run: Option<(OperationId, Begun)>,
    },
    /// Make sure that an entry which may still be on its way can no longer enter.
    Invalidate {
        /// Its ticket.
        ticket: Ticket,
        /// The row's lifetime after the write.
        lifetime: RowLifetime,
    },
}

/// The lifetime of a row after a write that issues a ticket.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RowLifetime {
    /// TTL may delete it from then on, in seconds since the epoch.
    Expires(u64),
    /// It has no TTL: it belongs to fail-closed locks.
    Permanent,
}

/// What a withdrawal does to the renewal time. That depends on its entry's place, so the write asks for the
/// place: raised from behind a dead holder the renewal time would give that another lease, and left as it is
/// by the first in the queue it might be so old that the successor is found dead at once.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum RenewalUpdate {
    /// No other entry is in the queue, so the withdrawal changes no turn. What a client asks for that does not
    /// know its place: the refusal shows it.
    KeepAlone,
    /// This entry is in the queue and before it, so the withdrawal changes no turn.
    KeepBehind(Entry),
    /// It is first: the successor's lease counts from here. That the renewal time must be earlier is a second
    /// guard: a client that leaves was shown it, and nobody but the first in the queue moves it after that.
    Raise(Timestamp),
    /// The renewal time is not before this: it stays.
    KeepLater(Timestamp),
}

impl Write {
    /// The entry that this write puts into the queue.
    #[must_use]
    pub fn enters(&self) -> Option<&Entry> {
        match self {
            Self::Enqueue { me, .. } | Self::Try { me, .. } | Self::EvictAndEnter { me, .. } => {
                Some(me)
            }
            _ => None,
        }
    }

    /// The same write, sent at another time. Where it hands the lock on, the next holder's lease is
    /// to count from this copy: from the first one it might be over before it begins.
    #[must_use]
    pub fn at(mut self, time: Timestamp) -> Self {
        match &mut self {
            Self::Release { now, .. }
            | Self::Evict { now, .. }
            | Self::Withdraw {
                renewal: RenewalUpdate::Raise(now),
                ..
            } => *now = time,
            _ => {}
        }
        self
    }

    /// The step's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Enqueue { .. } => "enqueue",
            Self::Try { .. } => "try",
            Self::Release { .. } => "release",
            Self::Withdraw { .. } => "withdraw",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Evict { .. } => "evict",
            Self::EvictAndEnter { .. } => "evict and enter",
            Self::Invalidate { .. } => "invalidate",
        }
    }
}
