//! Acquiring a lock: as a guard, or for the length of a closure.

use std::time::Duration;

use super::Locks;
use crate::client::acquire::{self, AcquireOptions};
use crate::client::holding::guard::LockGuard;
use crate::client::holding::handle::LockHandle;
use crate::client::holding::with;
use crate::error::Error;
use crate::key::IntoKey;

impl Locks {
    /// Acquires a lock, waiting as long as the settings say.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let guard = locks.acquire("order/42").await?;
    /// // No other client works on order 42 now; store the fencing token with the result.
    /// println!("order 42, fence {}", guard.fence());
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// If it was not acquired: the predicates of [`Error`] show why.
    pub async fn acquire(&self, key: impl IntoKey) -> Result<LockGuard, Error> {
        self.acquire_with(key, self.acquire_options()).await
    }

    /// Acquires a lock if it is free.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let guard = locks.try_acquire("report").await?;
    /// let refused = locks.try_acquire("report").await.unwrap_err();
    /// assert!(refused.is_busy());
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// If it was not acquired: the predicates of [`Error`] show why.
    pub async fn try_acquire(&self, key: impl IntoKey) -> Result<LockGuard, Error> {
        self.acquire_with(key, AcquireOptions::wait(Duration::ZERO))
            .await
    }

    /// Acquires a lock with options of its own.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use std::time::Duration;
    ///
    /// use dynamodb_locks::AcquireOptions;
    ///
    /// // Waits for two seconds at most, and does not act beyond the next minute.
    /// let options = AcquireOptions::wait(Duration::from_secs(2)).deadline(Duration::from_secs(60));
    /// let guard = locks.acquire_with("order/42", options).await?;
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// If it was not acquired: the predicates of [`Error`] show why.
    pub async fn acquire_with(
        &self,
        key: impl IntoKey,
        options: AcquireOptions,
    ) -> Result<LockGuard, Error> {
        acquire::acquire(&self.shared, self.key(key)?, options).await
    }

    /// Holds a lock while a closure's future runs, and returns its output unchanged. The lock is
    /// released after a value, an error and a panic; the future is dropped when the lease is lost.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let total = locks.with("order/42", async |_| 40 + 2).await?;
    /// assert_eq!(total, 42);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire), and [`is_lost`](Error::is_lost) when the lease was lost.
    pub async fn with<F, W, T>(&self, key: impl IntoKey, work: F) -> Result<T, Error>
    where
        F: FnOnce(LockHandle) -> W,
        W: Future<Output = T>,
    {
        with::with(self.acquire(key).await?, work).await
    }

    /// As [`with`](Self::with), with options of its own.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use std::time::Duration;
    ///
    /// use dynamodb_locks::AcquireOptions;
    ///
    /// let options = AcquireOptions::wait(Duration::from_secs(2));
    /// let fence = locks.with_options("order/42", options, async |lock| lock.fence()).await?;
    /// println!("order 42, fence {fence}");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`with`](Self::with).
    pub async fn with_options<F, W, T>(
        &self,
        key: impl IntoKey,
        options: AcquireOptions,
        work: F,
    ) -> Result<T, Error>
    where
        F: FnOnce(LockHandle) -> W,
        W: Future<Output = T>,
    {
        with::with(self.acquire_with(key, options).await?, work).await
    }

    /// As [`with`](Self::with), for work that blocks its thread: it runs on a thread of its own,
    /// and the heartbeats go on beside it. It cannot be stopped when the lease is lost;
    /// [`LockHandle::lease`] shows it.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let done = locks.with_blocking("order/42", |guard| {
    ///     let pages = [1, 2, 3].iter();
    ///     pages.take_while(|_| !guard.lease().is_expired()).count()
    /// });
    /// assert_eq!(done.await?, 3);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    pub async fn with_blocking<F, T>(&self, key: impl IntoKey, work: F) -> Result<T, Error>
    where
        F: FnOnce(LockHandle) -> T + Send + 'static,
        T: Send + 'static,
    {
        with::with_blocking(self.acquire(key).await?, work).await
    }
}
