//! One client, and what is known of it from outside.

use dynamodb_locks::protocol::{Acquisition, Answer, Completions, Entry, MonotonicInstant, Write};

/// A seat at the table: a client, or who sweeps up after it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Client {
    /// None before it begins, while it is dead, and when it is over.
    pub(super) acquisition: Option<Acquisition>,
    pub(super) stage: Stage,
    /// Until when it acts.
    pub(super) acts: Option<MonotonicInstant>,
    /// Whether it has acted.
    pub(super) begun: bool,
    /// Whether it died; then nobody knows how far it had come.
    pub(super) died: bool,
    /// Whether it is on its way out.
    pub(super) leaving: bool,
    /// Whether it has released.
    pub(super) lets_go: bool,
    /// Its work has ended well, and is noted with these completions.
    pub(super) recorded: Completions,
    /// Whether its clock has seen an answer.
    pub(super) heard: bool,
    /// Whether a copy of the write that it waits for was applied already.
    pub(super) spent: bool,
    /// Whether its work ended while it held the lock, or a release of its own was applied.
    pub(super) covered: bool,
    /// Whether it sweeps up after the one who sat here, or after its own dropped future.
    pub(super) heir: bool,
    /// How many renewals it may yet give.
    pub(super) beats: u8,
    /// How many more times it takes the lock.
    pub(super) rounds: u8,
    /// When it began, where its patience has a bound.
    pub(super) since: u8,
}

/// What it is about.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Stage {
    /// It has not begun.
    Idle,
    /// The write has left.
    Asked { write: Write, sent: u8 },
    /// The answer is on its way back.
    Answered { write: Write, answer: Answer },
    /// It sleeps, to look again, or to come with another ticket.
    Paused { restamps: bool },
    /// It holds the lock.
    Holding,
    /// It is dead or was dropped, and left this entry behind.
    Left(Entry),
    /// It has nothing left to do.
    Over,
}

impl Client {
    pub(super) fn new(beats: u8, rounds: u8) -> Self {
        Self {
            acquisition: None,
            stage: Stage::Idle,
            acts: None,
            begun: false,
            died: false,
            leaving: false,
            lets_go: false,
            recorded: Completions::new(),
            heard: false,
            spent: false,
            covered: false,
            heir: false,
            beats,
            rounds,
            since: 0,
        }
    }

    /// The entry that it has, or is about to have, in the queue.
    pub(super) fn entry(&self) -> Option<&Entry> {
        self.acquisition.as_ref().map(Acquisition::entry)
    }

    /// The write that it waits for.
    pub(super) fn asks(&self) -> Option<&Write> {
        match &self.stage {
            Stage::Asked { write, .. } | Stage::Answered { write, .. } => Some(write),
            _ => None,
        }
    }

    /// Whether it is alive, and wants the lock for itself.
    pub(super) fn wants(&self) -> bool {
        self.acquisition.is_some() && !self.heir
    }

    pub(super) fn acts_at(&self, tick: MonotonicInstant) -> bool {
        self.acts.is_some_and(|ends| tick < ends)
    }

    /// Nothing of it is left; it may come again.
    pub(super) fn end(&mut self) {
        let again = self.rounds.saturating_sub(1);
        let stage = if again > 0 { Stage::Idle } else { Stage::Over };
        *self = Self {
            stage,
            ..Self::new(self.beats, again)
        };
    }
}
