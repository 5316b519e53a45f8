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
    /// A copy arrives that nobody waits for.
    Late,
    /// The row is deleted by its TTL after a fence was issued.
    Deleted,
    /// A fail-closed holder that is dead stays.
    Kept,
}

impl Reached {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acts => "somebody acts",
            Self::HandedOff => "the lock is handed on",
            Self::Stolen => "a dead holder is stolen from",
            Self::Taken => "a dead holder's place is taken",
            Self::Claimed => "somebody claims",
            Self::Beaten => "somebody beats",
            Self::Voided => "a stamp is voided",
            Self::Restamps => "a stamp is raised",
            Self::LeftQuietly => "a waiter leaves quietly",
            Self::LeftRaising => "somebody leaves and raises the anchor",
            Self::LeftUnder => "somebody leaves under a later anchor",
            Self::Swept => "the sweep gives back",
            Self::Late => "a late copy is on its way",
            Self::Deleted => "the row is deleted",
            Self::Kept => "the begun stays",
        }
    }

    /// Whether an applied write is what was to be reached, for somebody who has acted or not, and who
    /// sweeps up or not.
    pub(super) fn is(self, write: &Write, begun: bool, heir: bool) -> bool {
        match write {
            Write::Steal { .. } => self == Self::Stolen,
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
