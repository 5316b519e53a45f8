//! The errors of this crate.
//!
//! An operation has three outcomes: acquired, refused, or unknown. A refusal names the holder and
//! the time to come back.

mod kind;
mod operations;
mod predicates;
mod words;

#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

pub use self::kind::ErrorKind;
pub(crate) use self::kind::ErrorKind as Kind;
use self::words::{clock, owner_of};
use crate::idempotency::Completed;
use crate::key::{InvalidKey, Key};
use crate::protocol::messages::{Refusal, RefusalReason};
use crate::protocol::time::{TimeInterval, Timestamp};

type Source = Box<dyn StdError + Send + Sync>;

/// Why an operation failed, or why its outcome is unknown.
///
/// | predicate | what it means | what helps |
/// |---|---|---|
/// | [`is_busy`](Error::is_busy) | the lock is held, and the call did not wait | come back after [`retry_after`](Error::retry_after) |
/// | [`is_timed_out`](Error::is_timed_out) | the wait ended before the lock was free | the same, or a longer wait |
/// | [`is_full`](Error::is_full) | the queue is full | the same |
/// | [`is_reentrant`](Error::is_reentrant) | the caller holds the lock already | acquire it once |
/// | [`is_lost`](Error::is_lost) | the lease ended while the lock was held | a longer lease, more frequent heartbeats |
/// | [`is_unknown`](Error::is_unknown) | it is unknown whether a release or a transaction was applied | nothing: the lease expires; the same transaction again |
/// | [`is_unavailable`](Error::is_unavailable) | DynamoDB does not answer | what the source says |
/// | [`is_denied`](Error::is_denied) | the credentials lack a permission | the permissions that the message names |
/// | [`is_bad_table`](Error::is_bad_table) | there is no such table, or it has other keys | the table that the message names |
/// | [`is_bad_key`](Error::is_bad_key) | the key cannot name a lock | another key |
/// | [`is_configuration`](Error::is_configuration) | a setting is invalid, or clients of one key have conflicting settings | what the message says |
/// | [`is_completed`](Error::is_completed) | the operation is done already | nothing: see [`completion`](Error::completion) |
/// | [`is_key_reused`](Error::is_key_reused) | the same idempotency key came with another request | a key of its own for each request |
/// | [`is_response_gone`](Error::is_response_gone) | the operation is done, and its response cannot be replayed | nothing |
/// | [`is_interrupted`](Error::is_interrupted) | a run of the operation has begun, which is done at most once, and its end is not known | a person, and [`Locks::forget`](crate::Locks::forget) |
/// | [`is_transaction_cancelled`](Error::is_transaction_cancelled) | DynamoDB has cancelled a transaction because of the caller's own items | what the reasons say; nothing was written |
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    until: Option<SystemTime>,
    retry_after: Option<Duration>,
    completed: Option<Completed>,
    remembered: bool,
    source: Option<Source>,
}

