//! Errors about operations that are done once, and about transactions.

use super::{Error, ErrorKind};
use crate::idempotency::{Completed, Response};
use crate::key::Key;
use crate::protocol::messages::Refusal;

impl Error {
    /// The operation is done; what of its response is in another row is not known yet.
    pub(super) fn done(key: &Key, refusal: &Refusal) -> Self {
        let completion = refusal.completion.clone();
        let known = completion.map(|completion| {
            let response = Completed::told(&completion).unwrap_or(Response::Gone);
            Completed::new(*completion, response)
        });
        known.map_or_else(
            || Self::lost(key),
            |completed| Self::completed(key, completed),
        )
    }

    pub(crate) fn completed(key: &Key, completed: Completed) -> Self {
        let fence = completed.fence();
        let message =
            format!("the operation is done already, under lock `{key}` with fence {fence}");
        let mut error = Self::new(ErrorKind::Completed, message);
        error.0.completed = Some(completed);
        error
    }

    /// No request was needed to find that out.
    pub(crate) fn remembered(mut self) -> Self {
        self.0.remembered = true;
        self
    }

    pub(crate) fn into_completion(mut self) -> Result<Completed, Self> {
        self.0.completed.take().ok_or(self)
    }

    pub(crate) fn key_reused(key: &Key) -> Self {
        let message = format!(
            "the operation is done already, under lock `{key}`, and its idempotency key came with another \
             request; a new request needs a key of its own"
        );
        Self::new(ErrorKind::KeyReused, message)
    }

    pub(crate) fn interrupted(key: &Key) -> Self {
        let message = format!(
            "a run of the operation has begun under lock `{key}`, and it is not known how it ended; the operation is done \
             at most once: find out, and forget it if it is to run again"
        );
        Self::new(ErrorKind::Interrupted, message)
    }

    pub(crate) fn released_before_completion(key: &Key) -> Self {
        let message = format!(
            "lock `{key}` was released with all others of its client before what was done under it was recorded"
        );
        Self::new(ErrorKind::Lost, message)
    }

    pub(crate) fn response_gone(key: &Key) -> Self {
        let message = format!(
            "the operation is done already, under lock `{key}`, and its response was too large to keep or is gone"
        );
        Self::new(ErrorKind::ResponseGone, message)
    }

    pub(crate) fn several_operations(key: &Key) -> Self {
        let message = format!(
            "lock `{key}` is held for several operations, and a transaction can complete only one: handle records of one \
             key one by one, with a batch size of 1"
        );
        Self::new(ErrorKind::Configuration, message)
    }

    pub(crate) fn no_operation(key: &Key) -> Self {
        let message = format!(
            "lock `{key}` has no operation that a transaction could complete: name one with \
             `AcquireOptions::operation`"
        );
        Self::new(ErrorKind::Configuration, message)
    }

    pub(crate) fn transaction_cancelled(key: &Key, reasons: &str) -> Self {
        let message = format!("the transaction under lock `{key}` was cancelled: {reasons}");
        Self::new(ErrorKind::TransactionCancelled, message)
    }

    pub(crate) fn transaction_unknown(key: &Key, reason: &str) -> Self {
        let message = format!(
            "cannot tell whether the transaction under lock `{key}` was applied: {reason}; the same call again \
             settles it"
        );
        Self::new(ErrorKind::Unknown, message)
    }

    pub(crate) fn unreadable(key: &Key) -> Self {
        let message = format!(
            "what the row of lock `{key}` says of the operation cannot be read; it was damaged, or written by a \
             later version: deploy that here, or remove the attribute"
        );
        Self::new(ErrorKind::BadTable, message)
    }
}
