//! What the caller gets instead of the handler's answer, and under which name.

use std::error::Error as StdError;
use std::fmt;

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

/// What went wrong with the lock. Its name is stable: retry rules of Step Functions and dead-letter
/// queues can rely on it.
///
/// | name | what it means |
/// |---|---|
/// | `Lock.Busy` | somebody else holds the lock, and there was no time to wait |
/// | `Lock.TimedOut` | the wait ended before it was our turn |
/// | `Lock.Full` | as many wait as may wait |
/// | `Lock.BadKey` | the event has no key, or not one that can name a lock |
/// | `Lock.Lost` | the lease ended while the handler ran; the handler was stopped |
/// | `Lock.Deadline` | the handler did not end in time; it was stopped, and the lock released |
/// | `Lock.Unavailable` | DynamoDB does not answer |
/// | `Lock.Denied` | the function has not the rights it needs on the table |
/// | `Lock.BadTable` | there is no such table, or it has other keys |
/// | `Lock.Configuration` | a setting is wrong, or the clients of one key disagree |
#[derive(Debug)]
pub struct LockFailure {
    name: &'static str,
    message: String,
    source: Option<Error>,
}

impl LockFailure {
    /// Its stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn bad_key(why: &BadKey) -> Self {
        Self {
            name: "Lock.BadKey",
            message: why.to_string(),
            source: None,
        }
    }

    pub(crate) fn skipped(why: &BadKey) -> Self {
        Self {
            name: "Lock.BadKey",
            message: format!("the handler is skipped, as LOCKS_ON_MISSING says: {why}"),
            source: None,
        }
    }

    pub(crate) fn lost(key: impl fmt::Display) -> Self {
        let message =
            format!("the lease of lock `{key}` ended while the handler ran; it was stopped");
        Self {
            name: "Lock.Lost",
            message,
            source: None,
        }
    }

    pub(crate) fn deadline(key: impl fmt::Display) -> Self {
        let message = format!(
            "the handler did not end before the function's timeout; it was stopped, and lock `{key}` \
             released"
        );
        Self {
            name: "Lock.Deadline",
            message,
            source: None,
        }
    }
}

impl From<Error> for LockFailure {
    fn from(error: Error) -> Self {
        let name = match &error {
            error if error.is_busy() => "Lock.Busy",
            error if error.is_timed_out() => "Lock.TimedOut",
            error if error.is_full() => "Lock.Full",
            error if error.is_bad_key() => "Lock.BadKey",
            error if error.is_lost() => "Lock.Lost",
            error if error.is_denied() => "Lock.Denied",
            error if error.is_bad_table() => "Lock.BadTable",
            error if error.is_configuration() => "Lock.Configuration",
            _ => "Lock.Unavailable",
        };
        Self {
            name,
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
                error_type: failure.name.to_owned(),
                error_message: failure.message,
            },
        }
    }
}
