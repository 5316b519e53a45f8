//! What can go wrong, told apart.
//!
//! Three answers, never two: a lock was had, it was refused, or nobody knows. A refusal says who
//! holds the lock and when to come back.

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

use crate::entry::Entry;
use crate::key::{InvalidKey, Key};
use crate::terms::{Refusal, Why};
use crate::time::{Micros, Now};

type Source = Box<dyn StdError + Send + Sync>;

/// Why there is no lock, or why nobody can say.
///
/// | predicate | what it means | what helps |
/// |---|---|---|
/// | [`is_busy`](Error::is_busy) | somebody holds the lock, and we were not to wait | come back after [`retry_after`](Error::retry_after) |
/// | [`is_timed_out`](Error::is_timed_out) | the wait ended before our turn | the same, or a longer wait |
/// | [`is_full`](Error::is_full) | as many wait as may wait | the same |
/// | [`is_lost`](Error::is_lost) | the lease ended while we held the lock | a longer lease, more frequent beats |
/// | [`is_unknown`](Error::is_unknown) | no answer told whether a release was applied | nothing: the lease ends by itself |
/// | [`is_unavailable`](Error::is_unavailable) | DynamoDB does not answer | what the source says |
/// | [`is_denied`](Error::is_denied) | the credentials may not do this | the rights that the message names |
/// | [`is_bad_table`](Error::is_bad_table) | there is no such table, or it has other keys | the table that the message names |
/// | [`is_bad_key`](Error::is_bad_key) | the key cannot name a lock | another key |
/// | [`is_configuration`](Error::is_configuration) | a setting is wrong, or clients of one key disagree | what the message says |
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    until: Option<SystemTime>,
    retry_after: Option<Duration>,
    source: Option<Source>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Busy,
    TimedOut,
    Full,
    Lost,
    Unknown,
    Unavailable,
    Denied,
    BadTable,
    BadKey,
    Configuration,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner {
            kind,
            message,
            until: None,
            retry_after: None,
            source: None,
        }))
    }

    pub(crate) fn because(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn refused(key: &Key, refusal: &Refusal, now: Now) -> Self {
        let (kind, what) = match refusal.why {
            Why::Busy => (Kind::Busy, "is held"),
            Why::TimedOut => (
                Kind::TimedOut,
                "was not free before the wait ended: it is held",
            ),
            Why::Full => (Kind::Full, "has a full queue: it is held"),
            Why::Mismatch => return Self::mismatch(key),
            Why::Exhausted => return Self::exhausted(key),
            Why::LaterFormat(format) => return Self::later_format(key, format),
        };
        let holder = refusal.holder.as_ref().map(owner_of).unwrap_or_default();
        let mut error = Self::new(kind, format!("lock `{key}` {what}{holder}"));
        if let Some(until) = refusal.until.filter(|_| refusal.holder.is_some()) {
            error.until(until, now);
        }
        error
    }

    fn until(&mut self, until: Micros, now: Now) {
        let left = until.since(now.likely);
        self.0.message.push_str(&format!(
            " until {}; retry after {:.1} s",
            clock(until),
            left.as_secs_f64()
        ));
        self.0.until = Some(until.to_system_time());
        self.0.retry_after = Some(left);
    }

    pub(crate) fn held_here(key: &Key, fence: u64) -> Self {
        let message = format!(
            "lock `{key}` is held by the very work that asks for it, with fence {fence}: it would \
             wait for itself"
        );
        Self::new(Kind::Busy, message)
    }

    pub(crate) fn given_up(key: &Key) -> Self {
        let message = format!("lock `{key}` is not waited for any more: everything was released");
        Self::new(Kind::TimedOut, message)
    }

    pub(crate) fn lost(key: &Key) -> Self {
        let message = format!("the lease of lock `{key}` had ended, and its entry was removed");
        Self::new(Kind::Lost, message)
    }

    fn mismatch(key: &Key) -> Self {
        let message = format!(
            "lock `{key}` is used by clients that do not go together with this one: all clients of a key \
             use the expiry `observe`, or none; and all of them fail closed, or none"
        );
        Self::new(Kind::Configuration, message)
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
            "lock `{key}` has a last stamp that leaves no room for another; the row was damaged, delete it"
        );
        Self::new(Kind::BadTable, message)
    }

    /// Somebody holds the lock, and we were not to wait.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.0.kind == Kind::Busy
    }

    /// The wait ended before our turn.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.0.kind == Kind::TimedOut
    }

    /// As many wait as may wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.kind == Kind::Full
    }

    /// The lease ended while we held the lock.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.kind == Kind::Lost
    }

    /// No answer told whether it was done.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.0.kind == Kind::Unknown
    }

    /// DynamoDB does not answer.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.0.kind == Kind::Unavailable
    }

    /// The credentials may not do this.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.0.kind == Kind::Denied
    }

    /// There is no such table, or it has other keys.
    #[must_use]
    pub fn is_bad_table(&self) -> bool {
        self.0.kind == Kind::BadTable
    }

    /// The key cannot name a lock.
    #[must_use]
    pub fn is_bad_key(&self) -> bool {
        self.0.kind == Kind::BadKey
    }

    /// A setting is wrong, or the clients of one key disagree.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.0.kind == Kind::Configuration
    }

    /// When the holder's lease ends at the latest, unless it prolongs it.
    #[must_use]
    pub fn held_until(&self) -> Option<SystemTime> {
        self.0.until
    }

    /// After how long the lock may be free, if it is refused: the rest of the holder's lease.
    ///
    /// ```
    /// # world::locks::example(async |locks| {
    /// let held = locks.acquire("order/42").await?;
    /// match locks.try_acquire("order/42").await {
    ///     Ok(_) => unreachable!("it is held"),
    ///     Err(refused) if refused.is_busy() => {
    ///         let rest = refused.retry_after().expect("the holder has a lease");
    ///         println!("{refused}: come back in {rest:?}");
    ///     }
    ///     Err(error) => return Err(error),
    /// }
    /// held.release().await?;
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

fn owner_of(holder: &Entry) -> String {
    match holder
        .fields()
        .map(|fields| (fields.owner.as_str(), fields.stamp.0))
    {
        Some(("", stamp)) => format!(" with fence {stamp}"),
        Some((owner, stamp)) => format!(" by {owner} with fence {stamp}"),
        None => " by an entry that cannot be read".to_owned(),
    }
}

/// The time of day, in UTC.
fn clock(at: Micros) -> String {
    let (second, milli) = (at.0 / 1_000_000 % 86_400, at.0 / 1000 % 1000);
    format!(
        "{:02}:{:02}:{:02}.{milli:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

impl From<InvalidKey> for Error {
    fn from(error: InvalidKey) -> Self {
        Self::new(Kind::BadKey, error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        let mut debug = f.debug_struct("Error");
        debug
            .field("kind", &inner.kind)
            .field("message", &inner.message);
        if let Some(source) = &inner.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
