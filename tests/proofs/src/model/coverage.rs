//! What a configuration must reach: a model that never steals shows nothing about stealing.

use dynamodb_locks::protocol::{Departure, Write};

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
    /// A sign of life is given before acting.
    Claimed,
    /// A sign of life is given while acting.
    Beaten,
    /// A stamp is kept from ever entering.
    Voided,
    /// A stamp is refused for being too low.
    Restamps,
    /// A waiter leaves without a word.
    LeftQuietly,
    /// Somebody leaves, and the anchor is raised.
    LeftRaising,
    /// Somebody leaves under an anchor that is later.
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
}

impl Coverage {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acts => "act",
            Self::HandedOff => "hand-off",
            Self::Stolen => "steal",
            Self::StolenBoth => "steal from two",
            Self::Taken => "take",
            Self::Claimed => "claim",
            Self::Beaten => "beat",
            Self::Voided => "void",
            Self::Restamps => "restamp",
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
            return heir && said.is_some_and(|said| said.completes.is_some());
        }
        match write {
            Write::Steal { behind, .. } => {
                self == Self::Stolen || !behind.is_empty() && self == Self::StolenBoth
            }
            Write::Take { .. } => self == Self::Taken,
            Write::Beat { .. } if begun => self == Self::Beaten,
            Write::Beat { .. } => self == Self::Claimed,
            Write::Void { .. } => self == Self::Voided || heir && self == Self::Swept,
            Write::Abandon { .. } if heir && self == Self::Swept => true,
            Write::Abandon { anchor, .. } => match anchor {
                Departure::Quiet => self == Self::LeftQuietly,
                Departure::Raise(_) => self == Self::LeftRaising,
                Departure::Under(_) => self == Self::LeftUnder,
            },
            Write::Enqueue { .. } | Write::Try { .. } | Write::Release { .. } => false,
        }
    }
}
