//! What a configuration must reach: a model that never evicts shows nothing about evicting.

use dynamodb_locks::protocol::{RenewalUpdate, Write};

use super::table::operation;

/// One kind of event that a configuration must reach.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Coverage {
    /// A client acts.
    Acts,
    /// A waiter becomes the holder by a hand-off.
    HandedOff,
    /// A dead holder is removed by a waiter.
    Stolen,
    /// A dead holder is removed, and the dead behind it.
    StolenBoth,
    /// A dead holder's place is taken at once.
    Taken,
    /// A renewal is given before acting.
    Claimed,
    /// A renewal is given while acting.
    Beaten,
    /// A ticket is kept from ever entering.
    Voided,
    /// A ticket is refused for being too low.
    Restamps,
    /// The only entry leaves, and the renewal time stays.
    LeftAlone,
    /// A waiter leaves behind another, and the renewal time stays.
    LeftQuietly,
    /// A client leaves, and the renewal time is raised.
    LeftRaising,
    /// A client leaves under a renewal time that is later.
    LeftUnder,
    /// What the dead have left is given back.
    Swept,
    /// A write is sent again while an earlier copy of it is on its way.
    Resent,
    /// A copy is on its way that nobody waits for.
    Late,
    /// A read shows the row as it was.
    Stale,
    /// The queue has no room.
    Full,
    /// The row is deleted by its TTL after a fence was issued.
    Deleted,
    /// A fail-closed holder that is dead stays.
    Kept,
    /// An operation is done.
    Completed,
    /// A recovery completes what its dead owner has noted.
    Recovered,
    /// One is told that its operation is done.
    Skipped,
    /// A run that did not complete is remembered.
    Attempted,
    /// A completion leaves the row for one of its own.
    Moved,
    /// One is told that a run was interrupted which is done at most once.
    Interrupted,
}

impl Coverage {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acts => "act",
            Self::HandedOff => "hand-off",
            Self::Stolen => "evict",
            Self::StolenBoth => "evict from two",
            Self::Taken => "evict and enter",
            Self::Claimed => "claim",
            Self::Beaten => "heartbeat",
            Self::Voided => "invalidate",
            Self::Restamps => "new ticket",
            Self::LeftAlone => "leave alone",
            Self::LeftQuietly => "leave quietly",
            Self::LeftRaising => "leave raising",
            Self::LeftUnder => "leave under",
            Self::Swept => "sweep",
            Self::Resent => "resend",
            Self::Late => "late copy",
            Self::Stale => "stale look",
            Self::Full => "full",
            Self::Deleted => "deletion",
            Self::Kept => "kept",
            Self::Completed => "completion",
            Self::Recovered => "completed by recovery",
            Self::Skipped => "duplicate",
            Self::Attempted => "attempt",
            Self::Moved => "move",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether an applied write counts as this coverage; `begun`: its client has acted, `heir`: it cleans
    /// up after another.
    pub(super) fn is(self, write: &Write, begun: bool, heir: bool) -> bool {
        let said = operation(write);
        if self == Self::Attempted {
            return said.is_some_and(|said| said.attempted.is_some());
        }
        if self == Self::Recovered {
            return heir && said.is_some_and(|said| !said.completes.is_empty());
        }
        if self == Self::Moved {
            return said.is_some_and(|said| said.moved_until.is_some());
        }
        match write {
            Write::Evict { behind, .. } => {
                self == Self::Stolen || !behind.is_empty() && self == Self::StolenBoth
            }
            Write::EvictAndEnter { .. } => self == Self::Taken,
            Write::Heartbeat { .. } if begun => self == Self::Beaten,
            Write::Heartbeat { .. } => self == Self::Claimed,
            Write::Invalidate { .. } => self == Self::Voided || heir && self == Self::Swept,
            Write::Withdraw { .. } if heir && self == Self::Swept => true,
            Write::Withdraw { renewal, .. } => match renewal {
                RenewalUpdate::KeepAlone => self == Self::LeftAlone,
                RenewalUpdate::KeepBehind(_) => self == Self::LeftQuietly,
                RenewalUpdate::Raise(_) => self == Self::LeftRaising,
                RenewalUpdate::KeepLater(_) => self == Self::LeftUnder,
            },
            Write::Enqueue { .. } | Write::Try { .. } | Write::Release { .. } => false,
        }
    }
}