impl Error {
    /// An error of this kind, for tests of code that handles errors.
    ///
    /// ```
    /// use dynamodb_locks::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Busy, "lock `order/42` is held");
    /// assert_eq!(error.kind(), ErrorKind::Busy);
    /// assert!(error.is_busy());
    /// ```
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner {
            kind,
            message,
            until: None,
            retry_after: None,
            completed: None,
            remembered: false,
            source: None,
        }))
    }

    /// An invalid setting, for crates that read settings of their own.
    #[must_use]
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(Kind::Configuration, message)
    }

    /// A setting with a value that is not as expected.
    pub(crate) fn invalid(what: &str, value: &str, expected: &str) -> Self {
        let value = value.escape_debug();
        let message = format!("invalid {what} `{value}`: expected {expected}");
        Self::new(Kind::Configuration, message)
    }

    pub(crate) fn because(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn refused(key: &Key, refusal: &Refusal, now: TimeInterval) -> Self {
        let (kind, what) = match refusal.reason {
            RefusalReason::Busy => (ErrorKind::Busy, "is held"),
            RefusalReason::TimedOut => (
                ErrorKind::TimedOut,
                "was not free before the wait ended: it is held",
            ),
            RefusalReason::Full => (ErrorKind::Full, "has a full queue: it is held"),
            RefusalReason::Mismatch => return Self::mismatch(key),
            RefusalReason::Exhausted => return Self::exhausted(key),
            RefusalReason::LaterFormat(format) => return Self::later_format(key, format),
            RefusalReason::Completed => return Self::done(key, refusal),
            RefusalReason::KeyReused => return Self::key_reused(key),
            RefusalReason::Interrupted => return Self::interrupted(key),
            RefusalReason::Unreadable => return Self::unreadable(key),
        };
        let holder = refusal.holder.as_ref().map(owner_of).unwrap_or_default();
        let mut error = Self::new(kind, format!("lock `{key}` {what}{holder}"));
        if let Some(until) = refusal.until.filter(|_| refusal.holder.is_some()) {
            error.until(until, now);
        }
        error
    }

    fn until(&mut self, until: Timestamp, now: TimeInterval) {
        let left = until.since(now.likely);
        self.0.message.push_str(&format!(
            " until {}; retry after {:.1} s",
            clock(until),
            left.as_secs_f64()
        ));
        self.0.until = Some(until.to_system_time());
        self.0.retry_after = Some(left);
    }

    pub(crate) fn reentrant(key: &Key, fence: u64) -> Self {
        let message = format!(
            "lock `{key}` is already held by the caller, with fencing token {fence}: it would \
             wait for itself"
        );
        Self::new(ErrorKind::Reentrant, message)
    }

    pub(crate) fn given_up(key: &Key) -> Self {
        let message = format!("lock `{key}` is no longer waited for: everything was released");
        Self::new(ErrorKind::TimedOut, message)
    }

    pub(crate) fn lost(key: &Key) -> Self {
        let message = format!("the lease of lock `{key}` had ended, and its entry was removed");
        Self::new(ErrorKind::Lost, message)
    }

    fn mismatch(key: &Key) -> Self {
        let message = format!(
            "lock `{key}` is used by clients with conflicting settings: all clients of a key \
             must use the expiry `observe`, or none; and all must be fail-closed, or none"
        );
        Self::new(ErrorKind::Configuration, message)
    }

    fn later_format(key: &Key, format: u32) -> Self {
        let message = format!(
            "lock `{key}` is used by clients of a later version, with row format {format}; this \
             version reads format 1: deploy the later version of dynamodb-locks here, too"
        );
        Self::new(Kind::Configuration, message)
    }

    fn exhausted(key: &Key) -> Self {
        let message = format!("lock `{key}` has no tickets left; the row was damaged, delete it");
        Self::new(ErrorKind::BadTable, message)
    }

    /// What kind of error it is.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use dynamodb_locks::ErrorKind;
    ///
    /// let guard = locks.acquire("order/42").await?;
    /// match locks.try_acquire("order/42").await.unwrap_err().kind() {
    ///     ErrorKind::Busy => println!("another client works on it"),
    ///     kind => println!("{kind:?}"),
    /// }
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What is known of the run that has done the operation, for an error that
    /// [`is_completed`](Self::is_completed).
    #[must_use]
    pub fn completion(&self) -> Option<&Completed> {
        self.0.completed.as_ref()
    }

    /// Whether this client knew it by itself, without a request.
    #[must_use]
    pub fn is_from_memory(&self) -> bool {
        self.0.remembered
    }

    /// When the holder's lease ends at the latest, unless it prolongs it.
    #[must_use]
    pub fn held_until(&self) -> Option<SystemTime> {
        self.0.until
    }

    /// How long until the lock may be free, after a refusal: the rest of the holder's lease.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let guard = locks.acquire("order/42").await?;
    /// match locks.try_acquire("order/42").await {
    ///     Ok(_) => unreachable!("it is held"),
    ///     Err(refused) if refused.is_busy() => {
    ///         let rest = refused.retry_after().expect("the holder has a lease");
    ///         println!("{refused}: come back in {rest:?}");
    ///     }
    ///     Err(error) => return Err(error),
    /// }
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl From<InvalidKey> for Error {
    fn from(error: InvalidKey) -> Self {
        Self::new(ErrorKind::BadKey, error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The message includes the source.
        let Inner { kind, message, .. } = &*self.0;
        f.debug_tuple("Error").field(kind).field(message).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
