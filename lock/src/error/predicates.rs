//! A predicate for each kind of error.

use super::{Error, ErrorKind};

impl Error {
    /// The lock is held, and the call did not wait.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.0.kind == ErrorKind::Busy
    }

    /// The wait ended before the lock was free.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.0.kind == ErrorKind::TimedOut
    }

    /// The queue is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.kind == ErrorKind::Full
    }

    /// The caller holds the lock already, and would wait for itself.
    #[must_use]
    pub fn is_reentrant(&self) -> bool {
        self.0.kind == ErrorKind::Reentrant
    }

    /// The lease ended while the lock was held.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.kind == ErrorKind::Lost
    }

    /// No answer came, so the outcome is unknown.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.0.kind == ErrorKind::Unknown
    }

    /// DynamoDB does not answer.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.0.kind == ErrorKind::Unavailable
    }

    /// The credentials lack a permission.
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

    /// A setting is invalid, or the clients of one key have incompatible settings.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.0.kind == ErrorKind::Configuration
    }

    /// The operation is done, and is not done again; [`completion`](Self::completion) tells more.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.0.kind == ErrorKind::Completed
    }

    /// The operation is done, and its idempotency key came with another request.
    #[must_use]
    pub fn is_key_reused(&self) -> bool {
        self.0.kind == ErrorKind::KeyReused
    }

    /// The operation is done, and its response was not kept or is gone.
    #[must_use]
    pub fn is_response_gone(&self) -> bool {
        self.0.kind == ErrorKind::ResponseGone
    }

    /// A run of the operation has begun, which is done at most once, and its end is not known.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.0.kind == ErrorKind::Interrupted
    }

    /// DynamoDB has cancelled a transaction because of the caller's own items: nothing was written. The message has the
    /// reasons, and the source is the SDK's error.
    #[must_use]
    pub fn is_transaction_cancelled(&self) -> bool {
        self.0.kind == ErrorKind::TransactionCancelled
    }
}
