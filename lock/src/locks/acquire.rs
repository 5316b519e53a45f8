//! Taking a lock: for a while, or for the length of a closure.

use std::sync::Arc;
use std::time::Duration;

use super::Locks;
use crate::acquire::{self, AcquireOptions};
use crate::error::Error;
use crate::guard::LockGuard;
use crate::handle::LockHandle;
use crate::with;

impl Locks {
    /// Takes a lock, and waits for it as long as the settings say.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let guard = locks.acquire("order/42").await?;
    /// // Nobody else works on order 42 now; the fence proves it to whoever stores the result.
    /// println!("order 42, fence {}", guard.fence());
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// When it was not had: the predicates of [`Error`] tell why.
    pub async fn acquire(&self, key: impl Into<Arc<str>>) -> Result<LockGuard, Error> {
        self.acquire_with(key, self.acquire_options()).await
    }

    /// Takes a lock if it is free.
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
    /// When it was not had: the predicates of [`Error`] tell why.
    pub async fn try_acquire(&self, key: impl Into<Arc<str>>) -> Result<LockGuard, Error> {
        self.acquire_with(key, AcquireOptions::wait(Duration::ZERO))
            .await
    }

    /// Takes a lock, within limits of its own.
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
    /// When it was not had: the predicates of [`Error`] tell why.
    pub async fn acquire_with(
        &self,
        key: impl Into<Arc<str>>,
        options: AcquireOptions,
    ) -> Result<LockGuard, Error> {
        acquire::acquire(&self.shared, self.key(key)?, options).await
    }

    /// Holds a lock for the length of a closure's future, and returns what came of it, unchanged. The
    /// lock is released after a value, an error and a panic; the future is dropped when the lease is
    /// lost.
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
    pub async fn with<F, W, T>(&self, key: impl Into<Arc<str>>, work: F) -> Result<T, Error>
    where
        F: FnOnce(LockHandle) -> W,
        W: Future<Output = T>,
    {
        with::with(self.acquire(key).await?, work).await
    }

    /// As [`with`](Self::with), for work that blocks its thread: it gets one of its own, and the heartbeats
    /// go on beside it. It cannot be stopped when the lease is lost; [`LockHandle::lease`] tells it.
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
    pub async fn with_blocking<F, T>(&self, key: impl Into<Arc<str>>, work: F) -> Result<T, Error>
    where
        F: FnOnce(LockHandle) -> T + Send + 'static,
        T: Send + 'static,
    {
        with::with_blocking(self.acquire(key).await?, work).await
    }
}
