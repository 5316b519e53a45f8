//! The errors of a lock, with their stable names.

mod reasons;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use dynamodb_locks::Error;

/// An error of the invocation's lock. Its name is stable: `ErrorEquals` of Step Functions and the
/// rules of dead-letter queues can rely on it. Callers over HTTP get the status instead.
///
/// | name | status | what it means |
/// |---|---|---|
/// | `Lock.Busy` | 409 | another invocation holds the lock, and this one did not wait |
/// | `Lock.TimedOut` | 409 | the wait ended before the lock was free |
/// | `Lock.Full` | 409 | the queue is full |
/// | `Lock.Reentrant` | 500 | the invocation holds the lock already: the layer, or another one with the same key, is applied twice |
/// | `Lock.BadKey` | 400 | the event has no key, or not one that can name a lock |
/// | `Lock.Lost` | 500 | the lease ended while the handler ran; the handler was stopped |
/// | `Lock.Deadline` | 504 | the handler did not end in time; it was stopped, and the lock released; or it never began, because the deadline had passed |
/// | `Lock.Ended` | 503 | the environment is shut down; the handler was stopped, and the lock released |
/// | `Lock.Unavailable` | 503 | DynamoDB does not answer |
/// | `Lock.Denied` | 500 | the function lacks permissions on the table |
/// | `Lock.BadTable` | 500 | the table is missing or has other keys, or the row is damaged |
/// | `Lock.Configuration` | 500 | a setting is invalid, or the clients of one key have conflicting settings |
/// | `Lock.KeyReused` | 422 | the event is done already, and its idempotency key came with another request |
/// | `Lock.ResponseGone` | 410 | the event is done already, and its response cannot be replayed |
/// | `Lock.PartialBatch` | 500 | records of a batch were held back or failed, and its source cannot be told which |
/// | `Lock.Interrupted` | 409 | a run of the event has begun, nobody knows how it ended, and it is not to run twice |
pub struct LockError {
    kind: LockErrorKind,
    message: String,
    typically: Option<Duration>,
    source: Option<Error>,
}

/// The time to come back when the duration is unknown.
const SOON: Duration = Duration::from_secs(1);

/// The kind of an error; [`LockError`] has the table.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum LockErrorKind {
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
    /// The function lacks permissions on the table.
    Denied,
    /// The table is missing, has other keys, or its row is damaged.
    BadTable,
    /// A setting is invalid, or the clients of one key have conflicting settings.
    Configuration,
    /// The event is done already, and its idempotency key came with another request.
    KeyReused,
    /// The event is done already, and its response cannot be replayed.
    ResponseGone,
    /// Records of a batch were held back or failed, and its source cannot be told which.
    PartialBatch,
    /// A run of the event has begun, nobody knows how it ended, and it is not to run twice.
    Interrupted,
}

impl LockError {
    /// An error of one kind, for tests of code that handles it.
    ///
    /// ```
    /// # use lambda_locks::{LockErrorKind, LockError};
    /// let busy = LockError::new(LockErrorKind::Busy, "lock `order/42` is held");
    /// assert_eq!((busy.name(), busy.status()), ("Lock.Busy", 409));
    /// ```
    #[must_use]
    pub fn new(kind: LockErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            typically: None,
            source: None,
        }
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> LockErrorKind {
        self.kind
    }

