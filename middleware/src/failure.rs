//! What went wrong, and under which name.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use dynamodb_locks::Error;

use crate::key::BadKey;

/// What went wrong with the lock. Its name is stable: `ErrorEquals` of Step Functions and the rules of
/// dead-letter queues can rely on it. Callers over HTTP get the status instead.
///
/// | name | status | what it means |
/// |---|---|---|
/// | `Lock.Busy` | 409 | somebody else holds the lock, and we were not to wait |
/// | `Lock.TimedOut` | 409 | the wait ended before it was our turn |
/// | `Lock.Full` | 409 | as many wait as may wait |
/// | `Lock.Reentrant` | 500 | the invocation holds the lock already: the layer, or another one with the same key, is applied twice |
/// | `Lock.BadKey` | 400 | the event has no key, or not one that can name a lock |
/// | `Lock.Lost` | 500 | the lease ended while the handler ran; the handler was stopped |
/// | `Lock.Deadline` | 504 | the handler did not end in time; it was stopped, and the lock released; or it never began, because the deadline had passed |
/// | `Lock.Ended` | 503 | the environment is shut down; the handler was stopped, and the lock released |
/// | `Lock.Unavailable` | 503 | DynamoDB does not answer |
/// | `Lock.Denied` | 500 | the function has not the rights it needs on the table |
/// | `Lock.BadTable` | 500 | there is no such table, or it has other keys, or the row is damaged |
/// | `Lock.Configuration` | 500 | a setting is wrong, or the clients of one key disagree |
/// | `Lock.KeyReused` | 422 | the event is done already, and its idempotency key came with another request |
/// | `Lock.ResponseGone` | 410 | the event is done already, and its response cannot be replayed |
pub struct LockFailure {
    kind: FailureKind,
    message: String,
    typically: Option<Duration>,
    source: Option<Error>,
}

/// When nobody can tell how long something lasts.
const SOON: Duration = Duration::from_secs(1);

/// What kind of failure it is; [`LockFailure`] has the table.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum FailureKind {
    /// Another invocation holds the lock, and waiting was disabled.
    Busy,
    /// The wait ended before this invocation's turn.
    TimedOut,
    /// The queue is full.
    Full,
    /// The invocation holds the lock already.
    Reentrant,
    /// The event has no key, or none that can name a lock.
    BadKey,
    /// The lease expired while the handler ran.
    Lost,
    /// The handler did not end before the deadline, or could not begin before it.
    Deadline,
    /// The environment is shut down.
    Ended,
    /// DynamoDB does not answer.
    Unavailable,
    /// The function lacks rights on the table.
    Denied,
    /// The table is missing, has other keys, or its row is damaged.
    BadTable,
    /// A setting is wrong, or the clients of one key disagree.
    Configuration,
    /// The event is done already, and its idempotency key came with another request.
    KeyReused,
    /// The event is done already, and its response cannot be replayed.
    ResponseGone,
}

