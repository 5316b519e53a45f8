//! The handle of a lock, for the work under it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::driving::counters::Counters;
use crate::client::holding::transaction::HeldRow;
use crate::client::memory::lease::Lease;
use crate::error::Error;
use crate::idempotency::{Completed, Operation};
use crate::key::Key;
use crate::table::{TableLayout, TransactWriteItem};

tokio::task_local! {
    static SCOPE: Option<Arc<Scope>>;
}

/// The locks that a piece of work runs under, the innermost first.
struct Scope {
    handle: LockHandle,
    outer: Option<Arc<Scope>>,
}

/// Several locks that one piece of work runs under.
#[derive(Clone)]
#[doc(hidden)]
pub struct LockScope(Option<Arc<Scope>>);

/// A held lock, as the work under it sees it: its key, fencing token and lease, but not its
/// release.
#[derive(Clone, Debug)]
pub struct LockHandle {
    layout: Arc<TableLayout>,
    key: Key,
    fence: u64,
    lease: Lease,
    counters: Arc<Counters>,
    attempted: bool,
    /// Whether it is that of several operations, of which none is the handle's own.
    shared: bool,
    /// The work's own word on whether the operation is done.
    done: Arc<Mutex<Option<bool>>>,
    row: Arc<HeldRow>,
}

/// The innermost lock of the calling task: that of the closure, or of the Lambda invocation. `None`
/// elsewhere, also in tasks that were spawned from there.
#[must_use]
pub fn current() -> Option<LockHandle> {
    scope().map(|scope| scope.handle.clone())
}

/// The lock of this key, if the caller runs under it.
pub(crate) fn current_for(layout: &TableLayout, key: &Key) -> Option<LockHandle> {
    let mut scope = scope();
    while let Some(inner) = scope {
        if *inner.handle.layout == *layout && inner.handle.key.as_str() == key.as_str() {
            return Some(inner.handle.clone());
        }
        scope = inner.outer.clone();
    }
    None
}

impl LockScope {
    /// No lock, whatever the caller's are.
    pub fn none() -> Self {
        Self(None)
    }

    /// These locks, within those of the caller; the first one is [`current`].
    pub fn new<'a>(handles: impl DoubleEndedIterator<Item = &'a LockHandle>) -> Self {
        Self(handles.rev().fold(scope(), |outer, handle| {
            let handle = handle.clone();
            Some(Arc::new(Scope { handle, outer }))
        }))
    }

    /// Runs a closure under the locks.
    pub fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        SCOPE.sync_scope(self.0.clone(), work)
    }
}

impl fmt::Debug for LockScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockScope").finish_non_exhaustive()
    }
}

fn scope() -> Option<Arc<Scope>> {
    SCOPE.try_with(Clone::clone).ok().flatten()
}

impl LockHandle {
    pub(crate) fn new(
        layout: Arc<TableLayout>,
        key: Key,
        fence: u64,
        lease: Lease,
        counters: Arc<Counters>,
        attempted: bool,
        row: HeldRow,
    ) -> Self {
        Self {
            layout,
            key,
            fence,
            lease,
            counters,
            attempted,
            shared: false,
            done: Arc::default(),
            row: Arc::new(row),
        }
    }

    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Whether another run of the operation may have begun before and did not complete it, so that some of its
    /// effects may be there already. Always false for a lock without an operation.
    #[must_use]
    pub fn was_attempted(&self) -> bool {
        self.attempted
    }

