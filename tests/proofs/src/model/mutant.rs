//! Mutants: the protocol with one thought left out. Each must be caught.

macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is left out.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum Mutant {
            $($(#[$doc])* $name,)*
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

mutants! {
    /// An enqueue asks for no higher ticket than the last.
    EntersUnderTheFloor,
    /// An enqueue asks for no room in the queue.
    EntersAFullQueue,
    /// A heartbeat asks for no lower renewal time.
    BeatsBlindly,
    /// A thief does not ask whether the holder has moved.
    StealsWithoutTheAnchor,
    /// A release does not ask for the entry.
    ReleasesUnconditionally,
    /// Who takes a dead holder's place does not compare the queue.
    TakesWithoutTheQueue,
    /// An invalidation does not ask for a lower ticket.
    VoidLowersTheStamp,
    /// A release dates the row anew.
    ReleaseSetsTtl,
    /// A release does not set the renewal time.
    ReleaseKeepsTheAnchor,
    /// A thief takes the waiters for dead whose lease would be over.
    WaitersLeaseRuns,
    /// A heartbeat puts the entry back.
    BeatRevives,
    /// The row is deleted as soon as nobody holds it.
    GraceTooShort,
    /// A thief judges by the latest possible now.
    ThiefUsesLatest,
    /// Signs of life are dated with the earliest possible now.
    WritesEarliest,
    /// What was written too early is not taken off.
    TooEarlyIsKept,
    /// Stamps do not come from the time: after a deletion they start again.
    CounterRestarts,
    /// A refused heartbeat counts as applied.
    RefusedBeatCounts,
    /// Busy is final while a copy is on its way.
    BusyIsFinal,
    /// An invalidation that is refused with the entry in the queue counts as done.
    RefusedVoidIsDone,
    /// An withdraw that is refused counts as done.
    RefusedAbandonIsDone,
    /// A ticket that was too low is sent again.
    RestampForgetsTheFloor,
    /// Fail-closed: a thief ignores that the holder has begun.
    IgnoresHeld,
    /// The sweep releases instead of abandoning.
    SweepReleases,
    /// A release that finds the entry gone is reported as done.
    LostIsReleased,
    /// A holder never looks at the end of its lease.
    NeverChecksTheEnd,
    /// A lease counts from the answer instead of the request.
    CountsFromTheAnswer,
    /// A holder's deadline does not end its lease.
    IgnoresTheDeadline,
    /// An entry that may be on its way is not invalidated.
    OmitsVoid,
    /// Who is promoted does not claim.
    SkipsClaim,
    /// The next in line leaves without raising the renewal time.
    LeavesQuietly,
    /// A waiter leaves without asking whether the entry before it is still there.
    LeavesWithoutTheOther,
    /// One leaves as if it were alone, without asking.
    LeavesAsIfAlone,
    /// One that does not know its place raises the renewal time.
    RaisesUnsure,
    /// Who gives up does not leave the queue.
    StaysInQueue,
    /// The sweep gives back what had begun, fail-closed.
    AbandonsTheBegun,
    /// A dead holder is left where it is.
    NeverSteals,
    /// The sweep does not wait for the death.
    SweepsTheLiving,
    /// What the row says of an operation is never looked at.
    IgnoresCompletions,
    /// What the row says of an operation is looked at only outside the queue.
    IgnoresCompletionsInTurn,
    /// A completing release does not ask for the entry.
    CompletesWithoutTheEntry,
    /// A run that failed is completed.
    FailureCompletes,
    /// The recovery forgets what was noted.
    RecoveryForgetsTheNote,
    /// The recovery completes what was not noted.
    RecoveryCompletesAll,
    /// A window is over by the latest possible now.
    WindowEndsByLatest,
    /// A completion is dated with the earliest possible now.
    WindowFromEarliest,
    /// A release forgets what is done.
    ForgetsTheDone,
    /// What is said of an attempt replaces what is said of a completion.
    AttemptsOverwrite,
    /// A refused completing release counts as done.
    RefusedCompletionIsDone,
    /// That a run has begun which is done at most once is never looked at.
    IgnoresTheBegun,
    /// The recovery forgets that a run has begun which is done at most once.
    RecoveryForgetsTheBegun,
    /// The recovery completes one operation of all that were noted.
    RecoveryCompletesOne,
    /// A holder does its second operation without looking whether that is done.
    IgnoresTheSecond,
    /// A release drops what was moved, and does not say that there is something beside the row.
    MovesInSilence,
    /// A release drops what has not been moved.
    DropsBeforeTheMove,
    /// A client whose turn it is finds nothing beside the row.
    ChecksNothing,
}
