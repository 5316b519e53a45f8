//! The messages between the protocol and its driver: what is asked for, what happened, what to do
//! next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::protocol::entry::{Entry, Owner};
use crate::protocol::nonce::Nonce;
use crate::protocol::operation::{Completion, OperationState, OperationTerms};
use crate::protocol::operation_id::OperationId;
use crate::protocol::row::Row;
use crate::protocol::time::{Expiry, MonotonicInstant, Timestamp};
use crate::protocol::write::Write;

/// No lease is longer: each client dates the row so that it outlives this by a day, because it cannot
/// know how long the leases of the others are.
pub(crate) const LONGEST_LEASE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The shortest time that any client lets the row outlive its last use.
pub(crate) const KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// The terms of one acquisition; fixed for its length.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Terms {
    /// How long a holder counts as alive without a renewal.
    pub lease: Duration,
    /// The caller's deadline.
    pub deadline: Option<MonotonicInstant>,
    /// How others are judged dead.
    pub expiry: Expiry,
    /// How far apart any two clocks may be.
    pub skew: Duration,
    /// What the end of the lease means.
    pub on_expiry: OnExpiry,
    /// Whether to wait in the queue or to try once.
    pub wait_mode: WaitMode,
    /// How many entries the queue may have.
    pub cap: u16,
    /// How long the row outlives its last use: the longest lease, and a day or more.
    pub grace: Duration,
    /// Makes this acquisition unique.
    pub nonce: Nonce,
    /// The owner's label.
    pub owner: Owner,
    /// What is to be done under the lock, if it is to be done once.
    pub operation: Option<OperationTerms>,
}

/// What happens when a lease expires. A key's first use fixes it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExpiry {
    /// The next waiter takes the lock over.
    #[default]
    TakeOver,
    /// Nothing, once the holder has begun to act: only an operator releases the lock.
    Hold,
}

/// Whether to wait for a held lock.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum WaitMode {
    /// Wait in the queue.
    Wait,
    /// Acquire the lock only if it is free.
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
    /// The consistent read of the operation's own row was answered.
    Checked(Option<OperationState>),
    /// The pause is over, or a read was not answered.
    Woken,
    /// The time for a renewal has come.
    Heartbeat,
    /// The lease was over before the caller heard of it: the machine stood still while the answer was on its way.
    Expired,
    /// The work is done.
    Release,
    /// Leave, whatever the state, and leave nothing behind.
    GiveUp,
}

/// The outcome of a write: applied, refused or unknown.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Answer {
    /// It was applied; this is the row after it.
    Applied(Row),
    /// Its condition did not hold; this is the row it met.
    Refused(Option<Row>),
    /// It was certainly not applied, and may be sent again.
    Unapplied,
    /// The outcome is unknown.
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
#[expect(
    clippy::large_enum_variant,
    reason = "an action lives for a moment, and mostly it is the large one"
)]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Action {
    /// Send this write, and report the answer.
    Write(Write),
    /// Read the row, eventually consistent.
    Poll,
    /// Read the row into which the completion of this operation may have moved, strongly consistent.
    Check(OperationId),
    /// Sleep, then report [`Event::Woken`].
    Pause(Pause),
    /// The lock is held; the lease ends at this instant, unless a heartbeat renews it.
    Act(MonotonicInstant),
    /// Nothing of this acquisition is left in the table, nor on its way there.
    Over(Outcome),
}

/// Why to sleep, and what is known about how long.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pause {
    /// Others arrive at the same time: the number of refusals so far.
    Herd(u32),
    /// Another entry holds the lock.
    Turn {
        /// How many entries are before ours.
        position: usize,
        /// How long the holder has been seen to hold.
        age: Duration,
        /// How long until it may be found dead; `None` if never.
        time_to_expiry: Option<Duration>,
    },
}

/// How an acquisition ended.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// The lock was handed on.
    Released,
    /// The entry was gone before we removed it: another client found us dead.
    Lost,
    /// The lock was not acquired.
    Refused(Refusal),
    /// The entry of another owner was recovered.
    Recovered(RecoveryOutcome),
}

/// Why the lock was not acquired.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Refusal {
    /// The reason.
    pub reason: RefusalReason,
    /// Who held the lock, as last seen.
    pub holder: Option<Entry>,
    /// When its lease ends at the latest, as last seen.
    pub until: Option<Timestamp>,
    /// The run that has done the operation, if one has.
    pub completion: Option<Box<Completion>>,
}

/// The reason of a refusal.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RefusalReason {
    /// The lock is held, and the call did not wait.
    Busy,
    /// The queue is full.
    Full,
    /// The wait ended before the lock was free.
    TimedOut,
    /// The key is used with fail-closed locks, or its clients judge expiry in another way.
    Mismatch,
    /// The ticket counter is exhausted.
    Exhausted,
    /// The row, or an entry in it, has this format, which only a later version reads.
    LaterFormat(u32),
    /// The operation is done.
    Completed,
    /// The operation is done, and its idempotency key came with another request.
    KeyReused,
    /// Another run of the operation has begun, which is done at most once, and its end is not known.
    Interrupted,
    /// What the row says of the operation cannot be read.
    Unreadable,
}

/// The outcome of recovering an entry.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RecoveryOutcome {
    /// It was in the queue, and was removed.
    Withdrawn,
    /// It had not entered, and never will.
    Invalidated,
    /// It had left already.
    Gone,
    /// It stays: the holder had begun, and its lock is fail-closed.
    Pinned,
    /// It stood in the queue, was taken out, and its operation, which its owner had done, was completed.
    Completed,
}
