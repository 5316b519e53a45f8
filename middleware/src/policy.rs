//! What to do with an event, whatever server it came through.
//!
//! ```text
//! event ─► key ─► wait in memory ─► acquire ─► run the handler ─► release
//!           │            └───────────────┴─► refusal, in the words of the event's source
//!           └─► refusal, or no handler, or no lock
//! ```
//!
//! The tower layer is one such server; the extension's proxy of the Runtime API is another.

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dynamodb_locks::{Error, Key, Locks, Operation, Response};

use crate::batch::{Batch, KeyWork, named};
use crate::batch_locks::{self, BatchAdmission};
use crate::config::{Config, OnBusy};
use crate::deadline::Deadline;
use crate::dedup::Dedup;
use crate::event::{Event, RecordEvent};
use crate::failure::LockError;
use crate::invocation::Invocation;
use crate::key::{Decision, KeyError, KeyRule, OnMissing};
use crate::lock::{self, Boxed, Duplicate, InvocationLock, Locking, NoLock, Wait};
use crate::locked_batch::{AT_ONCE, BatchEnd, LockedBatch};
use crate::pointer::is_json;
use crate::records::Records;
use crate::rejection::Rejection;
use crate::shared::Shared;
use crate::source::Source;

/// What to do with events. Clones share everything.
#[derive(Clone, Debug)]
pub struct Policy {
    shared: Arc<Shared>,
    rule: Arc<KeyRule>,
}

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

/// What an event asks to be done once.
#[derive(Debug)]
pub(crate) struct DoneOnce {
    operation: Result<Operation, KeyError>,
    /// The lock of an event that has no other, if it runs without one.
    own_key: Option<String>,
    discards: bool,
}

/// What is known from an event's text, before any wait.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) source: Source,
    work: Work,
    deadline: Option<Deadline>,
    /// Whether nobody reads the response.
    discards: bool,
}

/// What an event asks for.
#[derive(Debug)]
enum Work {
    /// No lock: they are disabled.
    Nothing,
    One(Decision),
    /// The records of a batch, and the locks that they need.
    Batch(Batch, Vec<KeyWork>),
}

impl Config {
    /// Checks the configuration, and makes the policy.
    ///
    /// # Errors
    ///
    /// If a setting is invalid, the key is missing, or the journal's folder cannot be used.
    pub fn policy(mut self) -> Result<Policy, Error> {
        self.checked()?;
        let rule = Arc::new(self.ruled()?);
        let (shared, _) = Shared::new(self)?;
        Ok(Policy { shared, rule })
    }
}

impl Policy {
    /// Finds the key in the event's JSON text, and acquires its lock, or says what to do instead. The text
    /// is read before this returns.
    pub fn admit(
        &self,
        event: &str,
        about: Invocation<'_>,
    ) -> impl Future<Output = Admission> + Send + use<> {
        let about = self.shared.about(about);
        if self.shared.disabled {
            return self.shared.admit(Shared::plan_nothing());
        }
        let source = self.shared.refusal.to(|| event.source());
        if event.is_durable() {
            return self.shared.admit(Shared::plan_durable(source));
        }
        if let Some(plan) = self.shared.plan_batch(event, about) {
            return self.shared.admit(plan);
        }
        let key = self.rule.find(event, about);
        let once = self.shared.once(event, about);
        self.shared
            .admit(self.shared.plan(source, key, once, about.deadline))
    }

    /// The locks, for everything else that needs one.
    #[must_use]
    pub fn locks(&self) -> &Locks {
        &self.shared.locks
    }

    /// Releases the locks whose release has failed, for as long as the invocation lasts that ends then: the process may
    /// be suspended afterwards, and would hold them until their leases end. Where all were released it does nothing.
    pub async fn settle(&self, deadline: Option<SystemTime>) {
        let time = Deadline::for_rest(deadline.and_then(Deadline::of));
        for (key, error) in self.shared.locks.release_dropped(time).await {
            tracing::error!(%key, %error, "the lock is still not released when the invocation ends");
        }
    }

