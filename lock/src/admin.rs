//! Operations for operators and their tools. Functions do not need the permissions for them.

pub(crate) mod force;
pub(crate) mod status;

use self::status::{ListLocks, LockStatus};
use crate::client::locks::Locks;
use crate::error::Error;
use crate::idempotency::{Completed, Operation};
use crate::key::IntoKey;
use crate::protocol::entry::Ticket;
use crate::protocol::operation::OperationState;

impl Locks {
    /// Creates the table if it is missing: its keys, its TTL, on-demand billing. Checks an existing
    /// table, and reports what is wrong with it.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let locks = locks.with_settings(|settings| settings.table("locks-test"))?;
    /// locks.ensure_table().await?;
    /// locks.acquire("order/42").await?.release().await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// [`is_bad_table`](Error::is_bad_table) when the table has other keys or another TTL, or is a
    /// global table without strong consistency, in which locks are not safe.
    pub async fn ensure_table(&self) -> Result<(), Error> {
        self.shared().table().await.ensure().await
    }

    /// The holder and the waiters of a lock, by a consistent read. One read unit.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let guard = locks.acquire("order/42").await?;
    /// let status = locks.inspect("order/42").await?;
    /// let holder = status.holder().expect("it is held");
    /// assert_eq!(holder.fence, Some(guard.fence()));
    /// assert_eq!(status.waiters().count(), 0);
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// When DynamoDB does not answer.
    pub async fn inspect(&self, key: impl IntoKey) -> Result<LockStatus, Error> {
        let (key, table) = (self.key(key)?, self.shared().table().await);
        let snapshot = table.inspect(&key).await;
        let snapshot = snapshot.map_err(|failure| table.explain(&key, "inspect", failure))?;
        Ok(LockStatus::of(key.as_str(), snapshot))
    }

    /// What is known of an operation that is done under this lock, even if its window is over by now; `None` if it is not
    /// done. A response that is kept in a row of its own is not read. One consistent read, and another one where so many
    /// operations are done under the lock that older completions were moved into rows of their own.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use dynamodb_locks::Operation;
    ///
    /// let payment = Operation::new("payments", "invoice-7");
    /// assert!(locks.completion("order/42", &payment).await?.is_none());
    /// locks.once("order/42", payment, async |_| Ok::<_, ()>(())).await?;
    /// assert!(locks.completion("order/42", &payment).await?.is_some());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// When DynamoDB does not answer.
    pub async fn completion(
        &self,
        key: impl IntoKey,
        operation: &Operation,
    ) -> Result<Option<Completed>, Error> {
        let (key, table) = (self.key(key)?, self.shared().table().await);
        let failed = |failure| table.explain(&key, "inspect", failure);
        let snapshot = table.inspect(&key).await.map_err(failed)?;
        let moved = snapshot.row.moved_until.is_some();
        let here = LockStatus::of(key.as_str(), snapshot).completion(operation);
        if here.is_some() || !moved {
            return Ok(here);
        }
        let beside = table.look_beside(&key, operation.id()).await;
        Ok(match beside.map_err(failed)? {
            Some(OperationState::Completed(done)) => Some(Completed::inspected(&done)),
            _ => None,
        })
    }

    /// All locks of the namespace, page by page: it reads the whole table.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let guard = locks.acquire("order/42").await?;
    /// let mut listing = locks.list().await;
    /// while let Some(page) = listing.next().await? {
    ///     for status in page {
    ///         println!("{}: {:?}", status.key(), status.holder());
    ///     }
    /// }
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    pub async fn list(&self) -> ListLocks {
        ListLocks::of(self.shared().table().await)
    }

    /// Removes the entry with this fencing token, whatever its owner does and whatever the clocks
    /// say. `who` and the time stay in the row. For an operator who knows that the owner is dead.
    ///
    /// Returns whether there was such an entry.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let guard = locks.acquire("order/42").await?;
    /// assert!(locks.force_release("order/42", guard.fence(), "ada").await?);
    /// assert!(guard.release().await.unwrap_err().is_lost());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// When DynamoDB does not answer.
    pub async fn force_release(
        &self,
        key: impl IntoKey,
        fence: u64,
        who: &str,
    ) -> Result<bool, Error> {
        let key = self.key(key)?;
        force::release(self.shared(), &key, Ticket(fence), who).await
    }
}
