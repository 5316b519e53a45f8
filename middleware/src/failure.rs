//! What went wrong, and under which name.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use dynamodb_locks::Error;
use lambda_runtime::Diagnostic;
use tower::BoxError;

use crate::key::BadKey;

/// Why an invocation has no answer: the handler's own error, or the lock's.
#[derive(Debug)]
pub enum Failure<E> {
    /// The handler failed, as it would have failed without the layer.
    Handler(E),
    /// The lock was not had, or not to be kept.
    Lock(LockFailure),
}

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
#[derive(Debug)]
pub struct LockFailure {
    kind: Kind,
    message: String,
    source: Option<Error>,
}

/// When nobody can tell how long something lasts.
const SOON: Duration = Duration::from_secs(1);

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Busy,
    TimedOut,
    Full,
    Reentrant,
    BadKey,
    Lost,
    Deadline,
    Ended,
    Unavailable,
    Denied,
    BadTable,
    Configuration,
}

impl LockFailure {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Its stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Busy => "Lock.Busy",
            Kind::TimedOut => "Lock.TimedOut",
            Kind::Full => "Lock.Full",
            Kind::Reentrant => "Lock.Reentrant",
            Kind::BadKey => "Lock.BadKey",
            Kind::Lost => "Lock.Lost",
            Kind::Deadline => "Lock.Deadline",
            Kind::Ended => "Lock.Ended",
            Kind::Unavailable => "Lock.Unavailable",
            Kind::Denied => "Lock.Denied",
            Kind::BadTable => "Lock.BadTable",
            Kind::Configuration => "Lock.Configuration",
        }
    }

    /// What a caller over HTTP gets for it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            Kind::Busy | Kind::TimedOut | Kind::Full => 409,
            Kind::BadKey => 400,
            Kind::Reentrant | Kind::Lost | Kind::Denied | Kind::BadTable | Kind::Configuration => {
                500
            }
            Kind::Ended | Kind::Unavailable => 503,
            Kind::Deadline => 504,
        }
    }

    /// Whether somebody else has the lock, and so works on the same thing.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.kind, Kind::Busy | Kind::TimedOut | Kind::Full)
    }

    /// Whether the lease was lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.kind == Kind::Lost
    }

    /// When it is worth to come back; none if that would be no better.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let told = self.source.as_ref().and_then(Error::retry_after);
        let passes = self.is_busy() || matches!(self.kind, Kind::Ended | Kind::Unavailable);
        told.or_else(|| passes.then_some(SOON))
    }

    /// What a caller over HTTP may know: neither whose the lock is nor how it is kept.
    pub(crate) fn public(&self) -> &'static str {
        match self.kind {
            Kind::Busy | Kind::TimedOut | Kind::Full => {
                "somebody else is at work on this; come back later"
            }
            Kind::BadKey => "the request does not say what it is about",
            Kind::Lost => "the work was stopped half-way, because others may be at it now",
            Kind::Deadline => "the work took too long, and was stopped",
            Kind::Ended | Kind::Unavailable => "this cannot be done now; come back later",
            Kind::Reentrant | Kind::Denied | Kind::BadTable | Kind::Configuration => {
                "the service is not set up as it should be"
            }
        }
    }

    pub(crate) fn bad_key(why: &BadKey) -> Self {
        Self::new(Kind::BadKey, why.to_string())
    }

    pub(crate) fn busy_here(key: impl fmt::Display) -> Self {
        let message = format!("lock `{key}` is held by another invocation of this environment");
        Self::new(Kind::Busy, message)
    }

    pub(crate) fn waited_here(key: impl fmt::Display) -> Self {
        let message = format!(
            "lock `{key}` was held by other invocations of this environment for as long as we could wait"
        );
        Self::new(Kind::TimedOut, message)
    }

    pub(crate) fn reentrant(key: impl fmt::Display, fence: u64) -> Self {
        let message = format!(
            "lock `{key}` is held by this very invocation, with fence {fence}, and acquiring it again \
             would wait for itself; apply one layer, or give each layer a key of its own"
        );
        Self::new(Kind::Reentrant, message)
    }

    pub(crate) fn lost(key: impl fmt::Display) -> Self {
        let message =
            format!("the lease of lock `{key}` ended while the handler ran; it was stopped");
        Self::new(Kind::Lost, message)
    }

    pub(crate) fn deadline(key: impl fmt::Display) -> Self {
        let message = format!(
            "the handler did not end before the function's timeout; it was stopped, and lock `{key}` \
             released"
        );
        Self::new(Kind::Deadline, message)
    }

    pub(crate) fn too_late() -> Self {
        let message = "the invocation's deadline had passed before its handler began; the handler was not run";
        Self::new(Kind::Deadline, message)
    }

    pub(crate) fn ended(key: impl fmt::Display) -> Self {
        let message = format!(
            "the environment is shut down; the handler was stopped, and lock `{key}` released"
        );
        Self::new(Kind::Ended, message)
    }
}

impl From<Error> for LockFailure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            error if error.is_busy() => Kind::Busy,
            error if error.is_timed_out() => Kind::TimedOut,
            error if error.is_full() => Kind::Full,
            error if error.is_reentrant() => Kind::Reentrant,
            error if error.is_bad_key() => Kind::BadKey,
            error if error.is_lost() => Kind::Lost,
            error if error.is_denied() => Kind::Denied,
            error if error.is_bad_table() => Kind::BadTable,
            error if error.is_configuration() => Kind::Configuration,
            _ => Kind::Unavailable,
        };
        Self {
            kind,
            message: error.to_string(),
            source: Some(error),
        }
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

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(error) => error.fmt(f),
            Self::Lock(failure) => failure.fmt(f),
        }
    }
}

/// For the layers of `tower` that box what fails inside them. `Failure` itself is no
/// [`Error`](StdError): then this could not be, and the runtime's own error is none either.
impl<E: Into<BoxError>> From<Failure<E>> for BoxError {
    fn from(failure: Failure<E>) -> Self {
        match failure {
            Failure::Handler(error) => error.into(),
            Failure::Lock(failure) => failure.into(),
        }
    }
}

impl<E: Into<Diagnostic>> From<Failure<E>> for Diagnostic {
    fn from(failure: Failure<E>) -> Self {
        match failure {
            Failure::Handler(error) => error.into(),
            Failure::Lock(failure) => Self {
                error_type: failure.name().to_owned(),
                error_message: failure.message,
            },
        }
    }
}
