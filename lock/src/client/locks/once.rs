//! Doing something once, however often it is asked for.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Locks;
use crate::client::holding::guard::LockGuard;
use crate::client::holding::handle::LockHandle;
use crate::client::holding::with;
use crate::error::{Error, Kind};
use crate::idempotency::{Completed, Operation, Response};
use crate::key::IntoKey;

/// What became of an operation that is to be done once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Once<T, E> {
    /// It was done just now, with this result.
    Done(T),
    /// The work failed, with this error. The operation is not done, and the next caller tries again; unless the work has
    /// completed it with a transaction before it failed: see [`LockHandle::complete_with`].
    Failed(E),
    /// It was done before, and the work was not called.
    Before(Completed),
}

impl<T, E> Once<T, E> {
    /// Whether the operation is done, now or before.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Before(_))
    }
}

impl Locks {
    /// Does an operation once, under the lock of this key: the work is called unless the operation is done already.
    /// While another run of it is at work this one waits, and is answered when that is done.
    ///
    /// The operation is done when the work returns `Ok`, or says so with [`LockHandle::set_done`]. After `Err`, a panic, a lost lease or the death of the
    /// process it is not, and the next caller tries again. So the work is done at least once, and a second time only
    /// if the process dies between the work's effect and its end.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use dynamodb_locks::{Once, Operation};
    ///
    /// let payment = Operation::new("payments", "invoice-7");
    /// let first = locks.once("order/42", payment, async |_| Ok::<_, ()>("paid")).await?;
    /// assert_eq!(first, Once::Done("paid"));
    /// let again = locks.once("order/42", payment, async |_| Ok::<_, ()>("paid")).await?;
    /// assert!(matches!(again, Once::Before(_)));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); [`is_key_reused`](Error::is_key_reused) when the operation has another
    /// fingerprint; [`is_lost`](Error::is_lost) when the lease was lost, and the operation is not done.
    pub async fn once<F, W, T, E>(
        &self,
        key: impl IntoKey,
        operation: Operation,
        work: F,
    ) -> Result<Once<T, E>, Error>
    where
        F: FnOnce(LockHandle) -> W,
        W: Future<Output = Result<T, E>>,
    {
        match self.begin(key, operation).await? {
            Begun::First(held) => Ok(match with::once(held, work, |_| None).await? {
                Ok(value) => Once::Done(value),
                Err(error) => Once::Failed(error),
            }),
            Begun::Before(completed) => Ok(Once::Before(completed)),
        }
    }

    /// As [`once`](Self::once), and later callers get the result of the first run.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use dynamodb_locks::Operation;
    ///
    /// let payment = Operation::new("payments", "invoice-7");
    /// let pay = || locks.replay("order/42", payment, async |guard| Ok::<_, ()>(guard.fence()));
    /// let first = pay().await?.expect("it is paid");
    /// assert_eq!(pay().await?, Ok(first));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`once`](Self::once); [`is_response_gone`](Error::is_response_gone) when the operation is done and its
    /// result was not kept: it was larger than 350 KB, or is not what this type deserializes from.
    pub async fn replay<F, W, T, E>(
        &self,
        key: impl IntoKey,
        operation: Operation,
        work: F,
    ) -> Result<Result<T, E>, Error>
    where
        F: FnOnce(LockHandle) -> W,
        W: Future<Output = Result<T, E>>,
        T: Serialize + DeserializeOwned,
    {
        let key = self.key(key)?;
        let operation = operation.replays();
        let completed = match self.begin(Arc::from(key.as_str()), operation).await? {
            Begun::First(held) => {
                return with::once(held, work, |value| serde_json::to_string(value).ok()).await;
            }
            Begun::Before(completed) => completed,
        };
        let Response::Text(text) = completed.response() else {
            return Err(Error::response_gone(&key));
        };
        match serde_json::from_str(text) {
            Ok(value) => Ok(Ok(value)),
            Err(error) => Err(Error::response_gone(&key).because(error)),
        }
    }

    /// Forgets that an operation is done: it is done again when it is asked for next. Waits for the lock like anybody.
    /// Other processes that have seen it done know it for up to a minute more.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use dynamodb_locks::{Once, Operation};
    ///
    /// let payment = Operation::new("payments", "invoice-7");
    /// locks.once("order/42", payment, async |_| Ok::<_, ()>(())).await?;
    /// locks.forget("order/42", payment).await?;
    /// let again = locks.once("order/42", payment, async |_| Ok::<_, ()>(())).await?;
    /// assert_eq!(again, Once::Done(()));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire) and [`LockGuard::release`]: when the lock was lost, the operation is perhaps
    /// not forgotten.
    pub async fn forget(&self, key: impl IntoKey, operation: Operation) -> Result<(), Error> {
        self.acquire(key).await?.forget(operation).await
    }

    async fn begin(&self, key: impl IntoKey, operation: Operation) -> Result<Begun, Error> {
        let options = self.acquire_options().operation(operation);
        match self.acquire_with(key, options).await {
            Ok(held) => Ok(Begun::First(held)),
            Err(error) if error.kind() == Kind::Completed => match error.into_completion() {
                Ok(completed) => Ok(Begun::Before(completed)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "it lives for a moment, and mostly it is the large one"
)]
enum Begun {
    First(LockGuard),
    Before(Completed),
}
