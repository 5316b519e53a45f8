//! A batch with its locks: acquired side by side, and released together.
//!
//! No lock is held while another one is waited for, unless the settings ask for that. Then the waits follow the order
//! of the keys, and only locks of smaller keys are held meanwhile: no two invocations wait for each other.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use dynamodb_locks::{LockHandle, LockScope, Operation};
use futures_util::stream::{self, StreamExt};

use crate::batch::{Batch, Fate, KeyWork, RecordWork, Reported, report};
use crate::batch_scope::BatchScope;
use crate::config::OnBusy;
use crate::deadline::Deadline;
use crate::failure::{LockError, LockErrorKind};
use crate::lock::{self, Finish, InvocationLock, Locking, NoLock, Wait};
use crate::shared::Shared;

/// How many requests are under way at a time.
const AT_ONCE: usize = 64;

/// A batch whose remaining records the handler may work on now.
///
/// Not `Clone`, as [`InvocationLock`] is not. Dropped without [`finish`](Self::finish), it leaves orphans.
#[must_use = "locks that are dropped are only released by the next call, or when their leases end"]
pub struct LockedBatch {
    shared: Arc<Shared>,
    batch: Batch,
    held: Vec<HeldKey>,
    scope: LockScope,
    told: Arc<BatchScope>,
}

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

/// What becomes of a batch before its handler runs.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each invocation, and most of them are the large one"
)]
pub(crate) enum BatchAdmission {
    Run(LockedBatch),
    /// No record remains.
    Over(BatchEnd),
}

/// A lock, and the records that are worked on under it.
struct HeldKey {
    lock: InvocationLock,
    works: Vec<RecordWork>,
}

/// What the acquisition of one key has shown.
#[derive(Default)]
struct Acquired {
    held: Option<HeldKey>,
    /// Records whose events were done before.
    done: Vec<usize>,
    /// Work that has no lock, and why.
    refused: Vec<(KeyWork, LockError)>,
}

/// Acquires the locks of a batch.
pub(crate) async fn acquire(
    shared: Arc<Shared>,
    batch: Batch,
    keys: Vec<KeyWork>,
    deadline: Option<Deadline>,
) -> BatchAdmission {
    let mut acquiring = Acquiring {
        shared,
        batch,
        deadline,
        held: Vec::new(),
        busy: Vec::new(),
        failure: None,
    };
    acquiring.side_by_side(keys).await;
    if acquiring.shared.on_busy_records == OnBusy::Wait {
        acquiring.in_turn().await;
    }
    acquiring.done().await
}

struct Acquiring {
    shared: Arc<Shared>,
    batch: Batch,
    deadline: Option<Deadline>,
    held: Vec<HeldKey>,
    /// Work whose locks others hold.
    busy: Vec<KeyWork>,
    /// The first failure that is not a busy lock's.
    failure: Option<LockError>,
}

impl Acquiring {
    async fn side_by_side(&mut self, keys: Vec<KeyWork>) {
        let (shared, deadline) = (Arc::clone(&self.shared), self.deadline);
        let acquired = stream::iter(keys)
            .map(|work| of_key(Arc::clone(&shared), work, deadline, Wait::Never))
            .buffer_unordered(AT_ONCE);
        let acquired: Vec<_> = acquired.collect().await;
        for acquired in acquired {
            self.take(acquired);
        }
    }

    /// Waits for busy locks, one after the other in the order of their keys. Locks of greater keys are given back first.
    async fn in_turn(&mut self) {
        let mut waiting = std::mem::take(&mut self.busy);
        let Some(first) = waiting.iter().map(|work| work.key.clone()).min() else {
            return;
        };
        let (kept, greater) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held| held.lock.key().as_str() < first.as_str());
        self.held = kept;
        let greater: Vec<HeldKey> = greater;
        waiting.extend(greater.iter().map(HeldKey::work));
        release_unused(greater).await;
        waiting.sort_by(|one, other| one.key.cmp(&other.key));
        for work in waiting {
            let (shared, deadline) = (Arc::clone(&self.shared), self.deadline);
            let acquired = of_key(shared, work, deadline, Wait::AsConfigured).await;
            self.take(acquired);
        }
    }

    fn take(&mut self, acquired: Acquired) {
        for record in acquired.done {
            self.batch.set(record, Fate::Done);
        }
        self.held.extend(acquired.held);
        for (work, failure) in acquired.refused {
            self.shared.metrics.refused(&failure);
            if failure.is_busy() {
                self.busy.push(work);
                continue;
            }
            self.hold_back(&work, &failure);
            if failure.kind() != LockErrorKind::KeyReused {
                self.failure.get_or_insert(failure);
            }
        }
    }

    fn hold_back(&mut self, work: &KeyWork, failure: &LockError) {
        for work in &work.works {
            let record = self.batch.name(work.record);
            tracing::warn!(record, name = failure.name(), message = %failure, "a record is held back: it comes again");
            self.batch.set(work.record, Fate::HeldBack);
        }
    }

    async fn done(mut self) -> BatchAdmission {
        for work in std::mem::take(&mut self.busy) {
            let given_up = self.shared.on_busy_records == OnBusy::Skip;
            for RecordWork { record, .. } in work.works {
                let name = self.batch.name(record);
                let fate = match given_up {
                    true => Fate::Done,
                    false => Fate::HeldBack,
                };
                tracing::info!(
                    record = name,
                    key = work.key,
                    ?fate,
                    "the record's lock is held by another invocation"
                );
                self.batch.set(record, fate);
            }
        }
        self.batch.hold_back_followers();
        let batch = &self.batch;
        for held in &mut self.held {
            held.works.retain(|work| batch.runs(work.record));
        }
        let (held, unused) = self
            .held
            .into_iter()
            .partition(|held: &HeldKey| !held.works.is_empty());
        release_unused(unused).await;
        let held: Vec<HeldKey> = held;
        let scope = LockScope::new(held.iter().map(HeldKey::handle));
        let told = BatchScope::new(
            locks_of(&self.batch, &held),
            self.deadline,
            self.shared.reserve,
        );
        let locked = LockedBatch {
            shared: self.shared,
            batch: self.batch,
            held,
            scope,
            told: Arc::new(told),
        };
        match (locked.batch.has_work(), self.failure) {
            (true, _) => BatchAdmission::Run(locked),
            // DynamoDB does not answer, or the function is not set up: sources slow down where invocations fail.
            (false, Some(failure)) => BatchAdmission::Over(BatchEnd::Failed(failure)),
            (false, None) => BatchAdmission::Over(locked.finish(Finish::Answered(None)).await),
        }
    }
}

