//! A batch with its locks, from the grant to the report: they are released together.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use dynamodb_locks::{LockHandle, LockScope, Operation};
use futures_util::FutureExt;
use futures_util::stream::{self, FuturesUnordered, StreamExt};

use crate::answer::failure::LockError;
use crate::batch::{Batch, KeyWork, RecordWork, Reported, report};
use crate::deadline::Deadline;
use crate::policy::batch_scope::{BatchScope, RecordLock};
use crate::policy::lock::{Boxed, Finish, InvocationLock};
use crate::policy::shared::Shared;

/// How many requests are under way at a time.
pub(crate) const AT_ONCE: usize = 64;

/// A batch whose remaining records the handler may work on now.
///
/// Not `Clone`, as [`InvocationLock`] is not. Dropped without [`finish`](Self::finish), it leaves orphans.
#[must_use = "locks that are dropped are only released by the next call, or when their leases end"]
pub struct LockedBatch {
    shared: Arc<Shared>,
    batch: Batch,
    held: Vec<HeldKey>,
    interrupts: Interrupts,
    /// The next of `held` whose lease is asked.
    next: usize,
    scope: LockScope,
    told: Arc<BatchScope>,
}

/// What interrupts the handler: each with the lock that it is about. Only those that wake are polled.
type Interrupts = FuturesUnordered<Boxed<(usize, LockError)>>;

/// The end of a batch: what its source is told.
#[derive(Debug)]
#[non_exhaustive]
pub enum BatchEnd {
    /// The handler's own response.
    Unchanged,
    /// This response, as JSON text, in place of the handler's.
    Report(String),
    /// The invocation fails: all records come again.
    Failed(LockError),
}

/// A lock, and the records that are worked on under it.
pub(crate) struct HeldKey {
    pub(crate) lock: InvocationLock,
    pub(crate) works: Vec<RecordWork>,
    /// The record for whose operation the lock was acquired.
    pub(crate) first: usize,
}

impl HeldKey {
    fn handle(&self) -> &LockHandle {
        self.lock.handle()
    }

    /// The lock for a handler that works on all of its records.
    fn shared_handle(&self) -> LockHandle {
        match &self.works[..] {
            [work] => self.handle_of(work),
            _ => self.handle().of_several(),
        }
    }

    /// The lock for the work on one record. Its operation is the one that the handle may complete, if it is the only one.
    fn handle_of(&self, work: &RecordWork) -> LockHandle {
        match self.works.len() == 1 && work.record == self.first {
            true => self.handle().clone(),
            false => self.handle().of_several(),
        }
    }

    pub(crate) fn work(&self) -> KeyWork {
        // Its `Display` is for logs.
        let (key, works) = (self.lock.key().as_str().to_owned(), self.works.clone());
        KeyWork { key, works }
    }

    /// Releases the lock, and completes the operations of the records that are done.
    async fn finish(self, done: &[bool]) {
        let operations = self.works.iter().filter(|work| done[work.record]);
        let operations: Vec<Operation> = operations.filter_map(|work| work.operation).collect();
        self.lock.finish_operations(&operations).await;
    }
}

/// Releases locks under which nothing has begun.
pub(crate) async fn release_unused(held: Vec<HeldKey>) {
    let released = stream::iter(held).map(|held| held.lock.release_unused());
    released.buffer_unordered(AT_ONCE).collect::<()>().await;
}

impl LockedBatch {
    pub(crate) fn new(
        shared: Arc<Shared>,
        batch: Batch,
        mut held: Vec<HeldKey>,
        deadline: Option<Deadline>,
    ) -> Self {
        let locks = locks_of(&batch, &held);
        let interrupts = held.iter_mut().enumerate().filter_map(|(nth, held)| {
            let interrupt = held.lock.take_interrupt()?;
            Some(Box::pin(interrupt.map(move |failure| (nth, failure))) as Boxed<_>)
        });
        Self {
            interrupts: interrupts.collect(),
            next: 0,
            scope: LockScope::new(locks.iter().flatten().map(|lock| &lock.handle)),
            told: Arc::new(BatchScope::new(locks, deadline, shared.reserve)),
            shared,
            batch,
            held,
        }
    }

    /// Whether the handler gets anything.
    pub(crate) fn has_work(&self) -> bool {
        self.batch.has_work()
    }

    /// The event for the handler: the same, without the records that it is not to work on. `None` if it gets all of them.
    /// `event` is the text with which the batch was admitted.
    #[must_use]
    pub fn event(&self, event: &str) -> Option<String> {
        self.batch.event(event)
    }

