//! What is done under a held lock: what is known of it, and saying that it is done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{HandedOn, LockGuard, RELEASE};
use crate::client::driving::driver::Budget;
use crate::client::driving::once::{self, Responses};
use crate::error::{Error, Kind};
use crate::idempotency::{Completed, Operation};
use crate::protocol::Acquisition;
use crate::protocol::operation::{Completions, MOST_COMPLETED, OperationState};

impl LockGuard {
    /// How many operations [`complete_all`](Self::complete_all) completes at most: DynamoDB bounds the length of an
    /// update.
    pub const MOST_COMPLETED: usize = MOST_COMPLETED;

    /// Releases the lock, and says with the same write that its operation is done: see
    /// [`AcquireOptions::operation`](crate::AcquireOptions::operation). Nobody does it again within its window. Without an
    /// operation it only releases. After [`complete_with`](crate::LockHandle::complete_with) the operation is done already.
    ///
    /// The response is kept for those who ask again, if the operation [`replays`](Operation::replays).
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release). When the lease was lost, the operation is not done, and another run of it may
    /// have begun.
    pub async fn complete(self, response: Option<String>) -> Result<(), Error> {
        self.complete_within(response, RELEASE).await
    }

    /// Completes the operation, and goes on for at most this long.
    ///
    /// # Errors
    ///
    /// As [`complete`](Self::complete).
    pub async fn complete_within(
        self,
        response: Option<String>,
        time: Duration,
    ) -> Result<(), Error> {
        let lease = self.handle.lease();
        let until = lease.after(time);
        let Some(operation) = self.completes(&response) else {
            let none = Completions::new();
            return self.hand_on(until, none, |_| {}).await.map(drop);
        };
        let (key, shared, id) = (self.key().clone(), self.cleanup.shared(), operation.id());
        let done = operation.completion(self.fence(), lease.moment().now.latest);
        let table = shared.table().await;
        let recorded = AtomicBool::new(false);
        // The heartbeats go on meanwhile, and the release needs the other half.
        let keeping = Budget::until(lease.after(time / 2));
        let responses = Responses {
            key: &key,
            sealing: &shared.settings.sealing,
        };
        let kept = responses.completion(
            |completion| {
                let ours = self.trail.complete(&[(id, completion.clone())].into());
                recorded.fetch_or(ours, Ordering::Relaxed);
            },
            &table,
            operation,
            done,
            response,
            keeping,
        );
        let (completion, response) = kept.await;
        let completed = Completed::new(completion.clone(), response);
        let completes = [(id, completion)].into();
        match self.hand_on(until, completes, |_| {}).await? {
            HandedOn::Released => once::remember(&shared, &key, id, completed),
            HandedOn::TakenOver if recorded.into_inner() => {}
            HandedOn::TakenOver => return Err(Error::released_before_completion(&key)),
        }
        Ok(())
    }

    /// The work under the lock has ended, and its release comes later. If the guard is dropped before that, the lock is
    /// released as if it had been, also a fail-closed one.
    pub fn work_ended(&mut self) {
        self.trail.release();
    }

    /// Records in the journal that the operation is done, before a [`complete`](Self::complete) with this response that comes
    /// later: if the process dies in between, recovery completes the operation. A longer response than 512 bytes is lost
    /// then. Without a journal, or without an operation, it records nothing.
    pub fn note_done(&self, response: &Option<String>) {
        if let Some(operation) = self.completes(response) {
            let latest = self.handle.lease().moment().now.latest;
            let done = operation.completion(self.fence(), latest);
            let responses = Responses {
                key: self.key(),
                sealing: &self.cleanup.shared().settings.sealing,
            };
            let done = responses.at_once(operation, done, response.as_deref());
            self.trail.complete(&[(operation.id(), done)].into());
        }
    }

    /// The operation that is completed with this response, unless that is done already.
    fn completes(&self, response: &Option<String>) -> Option<Operation> {
        match (self.operation, self.handle.completed()) {
            (Some(_), Some(completed)) if completed.stands_against(response) => None,
            (operation, _) => operation,
        }
    }

    /// What is known of another operation that is to be done under this lock: `None` if it is to be done. The holder has
    /// seen every completion in its lock's row, and nobody else writes one while it holds. So this needs no request, unless
    /// so many operations are done under the lock that older completions were moved into rows of their own: then it reads
    /// that of the operation. A response in a row of its own is not read.
    ///
    /// So one acquisition serves several operations, those of a batch for instance:
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use std::time::Duration;
    ///
    /// use dynamodb_locks::{AcquireOptions, Operation};
    ///
    /// let records = ["m1", "m2", "m3"].map(|id| Operation::new("orders", id));
    /// let first = AcquireOptions::wait(Duration::from_secs(5)).operation(records[0]);
    /// let guard = locks.acquire_with("order/42", first).await?;
    /// let mut done = Vec::new();
    /// for record in records {
    ///     if guard.completed(&record).await?.is_none() {
    ///         println!("at work");
    ///     }
    ///     done.push(record);
    /// }
    /// guard.complete_all(&done, Duration::from_secs(3)).await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// [`is_key_reused`](Error::is_key_reused) when the operation is done with another fingerprint;
    /// [`is_interrupted`](Error::is_interrupted) when it is done at most once, and a run of it has begun before;
    /// [`is_bad_table`](Error::is_bad_table) when what the row says of it cannot be read;
    /// [`is_unavailable`](Error::is_unavailable) when DynamoDB does not answer.
    pub async fn completed(&self, operation: &Operation) -> Result<Option<Completed>, Error> {
        let earliest = self.handle.lease().moment().now.earliest;
        let here = self.found.operations.get(&operation.id());
        let known = here.is_some_and(|state| {
            *state == OperationState::Unreadable || state.completed(earliest).is_some()
        });
        let beside = match known {
            true => None,
            false => self.find_moved(operation).await?,
        };
        let completion = match beside.as_ref().or(here) {
            Some(OperationState::Unreadable) => return Err(Error::unreadable(self.key())),
            Some(OperationState::Begun(begun))
                if operation.is_at_most_once()
                    && begun.fence.0 != self.fence()
                    && begun.counts(earliest) =>
            {
                return Err(Error::interrupted(self.key()));
            }
            state => state.and_then(|state| state.completed(earliest)),
        };
        match completion {
            Some(completion) if operation.terms().differs_from(completion) => {
                Err(Error::key_reused(self.key()))
            }
            completion => Ok(completion.map(Completed::inspected)),
        }
    }

    /// Releases the lock, and says with the same write that all these operations are done; tries for at most this long.
    /// No responses are kept. If the lock's own operation is not among them, it counts as attempted.
    ///
    /// At most [`MOST_COMPLETED`](Self::MOST_COMPLETED) operations.
    ///
    /// # Errors
    ///
    /// As [`complete`](Self::complete): then none of them is done. [`is_configuration`](Error::is_configuration) when
    /// they are too many: the lock is released then.
    pub async fn complete_all(self, operations: &[Operation], time: Duration) -> Result<(), Error> {
        let lease = self.handle.lease();
        let until = lease.after(time);
        let (fence, latest) = (self.fence(), lease.moment().now.latest);
        let mut done: Completions = operations
            .iter()
            .map(|operation| (operation.id(), operation.completion(fence, latest)))
            .collect();
        if let Some((own, completed)) = self.operation.zip(self.handle.completed()) {
            done.insert(own.id(), completed.completion().clone());
        }
        if done.len() > MOST_COMPLETED {
            let error = too_many(done.len());
            let none = Completions::new();
            return self.hand_on(until, none, |_| {}).await.and(Err(error));
        }
        let (key, shared) = (self.key().clone(), self.cleanup.shared());
        let recorded = self.trail.complete(&done);
        let handed_on = self.hand_on(until, done.clone(), Acquisition::fail);
        match handed_on.await? {
            HandedOn::Released => once::remember_told(&shared, &key, &done),
            HandedOn::TakenOver if recorded => {}
            HandedOn::TakenOver => return Err(Error::released_before_completion(&key)),
        }
        Ok(())
    }

    /// Releases the lock, and forgets an operation with the same write; before that its completion beside the lock.
    pub(crate) async fn forget(self, operation: Operation) -> Result<(), Error> {
        let (key, shared) = (self.key().clone(), self.cleanup.shared());
        let until = self.handle.lease().after(RELEASE);
        let forgotten = self.forget_moved(&operation).await;
        let none = Completions::new();
        let handed_on = match &forgotten {
            Ok(()) => self.hand_on(until, none, |it| it.forget(operation.id())),
            Err(_) => return self.release().await.and(forgotten),
        };
        match handed_on.await? {
            HandedOn::Released => shared.completed.remove(&key, operation.id()),
            HandedOn::TakenOver => return Err(Error::lost(&key)),
        }
        Ok(())
    }
}

fn too_many(operations: usize) -> Error {
    let message = format!(
        "{operations} operations cannot be completed with one write: expected at most {MOST_COMPLETED}; the lock was \
         released, and none of them is completed"
    );
    Error::new(Kind::Configuration, message)
}