impl LockFailure {
    /// A failure of one kind: for tests of what a program does about it.
    ///
    /// ```
    /// # use lambda_locks::{FailureKind, LockFailure};
    /// let busy = LockFailure::new(FailureKind::Busy, "lock `order/42` is held");
    /// assert_eq!((busy.name(), busy.status()), ("Lock.Busy", 409));
    /// ```
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            typically: None,
            source: None,
        }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Its stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            FailureKind::Busy => "Lock.Busy",
            FailureKind::TimedOut => "Lock.TimedOut",
            FailureKind::Full => "Lock.Full",
            FailureKind::Reentrant => "Lock.Reentrant",
            FailureKind::BadKey => "Lock.BadKey",
            FailureKind::Lost => "Lock.Lost",
            FailureKind::Deadline => "Lock.Deadline",
            FailureKind::Ended => "Lock.Ended",
            FailureKind::Unavailable => "Lock.Unavailable",
            FailureKind::Denied => "Lock.Denied",
            FailureKind::BadTable => "Lock.BadTable",
            FailureKind::Configuration => "Lock.Configuration",
            FailureKind::KeyReused => "Lock.KeyReused",
            FailureKind::ResponseGone => "Lock.ResponseGone",
        }
    }

    /// What a caller over HTTP gets for it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            FailureKind::Busy | FailureKind::TimedOut | FailureKind::Full => 409,
            FailureKind::BadKey => 400,
            FailureKind::ResponseGone => 410,
            FailureKind::KeyReused => 422,
            FailureKind::Reentrant
            | FailureKind::Lost
            | FailureKind::Denied
            | FailureKind::BadTable
            | FailureKind::Configuration => 500,
            FailureKind::Ended | FailureKind::Unavailable => 503,
            FailureKind::Deadline => 504,
        }
    }

    /// Whether somebody else has the lock, and so works on the same thing.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(
            self.kind,
            FailureKind::Busy | FailureKind::TimedOut | FailureKind::Full
        )
    }

    /// Whether the lease was lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.kind == FailureKind::Lost
    }

    /// When to come back: the rest of the holder's lease, or the time for which this environment's locks
    /// are held as a rule, if that is shorter. None if coming back would be no better.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let told = self.source.as_ref().and_then(Error::retry_after);
        let passes =
            self.is_busy() || matches!(self.kind, FailureKind::Ended | FailureKind::Unavailable);
        let rest = told.or_else(|| passes.then_some(SOON))?;
        // A holder is rarely at its end, and rarely keeps its lock for the whole lease.
        Some(match self.typically {
            Some(typical) if self.is_busy() => rest.min(typical.max(SOON)),
            _ => rest,
        })
    }

    /// How long locks are held as a rule, as far as that is known.
    pub(crate) fn typically(self, typically: Option<Duration>) -> Self {
        Self { typically, ..self }
    }

    /// Says how long it was waited, and why not longer, if it was.
    pub(crate) fn after_wait(mut self, waited: Duration, why: &str) -> Self {
        if self.kind == FailureKind::TimedOut {
            let seconds = waited.as_secs_f64();
            self.message
                .push_str(&format!("; waited {seconds:.1} s: {why}"));
        }
        self
    }

    /// What a caller over HTTP may know: neither whose the lock is nor how it is kept.
    pub(crate) fn public(&self) -> &'static str {
        match self.kind {
            FailureKind::Busy | FailureKind::TimedOut | FailureKind::Full => {
                "somebody else is at work on this; come back later"
            }
            FailureKind::BadKey => "the request does not say what it is about",
            FailureKind::KeyReused => {
                "another request came with this idempotency key before; a new request needs a new key"
            }
            FailureKind::ResponseGone => {
                "this was done already, and its response is no longer known"
            }
            FailureKind::Lost => "the work was stopped half-way, because others may be at it now",
            FailureKind::Deadline => "the work took too long, and was stopped",
            FailureKind::Ended | FailureKind::Unavailable => {
                "this cannot be done now; come back later"
            }
            FailureKind::Reentrant
            | FailureKind::Denied
            | FailureKind::BadTable
            | FailureKind::Configuration => "the service is not set up as it should be",
        }
    }

    pub(crate) fn bad_key(why: &BadKey) -> Self {
        Self::new(FailureKind::BadKey, why.to_string())
    }

    pub(crate) fn response_gone(key: impl fmt::Display) -> Self {
        let message = format!(
            "the event was done before, under lock `{key}`, and its response was not kept, or is gone"
        );
        Self::new(FailureKind::ResponseGone, message)
    }

    pub(crate) fn durable() -> Self {
        let message = "the event belongs to a durable execution, whose handler runs in many invocations with \
                       pauses between them, and a lock of one invocation does not cover it; remove the layer, \
                       and acquire the lock inside a step, with `Locks::with`";
        Self::new(FailureKind::Configuration, message)
    }

    pub(crate) fn busy_here(key: impl fmt::Display) -> Self {
        let message = format!("lock `{key}` is held by another invocation of this environment");
        Self::new(FailureKind::Busy, message)
    }

    pub(crate) fn waited_here(key: impl fmt::Display) -> Self {
        let message = format!(
            "lock `{key}` was held by other invocations of this environment for as long as we could wait"
        );
        Self::new(FailureKind::TimedOut, message)
    }

    pub(crate) fn reentrant(key: impl fmt::Display, fence: u64) -> Self {
        let message = format!(
            "lock `{key}` is held by this very invocation, with fence {fence}, and acquiring it again \
             would wait for itself; apply one layer, or give each layer a key of its own"
        );
        Self::new(FailureKind::Reentrant, message)
    }

    pub(crate) fn lost(key: impl fmt::Display) -> Self {
        let message =
            format!("the lease of lock `{key}` ended while the handler ran; it was stopped");
        Self::new(FailureKind::Lost, message)
    }

    pub(crate) fn deadline(key: impl fmt::Display) -> Self {
        let message = format!(
            "the handler did not end before the function's timeout; it was stopped, and lock `{key}` \
             released"
        );
        Self::new(FailureKind::Deadline, message)
    }

    pub(crate) fn too_late() -> Self {
        let message = "the invocation's deadline had passed before its handler began; the handler was not run";
        Self::new(FailureKind::Deadline, message)
    }

    pub(crate) fn ended_waiting(key: impl fmt::Display) -> Self {
        let message = format!(
            "the environment is shut down; lock `{key}` is not waited for, and the handler was not run"
        );
        Self::new(FailureKind::Ended, message)
    }

    pub(crate) fn ended(key: impl fmt::Display) -> Self {
        let message = format!(
            "the environment is shut down; the handler was stopped, and lock `{key}` released"
        );
        Self::new(FailureKind::Ended, message)
    }
}

impl From<Error> for LockFailure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            error if error.is_busy() => FailureKind::Busy,
            error if error.is_timed_out() => FailureKind::TimedOut,
            error if error.is_full() => FailureKind::Full,
            error if error.is_reentrant() => FailureKind::Reentrant,
            error if error.is_bad_key() => FailureKind::BadKey,
            error if error.is_lost() => FailureKind::Lost,
            error if error.is_denied() => FailureKind::Denied,
            error if error.is_bad_table() => FailureKind::BadTable,
            error if error.is_configuration() => FailureKind::Configuration,
            error if error.is_key_reused() => FailureKind::KeyReused,
            error if error.is_response_gone() => FailureKind::ResponseGone,
            _ => FailureKind::Unavailable,
        };
        Self {
            kind,
            message: error.to_string(),
            typically: None,
            source: Some(error),
        }
    }
}

/// Its name and message, once: the message of a source is a part of it.
impl fmt::Debug for LockFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message)
    }
}

impl fmt::Display for LockFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for LockFailure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