    /// Shuts down within this time: handlers are interrupted, acquisitions end with `Lock.Ended`, and what
    /// is held is released. Returns what could not be released.
    pub async fn shut_down(&self, time: Duration) -> Vec<(Key, Error)> {
        self.shared.shut_down(time).await
    }
}

impl Shared {
    /// The metadata of an invocation, completed by that of the environment.
    pub(crate) fn about<'a>(&'a self, about: Invocation<'a>) -> Invocation<'a> {
        let function = about.function.or(self.function.as_deref());
        Invocation { function, ..about }
    }

    /// What an event asks to be done once, if events are deduplicated.
    pub(crate) fn once<E>(&self, event: &E, about: Invocation<'_>) -> Option<DoneOnce>
    where
        E: Event + ?Sized,
    {
        let dedup = self.dedup.as_ref()?;
        Some(DoneOnce {
            operation: dedup.operation(event, about),
            own_key: self.own_key(dedup, event, about),
            discards: event.discards_responses(),
        })
    }

    /// The lock of an event as an operation, which it needs where it runs without a lock of its key.
    fn own_key<E>(&self, dedup: &Dedup, event: &E, about: Invocation<'_>) -> Option<String>
    where
        E: Event + ?Sized,
    {
        let runs = self.on_missing == OnMissing::Run;
        let rule = runs.then(|| dedup.lock_rule()).flatten()?;
        rule.find(event, about).ok()
    }

    /// What to do with an event from this source, with this key.
    pub(crate) fn plan(
        &self,
        source: Source,
        key: Result<String, KeyError>,
        once: Option<DoneOnce>,
        deadline: Option<SystemTime>,
    ) -> Plan {
        let discards = once.as_ref().is_some_and(|once| once.discards);
        let decision = match once {
            Some(once) => self
                .on_missing
                .decide_once(key, once.operation, once.own_key),
            None => self.on_missing.decide(key),
        };
        Plan {
            source,
            work: Work::One(decision),
            deadline: deadline.and_then(Deadline::of),
            discards,
        }
    }

    /// The same for an event that is a batch, if each of its records has a lock of its own.
    pub(crate) fn plan_batch(&self, event: &str, about: Invocation<'_>) -> Option<Plan> {
        let rule = self.records.as_ref()?;
        let records = Records::find(event)?;
        let deadline = about.deadline.and_then(Deadline::of);
        if records.records.is_empty() {
            let nothing = KeyError::missing("the event has no records");
            return Some(Plan {
                source: Source::Errors,
                work: Work::One(OnMissing::Run.decide(Err(nothing))),
                deadline,
                discards: true,
            });
        }
        let decisions = records.records.iter().map(|record| {
            let record = RecordEvent {
                text: &event[record.span.clone()],
                origin: records.origin.as_deref(),
            };
            let key = rule.find(&record, about);
            match &self.dedup {
                Some(dedup) => self.on_missing.decide_once(
                    key,
                    dedup.operation(&record, about),
                    self.own_key(dedup, &record, about),
                ),
                None => self.on_missing.decide(key),
            }
        });
        let decisions = decisions.collect();
        let records = self.batch_report.of(records);
        let (batch, keys) = Batch::new(records, decisions, |record, why| {
            let (record, failure) = (named(record), LockError::bad_key(&why));
            let (name, message) = (failure.name(), failure.to_string());
            tracing::warn!(
                record,
                name,
                message,
                "a record is held back: it comes again"
            );
        });
        Some(Plan {
            source: Source::Errors,
            deadline: deadline.map(|deadline| deadline.for_many(keys.len(), AT_ONCE)),
            work: Work::Batch(batch, keys),
            discards: true,
        })
    }

    /// What to do where locks are disabled: the event is not even read.
    pub(crate) fn plan_nothing() -> Plan {
        Plan {
            source: Source::Errors,
            work: Work::Nothing,
            deadline: None,
            discards: false,
        }
    }

    /// What to do with an event of a durable execution, which no lock of one invocation covers.
    pub(crate) fn plan_durable(source: Source) -> Plan {
        Plan {
            source,
            work: Work::One(Decision::Durable),
            deadline: None,
            discards: false,
        }
    }

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
        match lock::acquire(Arc::clone(&self), locking).await {
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
}

impl Shared {
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
