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

use dynamodb_locks::{Error, Key, Locks};

use crate::config::{Config, OnBusy};
use crate::deadline::Deadline;
use crate::event::Event;
use crate::failure::LockError;
use crate::invocation::Invocation;
use crate::key::{Decision, KeyError, KeyRule};
use crate::lock::{self, Boxed, InvocationLock};
use crate::rejection::Rejection;
use crate::shared::Shared;
use crate::source::Source;

/// What to do with events. Clones share everything.
#[derive(Clone, Debug)]
pub struct Policy {
    shared: Arc<Shared>,
    rule: Arc<KeyRule>,
}

/// What is to be done with one event.
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
    /// Do not run the handler; answer this.
    Answer(Rejection),
    /// Do not run the handler; fail with this.
    Fail(LockError),
}

/// What an event's text says, before anything is waited for.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) source: Source,
    decision: Decision,
    deadline: Option<Deadline>,
}

impl Config {
    /// Checks the configuration, and makes the policy.
    ///
    /// # Errors
    ///
    /// When a setting is wrong, there is no key, or the journal's folder cannot be used.
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
        let source = self.shared.refusal.to(|| event.source());
        if event.is_durable() {
            return self.shared.admit(Shared::plan_durable(source));
        }
        let key = self.rule.find(event, about);
        self.shared
            .admit(self.shared.plan(source, key, about.deadline))
    }

    /// The locks, for everything else that needs one.
    #[must_use]
    pub fn locks(&self) -> &Locks {
        &self.shared.locks
    }

    /// Shuts down within this time: handlers are interrupted, acquisitions end with `Lock.Ended`, and what
    /// is held is released. Returns what could not be released.
    pub async fn shut_down(&self, time: Duration) -> Vec<(Key, Error)> {
        self.shared.shut_down(time).await
    }
}

impl Shared {
    /// What is known of an invocation, with what the environment knows.
    pub(crate) fn about<'a>(&'a self, about: Invocation<'a>) -> Invocation<'a> {
        let function = about.function.or(self.function.as_deref());
        Invocation { function, ..about }
    }

    /// What is to be done with an event from this source, with this key.
    pub(crate) fn plan(
        &self,
        source: Source,
        key: Result<String, KeyError>,
        deadline: Option<SystemTime>,
    ) -> Plan {
        Plan {
            source,
            decision: self.on_missing.decide(key),
            deadline: deadline.and_then(Deadline::of),
        }
    }

    /// The same for an event of a durable execution, which no lock of one invocation covers.
    pub(crate) fn plan_durable(source: Source) -> Plan {
        Plan {
            source,
            decision: Decision::Durable,
            deadline: None,
        }
    }

    pub(crate) fn admit(self: &Arc<Self>, plan: Plan) -> Boxed<Admission> {
        let source = plan.source;
        if self.disabled {
            return Box::pin(ready(Admission::Run(None)));
        }
        Box::pin(ready(match plan.decision {
            Decision::Lock(key) => {
                return Box::pin(Arc::clone(self).take(key, plan.deadline, source));
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

    async fn take(
        self: Arc<Self>,
        key: String,
        deadline: Option<Deadline>,
        source: Source,
    ) -> Admission {
        match lock::acquire(Arc::clone(&self), key, deadline).await {
            Ok(lock) => Admission::Run(Some(lock)),
            Err(failure) => {
                self.metrics.refused(&failure);
                if self.on_busy == OnBusy::Skip && failure.is_busy() {
                    tracing::info!(%failure, "the event is given up: the handler is skipped");
                    return Admission::Answer(Rejection::nothing(source));
                }
                Admission::refuse(failure, source)
            }
        }
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
