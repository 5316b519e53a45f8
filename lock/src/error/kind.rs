//! The kinds of errors.

/// What kind of error it is, to be matched; each has a predicate of [`Error`](crate::Error) as well.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Somebody else holds the lock, and the call did not wait.
    Busy,
    /// The wait ended before our turn.
    TimedOut,
    /// The queue is full.
    Full,
    /// The work that asks for the lock holds it already, and would wait for itself.
    Reentrant,
    /// The lease ended while we held the lock.
    Lost,
    /// No answer told whether a release was applied.
    Unknown,
    /// DynamoDB does not answer.
    Unavailable,
    /// The credentials lack a right.
    Denied,
    /// There is no such table, it has other keys, or the row is damaged.
    BadTable,
    /// The key cannot name a lock.
    BadKey,
    /// A setting is wrong, or the clients of one key disagree.
    Configuration,
    /// The operation is done, and is not done again.
    Completed,
    /// The operation is done, and its idempotency key came with another request.
    KeyReused,
    /// The operation is done, and its response was not kept or is gone.
    ResponseGone,
}