    /// The locks that are held, one for each key.
    pub fn locks(&self) -> impl Iterator<Item = LockHandle> {
        self.held.iter().map(HeldKey::shared_handle)
    }

    /// Releases the locks of a batch that no handler was given.
    pub async fn release_unused(self) {
        release_unused(self.held).await;
    }

    /// Runs a piece of the handler's work under the locks.
    pub fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        self.told.enter(|| self.scope.scope(work))
    }

    /// Waits until the handler has to be stopped: see [`InvocationLock::interrupted`].
    pub async fn interrupted(&mut self) -> LockError {
        poll_fn(|cx| self.poll_interrupted(cx)).await
    }

    pub(crate) fn poll_interrupted(&mut self, cx: &mut Context<'_>) -> Poll<LockError> {
        let (nth, failure) = match self.expired() {
            Some(nth) => (nth, LockError::lost(self.held[nth].lock.key())),
            None => match self.interrupts.poll_next_unpin(cx) {
                Poll::Ready(Some(interrupt)) => interrupt,
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(self.held[nth].lock.interrupted_by(failure))
    }

    /// A lock whose lease is over, though its timer has not said so yet: a suspension ends all of them, so a few at a
    /// time are asked.
    fn expired(&mut self) -> Option<usize> {
        const ASKED: usize = 8;
        let asked = self.held.len().min(ASKED);
        let nth = (self.next..self.next + asked).map(|nth| nth % self.held.len());
        let expired = nth
            .into_iter()
            .find(|nth| self.held[*nth].lock.is_expired());
        self.next = (self.next + asked) % self.held.len().max(1);
        expired
    }

    /// Releases the locks when the handler has ended, and completes the records that are done: those that the handler
    /// was given and did not report.
    pub async fn finish(self, finish: Finish) -> BatchEnd {
        let Self {
            shared,
            batch,
            held,
            told,
            ..
        } = self;
        let (failed, response) = match finish {
            Finish::Failed | Finish::FailedWith(_) | Finish::Interrupted => (true, None),
            Finish::Answered(response) => (false, response),
        };
        let reported = match failed {
            true => Reported::AllFailed,
            false => Reported::read(response.as_deref()),
        };
        let done = batch.done(&reported, &told.known());
        let released = stream::iter(held)
            .map(|held| held.finish(&done))
            .buffer_unordered(AT_ONCE)
            .collect::<()>();
        tokio::select! {
            biased;
            () = released => {}
            () = Deadline::response(told.deadline) => {
                tracing::error!("the deadline is near: locks that are not released yet are dropped");
            }
        }
        let tally = batch.tally(&done);
        shared.metrics.batch(tally);
        tracing::info!(
            records = tally.records,
            run = tally.run,
            held_back = tally.held_back,
            failed = tally.failed,
            duplicates = tally.duplicates,
            "a batch"
        );
        match failed {
            // The handler's own error tells the source.
            true => BatchEnd::Unchanged,
            false => end(&batch, &done, &reported, response.as_deref()),
        }
    }
}

/// The lock of each record that the handler gets, in their order.
fn locks_of(batch: &Batch, held: &[HeldKey]) -> Vec<Option<RecordLock>> {
    let mut locks = BTreeMap::new();
    for held in held {
        let works = held.works.iter();
        locks.extend(works.map(|work| {
            let (handle, operation) = (held.handle_of(work), work.operation);
            (work.record, RecordLock { handle, operation })
        }));
    }
    let given = (0..batch.len()).filter(|record| batch.runs(*record));
    given.map(|record| locks.remove(&record)).collect()
}

/// What the source is told.
fn end(batch: &Batch, done: &[bool], reported: &Reported, response: Option<&str>) -> BatchEnd {
    let failures = batch.failures(done);
    let failed = done.iter().filter(|done| !**done).count();
    if failed > 0 && !batch.can_report() {
        return BatchEnd::Failed(LockError::partial_batch(failed, done.len()));
    }
    if !batch.has_work()
        && let Some(response) = batch.response_without_run()
    {
        return BatchEnd::Report(report(Some(&response), &failures));
    }
    match !batch.can_report() || response.is_some() && reported.is_of(&failures) {
        true => BatchEnd::Unchanged,
        false => BatchEnd::Report(report(response, &failures)),
    }
}

impl fmt::Debug for LockedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedBatch")
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}
