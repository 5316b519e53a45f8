//! The words between the protocol and whoever drives it: what is asked for, what happened, what to
//! do next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Owner};
use crate::nonce::Nonce;
use crate::row::Row;
use crate::time::{Expiry, MonotonicInstant, Timestamp};
use crate::write::Write;

/// No lease is longer: each client dates the row so that it outlives this by a day, because it cannot
/// know how long the leases of the others are.
pub(crate) const LONGEST_LEASE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long the row outlives its last use at least, whoever used it.
pub(crate) const KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// What one acquisition asks for; fixed for its length.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Terms {
    /// How long a holder counts as alive without a renewal.
    pub lease: Duration,
    /// When the caller ends, whatever happens.
    pub deadline: Option<MonotonicInstant>,
    /// How others are judged dead.
    pub expiry: Expiry,
    /// How far apart any two clocks may be.
    pub skew: Duration,
    /// What the end of the lease means.
    pub on_expiry: OnExpiry,
    /// Whether to stand in the queue or to ask once.
    pub wait_mode: WaitMode,
    /// How many entries the queue may have.
    pub cap: u16,
    /// How long the row outlives its last use: the longest lease, and a day or more.
    pub grace: Duration,
    /// What makes this acquisition unmistakable.
    pub nonce: Nonce,
    /// Whose it is.
    pub owner: Owner,
}

/// What the end of a lease means. A key's kind is fixed by its first use.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExpiry {
    /// The lock is taken over.
    #[default]
    TakeOver,
    /// Nothing, once the holder has begun: only a person gives the lock back.
    Hold,
}

/// Whether a busy lock is waited for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum WaitMode {
    /// Stand in the queue.
    Wait,
    /// Take the lock only if it is free.
    Try,
}

/// What happened.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Event {
    /// The acquisition starts.
    Begin,
    /// The write in flight was answered, or its answer was lost.
    Answered(Answer),
    /// The read was answered.
    Polled(Option<Row>),
    /// The pause is over.
    Woken,
    /// The time for a renewal has come.
    Heartbeat,
    /// The lease was over before the caller heard of it: the machine stood still while the answer was on its way.
    Expired,
    /// The work is done.
    Release,
    /// Whatever the state: get out, leaving nothing behind.
    GiveUp,
}

/// What became of a write: three answers, never two.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Answer {
    /// It was applied; this is the row after it.
    Applied(Row),
    /// Its condition did not hold; this is the row it met.
    Refused(Option<Row>),
    /// It was certainly not applied, and may be sent again.
    Unapplied,
    /// Nobody knows.
    Lost,
}

impl Answer {
    /// The answer in a word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::Refused(_) => "refused",
            Self::Unapplied => "unapplied",
            Self::Lost => "lost",
        }
    }
}

/// What is to be done next.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Action {
    /// Send this write, and report the answer.
    Write(Write),
    /// Read the row, eventually consistent.
    Poll,
    /// Sleep, then report [`Event::Woken`].
    Pause(Pause),
    /// The lock is held; the lease ends at the tick, unless a heartbeat prolongs it.
    Act(MonotonicInstant),
    /// Nothing of this acquisition is left in the table, nor on its way there.
    Over(Outcome),
}

/// Why to sleep, and what is known about how long.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pause {
    /// Others arrive at the same time: the number of refusals so far.
    Herd(u32),
    /// Somebody else holds the lock.
    Turn {
        /// How many stand before us.
        position: usize,
        /// How long the holder has been seen to hold.
        age: Duration,
        /// In how long it can be found dead; none if never.
        time_to_expiry: Option<Duration>,
    },
}

/// How an acquisition ended.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// The lock was handed on.
    Released,
    /// The entry was gone before we removed it: somebody found us dead.
    Lost,
    /// The lock was not to be had.
    Refused(Refusal),
    /// The entry was given back.
    Recovered(RecoveryOutcome),
}

/// Why there is no lock.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Refusal {
    /// The reason.
    pub reason: RefusalReason,
    /// Who held the lock, as last seen.
    pub holder: Option<Entry>,
    /// When its lease ends at the latest, as last seen.
    pub until: Option<Timestamp>,
}

/// The reason of a refusal.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RefusalReason {
    /// Somebody holds it, and we were not to wait.
    Busy,
    /// As many wait as may wait.
    Full,
    /// The wait ended before our turn.
    TimedOut,
    /// The key is used with fail-closed locks, or its clients judge expiry in another way.
    Mismatch,
    /// The row's last ticket leaves no room for another.
    Exhausted,
    /// The row, or an entry in it, has this format, which only a later version reads.
    LaterFormat(u32),
}

/// What was found when an entry was given back.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RecoveryOutcome {
    /// It stood in the queue, and was taken out.
    Withdrawn,
    /// It had not arrived, and never will.
    Invalidated,
    /// It had left already.
    Gone,
    /// It stays: the holder had begun, and its lock is fail-closed.
    Pinned,
}
