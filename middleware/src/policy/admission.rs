//! Whether an event's handler runs, and with which lock; or what is answered in its place.

use std::future::ready;
use std::sync::Arc;

use dynamodb_locks::Response;

use super::batch_locks::{self, BatchAdmission};
use crate::answer::failure::LockError;
use crate::answer::rejection::Rejection;
use crate::batch::{Batch, KeyWork};
use crate::config::OnBusy;
use crate::deadline::Deadline;
use crate::dedup::Dedup;
use crate::event::key::Decision;
use crate::event::pointer::is_json;
use crate::event::source::Source;
use crate::policy::acquire::{Duplicate, Locking, NoLock, Wait, acquire};
use crate::policy::lock::{Boxed, InvocationLock};
use crate::policy::locked_batch::{BatchEnd, LockedBatch};
use crate::policy::plan::{Plan, Work};
use crate::policy::shared::Shared;

/// What to do with one event.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each invocation, and most of them are the large one"
)]
#[non_exhaustive]
pub enum Admission {
    /// Run the handler, under this lock; without one if the event has no key and needs none. Release it
    /// afterwards.
    Run(Option<InvocationLock>),
    /// Run the handler under the locks of this batch, with the event that is left of it. Finish the batch afterwards.
    RunBatch(Box<LockedBatch>),
    /// Do not run the handler; answer this.
    Answer(Rejection),
    /// Do not run the handler; fail with this.
    Fail(LockError),
}

impl Shared {
    pub(crate) fn admit(self: &Arc<Self>, plan: Plan) -> Boxed<Admission> {
        let source = plan.source;
        let decision = match plan.work {
            Work::One(_) | Work::Batch(..) if self.disabled => {
                return Box::pin(ready(Admission::Run(None)));
            }
            Work::Nothing => return Box::pin(ready(Admission::Run(None))),
            Work::One(decision) => decision,
            Work::Batch(batch, keys) => {
                return Box::pin(Arc::clone(self).take_all(batch, keys, plan.deadline));
            }
        };
        Box::pin(ready(match decision {
            Decision::Lock(key, operation) => {
                let locking = Locking {
                    key,
                    operation,
                    deadline: plan.deadline,
                    wait: Wait::AsConfigured,
                };
                return Box::pin(Arc::clone(self).take(locking, source, plan.discards));
            }
            Decision::Run(why) => {
                tracing::info!(%why, "the handler runs without a lock");
                Admission::Run(None)
            }
            Decision::Skip(why) => {
                tracing::info!(%why, "the event is given up: the handler is skipped");
                Admission::Answer(Rejection::nothing(source))
            }
            Decision::Bad(why) => Admission::refuse(LockError::bad_key(&why), source),
            Decision::Durable => Admission::refuse(LockError::durable(), source),
        }))
    }

    async fn take_all(
        self: Arc<Self>,
        batch: Batch,
        keys: Vec<KeyWork>,
        deadline: Option<Deadline>,
    ) -> Admission {
        match batch_locks::acquire(self, batch, keys, deadline).await {
            BatchAdmission::Run(batch) => Admission::RunBatch(Box::new(batch)),
            BatchAdmission::Over(BatchEnd::Unchanged) => {
                Admission::Answer(Rejection::nothing(Source::Errors))
            }
            BatchAdmission::Over(BatchEnd::Report(report)) => {
                Admission::Answer(Rejection::report(report))
            }
            BatchAdmission::Over(BatchEnd::Failed(failure)) => Admission::Fail(failure),
        }
    }

    async fn take(self: Arc<Self>, locking: Locking, source: Source, discards: bool) -> Admission {
        match acquire(Arc::clone(&self), locking).await {
            Ok(lock) => Admission::Run(Some(lock)),
            Err(NoLock::Duplicate(duplicate)) => self.answer(&duplicate, source, discards),
            Err(NoLock::LayerError(failure)) => {
                self.metrics.refused(&failure);
                if self.on_busy == OnBusy::Skip && failure.is_busy() {
                    tracing::info!(%failure, "the event is given up: the handler is skipped");
                    return Admission::Answer(Rejection::nothing(source));
                }
                // Its source would take a response for success, and the run that it waits for may yet fail.
                let source = match source {
                    Source::Forced if discards => Source::Errors,
                    source => source,
                };
                Admission::refuse(failure, source)
            }
        }
    }

    /// The answer to an event that was done before.
    fn answer(&self, duplicate: &Duplicate, source: Source, discards: bool) -> Admission {
        self.told_of(duplicate);
        let Duplicate { key, completed, .. } = duplicate;
        let replays = self.dedup.as_ref().is_some_and(Dedup::replays);
        match completed.response() {
            Response::Text(text) if replays && is_json(text) => {
                let header = self.dedup.as_ref().and_then(Dedup::replay_header);
                Admission::Answer(Rejection::replay(text, source, header))
            }
            _ if !replays || discards => Admission::Answer(Rejection::nothing(source)),
            _ => Admission::refuse(LockError::response_gone(key), source),
        }
    }

    /// An event was done before.
    pub(crate) fn told_of(&self, duplicate: &Duplicate) {
        let Duplicate {
            key,
            completed,
            from_memory,
            waited,
        } = duplicate;
        let replays = self.dedup.as_ref().is_some_and(Dedup::replays);
        let (fence, waited_ms) = (completed.fence(), waited.as_millis());
        tracing::info!(
            %key, fence, from_memory, waited_ms,
            "a duplicate: the event was done before, and the handler is skipped"
        );
        self.metrics.duplicate(replays, *from_memory, *waited);
    }
}

impl Admission {
    fn refuse(failure: LockError, source: Source) -> Self {
        match Rejection::of(failure, source) {
            Ok(rejection) => Self::Answer(rejection),
            Err(failure) => Self::Fail(failure),
        }
    }
}
