//! What is known of an event from its text, before any wait.

use std::time::SystemTime;

use dynamodb_locks::Operation;

use crate::answer::failure::LockError;
use crate::batch::{Batch, KeyWork, named};
use crate::deadline::Deadline;
use crate::dedup::Dedup;
use crate::event::invocation::Invocation;
use crate::event::key::{Decision, KeyError, OnMissing};
use crate::event::records::Records;
use crate::event::source::Source;
use crate::event::{Event, RecordEvent};
use crate::policy::locked_batch::AT_ONCE;
use crate::policy::shared::Shared;

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
    pub(super) work: Work,
    pub(super) deadline: Option<Deadline>,
    /// Whether nobody reads the response.
    pub(super) discards: bool,
}

/// What an event asks for.
#[derive(Debug)]
pub(super) enum Work {
    /// No lock: they are disabled.
    Nothing,
    One(Decision),
    /// The records of a batch, and the locks that they need.
    Batch(Batch, Vec<KeyWork>),
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
}