    /// Says whether the operation is done, whatever the work returns: an error after which it must not run again, for
    /// instance, or a success that is none. The last word counts.
    pub fn set_done(&self, done: bool) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
    }

    /// What the work has said with [`set_done`](Self::set_done).
    #[must_use]
    pub fn done(&self) -> Option<bool> {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies items of the caller in one transaction with the completion of the operation: both are applied, or neither
    /// is. So the effect happens once, also if the process dies at any moment, and a caller whose lease was lost writes
    /// nothing at all.
    ///
    /// The transaction does not release the lock. Once it is applied the operation is done, whatever the work returns
    /// after that. At most 99 items, none of them the row of the lock; the credentials need what the items need, and
    /// the items may be in other tables of the same account and region. The response is kept for those who ask again,
    /// if the operation [`replays`](crate::Operation::replays).
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use aws_sdk_dynamodb::types::{AttributeValue, Put};
    /// use dynamodb_locks::{Once, Operation, TransactWriteItem};
    ///
    /// let payment = Operation::new("payments", "invoice-7");
    /// let pay = async |handle: dynamodb_locks::LockHandle| {
    ///     let paid = Put::builder()
    ///         .table_name("orders")
    ///         .item("id", AttributeValue::S("42".into()))
    ///         .item("state", AttributeValue::S("paid".into()));
    ///     let paid = paid.build().expect("it has a table and an item");
    ///     let paid = TransactWriteItem::builder().put(paid).build();
    ///     handle.complete_with(vec![paid], None).await
    /// };
    /// let first = locks.once("order/42", payment, pay).await?;
    /// assert!(matches!(first, Once::Done(())));
    /// let again = locks.once("order/42", payment, pay).await?;
    /// assert!(matches!(again, Once::Before(_)));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// [`is_transaction_cancelled`](Error::is_transaction_cancelled) when items of the caller were refused, and
    /// [`is_lost`](Error::is_lost) when the lease was lost: nothing was written then.
    /// [`is_unknown`](Error::is_unknown) when no answer came: the same call again settles it.
    /// [`is_completed`](Error::is_completed) when an earlier transaction under this lock has completed the operation.
    /// [`is_configuration`](Error::is_configuration) when the lock was acquired without
    /// [`operation`](crate::AcquireOptions::operation), or DynamoDB does not accept the items together. Tables with strong
    /// consistency across regions (MRSC) have no transactions.
    pub async fn complete_with(
        &self,
        items: Vec<TransactWriteItem>,
        response: Option<String>,
    ) -> Result<(), Error> {
        if self.shared {
            return Err(Error::several_operations(&self.key));
        }
        let lease = self.lease();
        self.row.complete_with(lease, items, response).await
    }

    /// An item for a transaction of the caller's own: DynamoDB cancels the transaction unless this lock is still held. It
    /// completes nothing. The credentials need `dynamodb:ConditionCheckItem` on the table of the locks.
    ///
    /// ```
    /// # testkit::locks::example_over(async |client| {
    /// use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
    /// use dynamodb_locks::{Locks, Settings};
    ///
    /// let locks = Locks::with_client(&client, Settings::new())?;
    /// let guard = locks.acquire("order/42").await?;
    /// let paid = Put::builder()
    ///     .table_name("orders")
    ///     .item("id", AttributeValue::S("42".into()));
    /// let paid = paid.build().expect("it has a table and an item");
    /// let transaction = client
    ///     .transact_write_items()
    ///     .transact_items(guard.handle().check())
    ///     .transact_items(TransactWriteItem::builder().put(paid).build());
    /// let late = transaction.clone();
    /// transaction.send().await.expect("the lock is held");
    /// guard.release().await?;
    /// late.send().await.expect_err("the lock is not held any more");
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn check(&self) -> TransactWriteItem {
        self.row.check()
    }

    /// The handle for work on one of several operations under the lock: it completes none of them by a transaction, and
    /// knows of no attempt.
    #[doc(hidden)]
    #[must_use]
    pub fn of_several(&self) -> Self {
        Self {
            attempted: false,
            shared: true,
            done: Arc::default(),
            ..self.clone()
        }
    }

    /// What a transaction has completed.
    pub(crate) fn completed(&self) -> Option<&Completed> {
        self.row.completed()
    }

    /// Whether a transaction has completed the operation, or may have.
    pub(crate) fn may_be_completed(&self) -> bool {
        self.row.may_be_completed()
    }

    /// The fencing token: larger than the token of every earlier holder. Store it with every write
    /// made under the lock, and reject writes whose token is smaller than the stored one.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// The lease, to watch from other code.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// Records in the journal that an operation under this lock is done, before its guard
    /// [completes it](crate::LockGuard::complete_all): if the process dies in between, recovery does. Without a journal it
    /// records nothing.
    pub fn note_done(&self, operation: &Operation) {
        let latest = self.lease.moment().now.latest;
        self.row
            .note(operation.id(), operation.completion(self.fence, latest));
    }

    /// How many requests the lock has cost so far: writes, polls and heartbeats; without transactions, and without those for
    /// rows of operations.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.counters.requests()
    }

    /// How many dead holders were evicted on the way to the lock.
    #[must_use]
    pub fn evictions(&self) -> u32 {
        self.counters.evictions()
    }

    /// Runs a closure under the lock: [`current`] returns this handle, and acquiring the same lock
    /// again fails at once, because it would wait for itself. For callers that poll a future
    /// themselves.
    pub fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let scope = Scope {
            handle: self.clone(),
            outer: scope(),
        };
        SCOPE.sync_scope(Some(Arc::new(scope)), work)
    }
}
