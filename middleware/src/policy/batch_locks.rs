//! Acquiring the locks of a batch, side by side.
//!
//! No lock is held while another one is waited for, unless the settings ask for that. Then the waits follow the order
//! of the keys, and only locks of smaller keys are held meanwhile: no two invocations wait for each other.

use std::sync::Arc;

use dynamodb_locks::{Completed, LockGuard};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};

use crate::answer::failure::{LockError, LockErrorKind};
use crate::batch::{Batch, Fate, KeyWork, RecordWork};
use crate::config::OnBusy;
use crate::deadline::Deadline;
use crate::policy::acquire::{self, Locking, NoLock, Wait};
use crate::policy::lock::Finish;
use crate::policy::locked_batch::{AT_ONCE, BatchEnd, HeldKey, LockedBatch, release_unused};
use crate::policy::shared::Shared;

/// What becomes of a batch before its handler runs.
pub(crate) enum BatchAdmission {
    Run(LockedBatch),
    /// No record remains.
    Over(BatchEnd),
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
    busy: Vec<(KeyWork, LockError)>,
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
        let waiting = std::mem::take(&mut self.busy);
        let Some(first) = waiting.iter().map(|(work, _)| work.key.clone()).min() else {
            return;
        };
        let (kept, greater) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held| held.lock.key().as_str() < first.as_str());
        self.held = kept;
        let greater: Vec<HeldKey> = greater;
        let mut waiting: Vec<_> = waiting.into_iter().map(|(work, _)| work).collect();
        waiting.extend(greater.iter().map(HeldKey::work));
        release_unused(greater).await;
        waiting.sort_by(|one, other| one.key.cmp(&other.key));
        for (nth, work) in waiting.into_iter().enumerate() {
            let left = self.deadline.map(Deadline::left);
            if nth > 0 && left.is_some_and(|left| self.shared.reserve.leaves(left).is_zero()) {
                // The first wait has used up the time.
                let failure = LockError::no_time_left();
                self.busy.push((work, failure));
                continue;
            }
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
            if failure.is_busy() {
                self.busy.push((work, failure));
                continue;
            }
            self.shared.metrics.refused(&failure);
            self.hold_back(&work, &failure);
            let of_record = [
                LockErrorKind::KeyReused,
                LockErrorKind::BadKey,
                LockErrorKind::Reentrant,
            ];
            if !of_record.contains(&failure.kind()) {
                self.failure.get_or_insert(failure);
            }
        }
    }

    fn hold_back(&mut self, work: &KeyWork, failure: &LockError) {
        for work in &work.works {
            let record = self.batch.name(work.record);
            let name = failure.name();
            match failure.is_busy() {
                true => {
                    tracing::info!(record, name, %failure, "a record is held back: it comes again")
                }
                false => {
                    tracing::warn!(record, name, %failure, "a record is held back: it comes again")
                }
            }
            self.batch.set(work.record, Fate::HeldBack);
        }
    }

    fn give_up(&mut self, work: &KeyWork, failure: &LockError) {
        for work in &work.works {
            let record = self.batch.name(work.record);
            tracing::info!(record, %failure, "a record is given up");
            self.batch.set(work.record, Fate::Done);
        }
    }

    async fn done(mut self) -> BatchAdmission {
        for (work, failure) in std::mem::take(&mut self.busy) {
            self.shared.metrics.refused(&failure);
            match self.shared.on_busy_records {
                OnBusy::Skip => self.give_up(&work, &failure),
                OnBusy::Wait | OnBusy::Fail => self.hold_back(&work, &failure),
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
        let locked = LockedBatch::new(self.shared, self.batch, held, self.deadline);
        match (locked.has_work(), self.failure) {
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
        match acquire::acquire(Arc::clone(&shared), locking).await {
            Ok(lock) => {
                let mut held = vec![first];
                let works: Vec<_> = works.collect();
                let known = known(lock.guard(), &works).await;
                for (work, known) in works.iter().zip(known) {
                    match known {
                        Ok(None) => held.push(*work),
                        Ok(Some(_)) => acquired.done.push(work.record),
                        Err(failure) => acquired.refused.push((refuse(vec![*work]), failure)),
                    }
                }
                acquired.held = Some(HeldKey {
                    first: first.record,
                    lock,
                    works: held,
                });
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

/// What is known of the operation of each work under a lock; side by side, because under a busy lock each may be a request.
async fn known(
    guard: &LockGuard,
    works: &[RecordWork],
) -> Vec<Result<Option<Completed>, LockError>> {
    let mut known = Vec::with_capacity(works.len());
    for some in works.chunks(AT_ONCE) {
        let some = some.iter().map(|work| async {
            match &work.operation {
                Some(operation) => guard.completed(operation).await.map_err(LockError::from),
                None => Ok(None),
            }
        });
        known.extend(join_all(some).await);
    }
    known
}
