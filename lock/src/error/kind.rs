//! The kinds of errors.

/// The kind of an error, for `match`; each kind has a predicate of [`Error`](crate::Error) as well.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The lock is held, and the call did not wait.
    Busy,
    /// The wait ended before the lock was free.
    TimedOut,
    /// The queue is full.
    Full,
    /// The caller holds the lock already, and would wait for itself.
    Reentrant,
    /// The lease ended while the lock was held.
    Lost,
    /// No answer came, so it is unknown whether a release or a transaction was applied.
    Unknown,
    /// DynamoDB does not answer.
    Unavailable,
    /// The credentials lack a permission.
    Denied,
    /// There is no such table, it has other keys, or the row is damaged.
    BadTable,
    /// The key cannot name a lock.
    BadKey,
    /// A setting is invalid, or the clients of one key have incompatible settings.
    Configuration,
    /// The operation is done, and is not done again.
    Completed,
    /// The operation is done, and its idempotency key came with another request.
    KeyReused,
    /// The operation is done, and its response was not kept or is gone.
    ResponseGone,
    /// A run of the operation has begun, which is done at most once, and its end is not known.
    Interrupted,
    /// DynamoDB has cancelled a transaction because of the caller's own items.
    TransactionCancelled,
}
