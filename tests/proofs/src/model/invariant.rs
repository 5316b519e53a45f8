//! The invariants (laws of DESIGN.md, with their numbers) that a state or a step can break.

use std::fmt;

/// An invariant, by what breaks it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Invariant {
    /// 1: two act at a time, or one whose entry was taken away, and another may at any moment.
    OneActs,
    /// 2: a fence is not above the one before it.
    FencesRise,
    /// 3: one acts who is not first in the queue, or a living one was passed over.
    QueueOrder,
    /// 4: a second copy of a write has an effect.
    CopiesAreNoOps,
    /// 5: a release is reported as done, and the lock had been lost before.
    AnswersAreTrue,
    /// 7: one acts beyond its deadline.
    DeadlineEnds,
    /// 8: what was given back is still in the queue, or enters again.
    NothingIsLeft,
    /// 8: a client that is not the holder has lengthened the holder's life.
    OwnLifeOnly,
    /// 8: a fail-closed holder that had begun was given back by another.
    BegunStays,
    /// 10: more stand in the queue than may.
    QueueIsBounded,
    /// 11: one begins what is done, or is told that something is done that is not.
    DoneOnce,
    /// 12: a completion is not that of the last run that began, or its work did not end well.
    CompletionsAreTrue,
    /// 19: a second run began of what is done at most once.
    AtMostOnce,
    /// 17: work that was noted as done left the queue without its completion.
    NotedIsCompleted,
    /// 8, 10: a living waiter gets no turn, or the dead stay in the queue.
    EverybodyGoesOn,
}

impl Invariant {
    /// Its name, with its number in DESIGN.md.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneActs => "law 1: at most one holder acts",
            Self::FencesRise => "law 2: fences strictly increase",
            Self::QueueOrder => "law 3: grants follow the queue",
            Self::CopiesAreNoOps => "law 4: a second copy does nothing",
            Self::AnswersAreTrue => "law 5: a yes is a yes",
            Self::DeadlineEnds => "law 7: nobody acts past its deadline",
            Self::NothingIsLeft => "law 8: what is over is out for good",
            Self::OwnLifeOnly => "law 8: nobody lengthens another's life",
            Self::BegunStays => "law 8: the begun is not given back",
            Self::QueueIsBounded => "law 10: the queue is bounded",
            Self::DoneOnce => "law 11: what is done is not done again",
            Self::CompletionsAreTrue => "law 12: completions are true",
            Self::AtMostOnce => "law 19: at most once",
            Self::NotedIsCompleted => "law 17: what was noted is completed",
            Self::EverybodyGoesOn => "law 8: everybody gets on",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