    /// Its stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            LockErrorKind::Busy => "Lock.Busy",
            LockErrorKind::TimedOut => "Lock.TimedOut",
            LockErrorKind::Full => "Lock.Full",
            LockErrorKind::Reentrant => "Lock.Reentrant",
            LockErrorKind::BadKey => "Lock.BadKey",
            LockErrorKind::Lost => "Lock.Lost",
            LockErrorKind::Deadline => "Lock.Deadline",
            LockErrorKind::Ended => "Lock.Ended",
            LockErrorKind::Unavailable => "Lock.Unavailable",
            LockErrorKind::Denied => "Lock.Denied",
            LockErrorKind::BadTable => "Lock.BadTable",
            LockErrorKind::Configuration => "Lock.Configuration",
            LockErrorKind::KeyReused => "Lock.KeyReused",
            LockErrorKind::ResponseGone => "Lock.ResponseGone",
            LockErrorKind::PartialBatch => "Lock.PartialBatch",
            LockErrorKind::Interrupted => "Lock.Interrupted",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            LockErrorKind::Busy
            | LockErrorKind::TimedOut
            | LockErrorKind::Full
            | LockErrorKind::Interrupted => 409,
            LockErrorKind::BadKey => 400,
            LockErrorKind::ResponseGone => 410,
            LockErrorKind::KeyReused => 422,
            LockErrorKind::Reentrant
            | LockErrorKind::Lost
            | LockErrorKind::PartialBatch
            | LockErrorKind::Denied
            | LockErrorKind::BadTable
            | LockErrorKind::Configuration => 500,
            LockErrorKind::Ended | LockErrorKind::Unavailable => 503,
            LockErrorKind::Deadline => 504,
        }
    }

    /// Whether another invocation holds the lock, and so works on the same thing.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(
            self.kind,
            LockErrorKind::Busy | LockErrorKind::TimedOut | LockErrorKind::Full
        )
    }

    /// Whether the lease was lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.kind == LockErrorKind::Lost
    }

    /// When to come back: the rest of the holder's lease, or the time for which this environment
    /// usually holds its locks, if that is shorter. `None` if a retry would not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let told = self.source.as_ref().and_then(Error::retry_after);
        let passes = self.is_busy()
            || matches!(self.kind, LockErrorKind::Ended | LockErrorKind::Unavailable);
        let rest = told.or_else(|| passes.then_some(SOON))?;
        // A holder is rarely at its end, and rarely keeps its lock for the whole lease.
        Some(match self.typically {
            Some(typical) if self.is_busy() => rest.min(typical.max(SOON)),
            _ => rest,
        })
    }

    /// How long locks are usually held, if that is known.
    pub(crate) fn typically(self, typically: Option<Duration>) -> Self {
        Self { typically, ..self }
    }

    /// Adds how long the wait was, and why it ended.
    pub(crate) fn after_wait(mut self, waited: Duration, why: &str) -> Self {
        if self.kind == LockErrorKind::TimedOut {
            let seconds = waited.as_secs_f64();
            self.message
                .push_str(&format!("; waited {seconds:.1} s: {why}"));
        }
        self
    }

    /// The message for callers over HTTP: it names neither the holder nor the set-up.
    pub(crate) fn public(&self) -> &'static str {
        match self.kind {
            LockErrorKind::Busy | LockErrorKind::TimedOut | LockErrorKind::Full => {
                "this is already being worked on; come back later"
            }
            LockErrorKind::BadKey => "the request does not say what it is about",
            LockErrorKind::KeyReused => {
                "another request came with this idempotency key before; a new request needs a new key"
            }
            LockErrorKind::ResponseGone => {
                "this was done already, and its response is no longer known"
            }
            LockErrorKind::PartialBatch => "some records were not done; send all of them again",
            LockErrorKind::Interrupted => {
                "this was begun before, and it is not known how it ended; it is not begun again"
            }
            LockErrorKind::Lost => "the work was stopped half-way, and may have been started again",
            LockErrorKind::Deadline => "the work took too long, and was stopped",
            LockErrorKind::Ended | LockErrorKind::Unavailable => {
                "this cannot be done now; come back later"
            }
            LockErrorKind::Reentrant
            | LockErrorKind::Denied
            | LockErrorKind::BadTable
            | LockErrorKind::Configuration => "the service is not configured correctly",
        }
    }
}

impl From<Error> for LockError {
    fn from(error: Error) -> Self {
        let kind = match &error {
            error if error.is_busy() => LockErrorKind::Busy,
            error if error.is_timed_out() => LockErrorKind::TimedOut,
            error if error.is_full() => LockErrorKind::Full,
            error if error.is_reentrant() => LockErrorKind::Reentrant,
            error if error.is_bad_key() => LockErrorKind::BadKey,
            error if error.is_lost() => LockErrorKind::Lost,
            error if error.is_denied() => LockErrorKind::Denied,
            error if error.is_bad_table() => LockErrorKind::BadTable,
            error if error.is_configuration() => LockErrorKind::Configuration,
            error if error.is_key_reused() => LockErrorKind::KeyReused,
            error if error.is_response_gone() => LockErrorKind::ResponseGone,
            error if error.is_interrupted() => LockErrorKind::Interrupted,
            _ => LockErrorKind::Unavailable,
        };
        Self {
            kind,
            message: error.to_string(),
            typically: None,
            source: Some(error),
        }
    }
}

/// The name and the message, which includes the source's.
impl fmt::Debug for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message)
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for LockError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
