//! The writes of the protocol, as plain data: one for each step.
//!
//! Every write is conditional on something that its own success destroys, so a repeated, hedged or
//! late copy does nothing.

use crate::entry::{Entry, Stamp};
use crate::time::Micros;

/// One conditional write to one row.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Write {
    /// Stand in the queue, if the stamp is the highest and there is room.
    Enqueue {
        /// The entry.
        me: Entry,
        /// What the row remembers as the last stamp.
        stamp: Stamp,
        /// How many entries there may be before this one.
        cap: u16,
        /// How the row lives on.
        life: Life,
    },
    /// Take the lock, if nobody has it.
    Try {
        /// The entry.
        me: Entry,
        /// What the row remembers as the last stamp.
        stamp: Stamp,
        /// How the row lives on.
        life: Life,
    },
    /// Hand the lock on. Only the holder releases.
    Release {
        /// The holder's entry.
        me: Entry,
        /// Waiters who are dead, and leave with it.
        dead: Vec<Entry>,
        /// From when on the next holder's lease counts.
        now: Micros,
        /// Whether it had begun, fail-closed.
        closed: bool,
    },
    /// Leave the queue.
    Abandon {
        /// The entry.
        me: Entry,
        /// What becomes of the anchor.
        anchor: Departure,
        /// Not if the holder with this stamp has begun, fail-closed.
        unless: Option<Stamp>,
    },
    /// Give a sign of life, above every earlier one.
    Beat {
        /// The holder's entry.
        me: Entry,
        /// The sign.
        now: Micros,
        /// A later date for the row, when the holder has grown old.
        ttl: Option<u64>,
        /// The holder begins with this, fail-closed.
        begins: Option<Stamp>,
    },
    /// Remove a dead holder, unless it gave a sign of life since it was seen.
    Steal {
        /// The dead holder.
        head: Entry,
        /// The dead who stand behind it.
        behind: Vec<Entry>,
        /// The anchor as it was seen.
        seen: Option<Micros>,
        /// From when on the next holder's lease counts.
        now: Micros,
        /// Not if the holder with this stamp has begun, fail-closed.
        unless: Option<Stamp>,
    },
    /// Stand in the place of the dead, when nobody else waits.
    Take {
        /// The entry.
        me: Entry,
        /// What the row remembers as the last stamp.
        stamp: Stamp,
        /// The whole queue: the dead.
        dead: Vec<Entry>,
        /// The anchor as it was seen.
        seen: Option<Micros>,
        /// From when on the lease counts.
        now: Micros,
        /// Not if the holder with this stamp has begun, fail-closed. The anchor says so, too: whoever begins by a claim
        /// moves it, and whoever begins by the trial is never seen without `held`.
        unless: Option<Stamp>,
        /// How the row lives on.
        life: Life,
    },
    /// Make sure that an entry which may still be on its way can no longer enter.
    Void {
        /// Its stamp.
        stamp: Stamp,
        /// How the row lives on.
        life: Life,
    },
}

/// How a row lives on after a write that issues a stamp.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Life {
    /// It may be swept away then, in seconds since the epoch.
    Until(u64),
    /// It belongs to fail-closed locks, for good.
    Closed,
}

/// What an abandoned entry leaves behind in the anchor.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Departure {
    /// Two or more stand before it: it is nobody's turn because of this.
    Quiet,
    /// It may be the successor's turn now: its lease counts from here, if that is later.
    Raise(Micros),
    /// The anchor is not before this: it stays.
    Under(Micros),
}

impl Write {
    /// The entry that this write puts into the queue.
    #[must_use]
    pub fn enters(&self) -> Option<&Entry> {
        match self {
            Self::Enqueue { me, .. } | Self::Try { me, .. } | Self::Take { me, .. } => Some(me),
            _ => None,
        }
    }

    /// The same write, sent at another time. Where it hands the lock on, the next holder's lease is
    /// to count from this copy: from the first one it might be over before it begins.
    #[must_use]
    pub fn at(mut self, time: Micros) -> Self {
        match &mut self {
            Self::Release { now, .. }
            | Self::Steal { now, .. }
            | Self::Abandon {
                anchor: Departure::Raise(now),
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
            Self::Abandon { .. } => "abandon",
            Self::Beat { .. } => "beat",
            Self::Steal { .. } => "steal",
            Self::Take { .. } => "steal and take",
            Self::Void { .. } => "void",
        }
    }
}
