//! What can go wrong, told apart.
//!
//! Three answers, never two: a lock was had, it was refused, or nobody knows. A refusal says who
//! holds the lock and when to come back.

mod kind;
mod words;

#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

pub use self::kind::ErrorKind;
pub(crate) use self::kind::ErrorKind as Kind;
use self::words::{clock, owner_of};
use crate::key::{InvalidKey, Key};
use crate::messages::{Refusal, RefusalReason};
use crate::time::{TimeInterval, Timestamp};

type Source = Box<dyn StdError + Send + Sync>;

/// Why there is no lock, or why nobody can say.
///
/// | predicate | what it means | what helps |
/// |---|---|---|
/// | [`is_busy`](Error::is_busy) | somebody holds the lock, and we were not to wait | come back after [`retry_after`](Error::retry_after) |
/// | [`is_timed_out`](Error::is_timed_out) | the wait ended before our turn | the same, or a longer wait |
/// | [`is_full`](Error::is_full) | as many wait as may wait | the same |
/// | [`is_reentrant`](Error::is_reentrant) | the work that asks for the lock holds it already | acquire it once |
/// | [`is_lost`](Error::is_lost) | the lease ended while we held the lock | a longer lease, more frequent heartbeats |
/// | [`is_unknown`](Error::is_unknown) | no answer told whether a release was applied | nothing: the lease ends by itself |
/// | [`is_unavailable`](Error::is_unavailable) | DynamoDB does not answer | what the source says |
/// | [`is_denied`](Error::is_denied) | the credentials may not do this | the rights that the message names |
/// | [`is_bad_table`](Error::is_bad_table) | there is no such table, or it has other keys | the table that the message names |
/// | [`is_bad_key`](Error::is_bad_key) | the key cannot name a lock | another key |
/// | [`is_configuration`](Error::is_configuration) | a setting is wrong, or clients of one key disagree | what the message says |
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    until: Option<SystemTime>,
    retry_after: Option<Duration>,
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
            source: None,
        }))
    }

    /// A setting that is wrong: for crates that read settings of their own beside these.
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
            "lock `{key}` is held by the very work that asks for it, with fence {fence}: it would \
             wait for itself"
        );
        Self::new(ErrorKind::Reentrant, message)
    }

    pub(crate) fn given_up(key: &Key) -> Self {
        let message = format!("lock `{key}` is not waited for any more: everything was released");
        Self::new(ErrorKind::TimedOut, message)
    }

    pub(crate) fn lost(key: &Key) -> Self {
        let message = format!("the lease of lock `{key}` had ended, and its entry was removed");
        Self::new(ErrorKind::Lost, message)
    }

    fn mismatch(key: &Key) -> Self {
        let message = format!(
            "lock `{key}` is used by clients that do not go together with this one: all clients of a key \
             use the expiry `observe`, or none; and all of them fail closed, or none"
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
        let message = format!(
            "lock `{key}` has a last ticket that leaves no room for another; the row was damaged, delete it"
        );
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
    ///     ErrorKind::Busy => println!("somebody else works on it"),
    ///     kind => println!("{kind:?}"),
    /// }
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Somebody holds the lock, and we were not to wait.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.0.kind == ErrorKind::Busy
    }

    /// The wait ended before our turn.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.0.kind == ErrorKind::TimedOut
    }

    /// As many wait as may wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.kind == ErrorKind::Full
    }

    /// The work that asks for the lock holds it already, and would wait for itself.
    #[must_use]
    pub fn is_reentrant(&self) -> bool {
        self.0.kind == ErrorKind::Reentrant
    }

    /// The lease ended while we held the lock.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.kind == ErrorKind::Lost
    }

    /// No answer told whether it was done.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.0.kind == ErrorKind::Unknown
    }

    /// DynamoDB does not answer.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.0.kind == ErrorKind::Unavailable
    }

    /// The credentials may not do this.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.0.kind == ErrorKind::Denied
    }

    /// There is no such table, or it has other keys.
    #[must_use]
    pub fn is_bad_table(&self) -> bool {
        self.0.kind == ErrorKind::BadTable
    }

    /// The key cannot name a lock.
    #[must_use]
    pub fn is_bad_key(&self) -> bool {
        self.0.kind == ErrorKind::BadKey
    }

    /// A setting is wrong, or the clients of one key disagree.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.0.kind == ErrorKind::Configuration
    }

    /// When the holder's lease ends at the latest, unless it prolongs it.
    #[must_use]
    pub fn held_until(&self) -> Option<SystemTime> {
        self.0.until
    }

    /// After how long the lock may be free, if it is refused: the rest of the holder's lease.
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
        // The message names the source already.
        let Inner { kind, message, .. } = &*self.0;
        f.debug_tuple("Error").field(kind).field(message).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