/// Acquires the lock of a key, for the first of its operations that is not done yet.
async fn of_key(
    shared: Arc<Shared>,
    work: KeyWork,
    deadline: Option<Deadline>,
    wait: Wait,
) -> Acquired {
    let KeyWork { key, works } = work;
    let mut acquired = Acquired::default();
    let refuse = |works| KeyWork {
        key: key.clone(),
        works,
    };
    let mut works = works.into_iter();
    while let Some(first) = works.next() {
        let locking = Locking {
            key: key.clone(),
            operation: first.operation,
            deadline,
            wait,
        };
        match lock::acquire(Arc::clone(&shared), locking).await {
            Ok(lock) => {
                let mut held = vec![first];
                for work in works {
                    match work.operation.map(|operation| lock.completed(&operation)) {
                        None | Some(Ok(None)) => held.push(work),
                        Some(Ok(Some(_))) => acquired.done.push(work.record),
                        Some(Err(failure)) => acquired.refused.push((refuse(vec![work]), failure)),
                    }
                }
                acquired.held = Some(HeldKey { lock, works: held });
                return acquired;
            }
            Err(NoLock::Duplicate(duplicate)) => {
                shared.told_of(&duplicate);
                acquired.done.push(first.record);
            }
            Err(NoLock::LayerError(failure)) if failure.kind() == LockErrorKind::KeyReused => {
                acquired.refused.push((refuse(vec![first]), failure));
            }
            Err(NoLock::LayerError(failure)) => {
                let rest = std::iter::once(first).chain(works).collect();
                acquired.refused.push((refuse(rest), failure));
                return acquired;
            }
        }
    }
    acquired
}

/// The lock of each record that the handler gets, in their order.
fn locks_of(batch: &Batch, held: &[HeldKey]) -> Vec<Option<LockHandle>> {
    let mut locks = BTreeMap::new();
    for held in held {
        locks.extend(held.works.iter().map(|work| (work.record, held.handle())));
    }
    let given = (0..batch.len()).filter(|record| batch.runs(*record));
    given
        .map(|record| locks.get(&record).copied().cloned())
        .collect()
}

async fn release_unused(held: Vec<HeldKey>) {
    let released = stream::iter(held).map(|held| held.lock.release_unused());
    released.buffer_unordered(AT_ONCE).collect::<()>().await;
}

impl HeldKey {
    fn handle(&self) -> &LockHandle {
        self.lock.handle()
    }

    fn work(&self) -> KeyWork {
        let (key, works) = (self.lock.key().to_string(), self.works.clone());
        KeyWork { key, works }
    }

    /// Releases the lock, and completes the operations of the records that are done.
    async fn finish(self, done: &[bool]) {
        let operations = self.works.iter().filter(|work| done[work.record]);
        let operations: Vec<Operation> = operations.filter_map(|work| work.operation).collect();
        self.lock.finish_operations(&operations).await;
    }
}

impl LockedBatch {
    /// The event for the handler: the same, without the records that it is not to work on. `None` if it gets all of them.
    /// `event` is the text with which the batch was admitted.
    #[must_use]
    pub fn event(&self, event: &str) -> Option<String> {
        self.batch.event(event)
    }

    /// The locks that are held, one for each key.
    pub fn locks(&self) -> impl Iterator<Item = &LockHandle> {
        self.held.iter().map(HeldKey::handle)
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
        for held in &mut self.held {
            if let Poll::Ready(failure) = held.lock.poll_interrupted(cx) {
                return Poll::Ready(failure);
            }
        }
        Poll::Pending
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
            Finish::Failed => (true, None),
            Finish::Answered(response) => (false, response),
        };
        let reported = match failed {
            true => Reported::AllFailed,
            false if batch.can_report() => Reported::read(response.as_deref()),
            false => Reported::Done,
        };
        let done = batch.done(&reported, told.tells_all());
        stream::iter(held)
            .map(|held| held.finish(&done))
            .buffer_unordered(AT_ONCE)
            .collect::<()>()
            .await;
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

/// What the source is told.
fn end(batch: &Batch, done: &[bool], reported: &Reported, response: Option<&str>) -> BatchEnd {
    let failures = batch.failures(done);
    if !batch.can_report() {
        return match failures.len() {
            0 => BatchEnd::Unchanged,
            failed => BatchEnd::Failed(LockError::partial_batch(failed, done.len())),
        };
    }
    match response.is_some() && reported.is_of(&failures) {
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
