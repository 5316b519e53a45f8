//! What must come to pass in a scope; a model in which it does not shows nothing about it.

use dynamodb_locks::protocol::{Departure, Write};

/// Something interesting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reached {
    /// Somebody acts.
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
}

impl Reached {
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
        }
    }

    /// Whether an applied write is what was to be reached, for somebody who has acted or not, and who
    /// sweeps up or not.
    pub(super) fn is(self, write: &Write, begun: bool, heir: bool) -> bool {
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
