//! Mutants: the client, or what it stands on, with one thought left out. Each must be caught, or the
//! simulation is too tame.
//!
//! The code that ships is not touched. A mutant stands on the line between the SDK and DynamoDB: it
//! rewrites what is sent, keeps it back, or alters what is answered; or it hands a process a clock that
//! breaks the bounds which the laws rest on; or it is a user who does not listen.

mod answers;
mod requests;

pub(super) use self::requests::Leaving;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is left out.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Mutant {
            $($(#[$doc])* $name,)*
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

mutants! {
    /// An enqueue asks for no higher ticket than the last.
    EntersUnderTheFloor,
    /// An enqueue asks for no room in the queue.
    EntersAFullQueue,
    /// An enqueue leaves the last ticket as it is.
    EntersWithoutATrace,
    /// A second copy of an enqueue has another ticket.
    RepeatsWithAnotherStamp,
    /// A heartbeat asks for no lower renewal time.
    BeatsBlindly,
    /// A heartbeat puts the entry back.
    BeatRevives,
    /// Heartbeats count as applied, and are never sent.
    BeatsInSilence,
    /// A thief does not ask whether the holder has moved.
    StealsWithoutTheAnchor,
    /// A thief takes the waiters for dead whose lease would be over.
    WaitersLeaseRuns,
    /// A dead holder is left where it is.
    NeverSteals,
    /// A release does not ask for the entry.
    ReleasesUnconditionally,
    /// A release dates the row anew.
    ReleaseSetsTtl,
    /// A release does not set the renewal time.
    ReleaseKeepsTheAnchor,
    /// A release counts as done, and is never sent.
    ReleasesInSilence,
    /// One leaves as if it were alone, without asking.
    LeavesAsIfAlone,
    /// A waiter leaves without asking whether the entry before it is still there.
    LeavesWithoutTheOther,
    /// Who gives up does not leave the queue.
    StaysInQueue,
    /// An invalidation does not ask for a lower ticket.
    VoidLowersTheStamp,
    /// An entry that may be on its way is not invalidated.
    OmitsVoid,
    /// The row is deleted as soon as nobody holds it.
    GraceTooShort,
    /// Signs of life are dated with an earlier now.
    WritesEarliest,
    /// The time in the answers is late by more than the front ends may differ.
    ThiefUsesLatest,
    /// A wrong answer about the time is followed by others that agree with it.
    WrongDatesAgree,
    /// Wall clocks are wrong, and answers have no `Date`.
    UndatedClocksStray,
    /// Monotonic clocks run apart by more than they may.
    ClocksRunApart,
    /// Wall clocks that are trusted differ by more than the skew.
    WallClocksStray,
    /// An invalidation that is refused with the entry in the queue counts as done.
    RefusedVoidIsDone,
    /// An withdraw that is refused counts as done.
    RefusedAbandonIsDone,
    /// A release that finds the entry gone is reported as done.
    LostIsReleased,
    /// A look shows nobody before oneself.
    LooksPastTheOthers,
    /// Who is promoted does not claim.
    SkipsClaim,
    /// Fail-closed: a thief ignores that the holder has begun.
    IgnoresHeld,
    /// The sweep gives back what had begun, fail-closed.
    AbandonsTheBegun,
    /// The sweep releases instead of abandoning.
    SweepReleases,
    /// The sweep does not wait for the death.
    SweepsTheLiving,
    /// A holder never looks at the end of its lease.
    NeverChecksTheEnd,
    /// A holder's deadline does not end its lease.
    IgnoresTheDeadline,
    /// A release drops what was moved, and does not say where to look.
    MovesInSilence,
    /// A client whose turn it is finds nothing beside the lock.
    ChecksNothing,
    /// A move counts as done, and is never sent.
    DropsBeforeTheMove,
    /// What is forgotten is forgotten in the lock's row only.
    ForgetsInTheRowOnly,
    /// A move does not ask for a lower fence.
    MovesOverLater,
    /// A release says that what was moved counts for a shorter time.
    MovedUntilTooEarly,
    /// A completing release does not ask for the entry.
    CompletesWithoutTheEntry,
    /// A refused completing release counts as done.
    RefusedCompletionIsDone,
    /// A run that failed is completed.
    FailureCompletes,
    /// What is said of an attempt replaces what is said of a completion.
    AttemptsOverwrite,
    /// A release that completes nothing forgets what is done.
    ForgetsTheDone,
    /// A window is shorter than it is to be.
    WindowFromEarliest,
    /// A row is dated as if nothing were done in it.
    RowDiesBeforeItsCompletions,
    /// What the row says of an operation is never looked at.
    IgnoresCompletions,
    /// What the row says of an operation is looked at only outside the queue.
    IgnoresCompletionsInTurn,
    /// That a run has begun which is done at most once is never looked at.
    IgnoresTheBegun,
    /// A transaction does not ask for the entry.
    TransactsWithoutTheEntry,
    /// A transaction does not ask whether the operation is done, and has no token.
    TransactsTwice,
    /// A fence in a transaction asks for nothing.
    ChecksWithoutTheEntry,
}

impl Mutant {
    /// Whether it is about operations that are done once.
    pub(super) fn is_about_operations(self) -> bool {
        self >= Self::MovesInSilence
    }

    /// Whether it is about completions that were moved.
    pub(super) fn is_about_moves(self) -> bool {
        (Self::MovesInSilence..=Self::MovedUntilTooEarly).contains(&self)
    }
}

/// What the tally calls a mutant's deed.
pub(super) const SABOTAGE: &str = "sabotage";

/// A mutant at work in one simulation, and what it remembers.
#[derive(Debug)]
pub(super) struct Saboteur {
    mutant: Mutant,
    /// How often each entry was sent.
    copies: BTreeMap<String, u64>,
    /// Whose first heartbeat was told to be applied.
    claimed: BTreeSet<String>,
}

impl Saboteur {
    pub(super) fn new(mutant: Mutant) -> Self {
        Self {
            mutant,
            copies: BTreeMap::new(),
            claimed: BTreeSet::new(),
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

impl FromStr for Mutant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|mutant| mutant.to_string() == name);
        found
            .copied()
            .ok_or_else(|| format!("there is no mutant `{name}`"))
    }
}
