//! A batch of records: which of them the handler gets, and what their source learns. Pure.
//!
//! ```text
//! records ─► one lock for each key ─► Run        ─► the handler, in one smaller event ─► done, or failed
//!                                  ├► Done       ─► left out, and reported as success
//!                                  ├► SameAs(n)  ─► left out, and reported as record n is
//!                                  └► HeldBack   ─► left out, and reported as failed: it comes again
//! ```
//!
//! A source that keeps the order of some records is never told of a record before the ones in front of it: behind
//! one that is held back, the rest of its group is held back as well.

mod report;
mod settings;

use std::collections::{HashMap, HashSet};

use dynamodb_locks::Operation;
use serde_json::Value;

pub(crate) use self::report::{Reported, report};
pub(crate) use self::settings::RECORDS;
pub use self::settings::{BatchReport, RecordMode};
use crate::key::{BadKey, Decision};
use crate::records::{BatchKind, Record, Records};

/// A batch, and what becomes of each of its records.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    records: Records,
    fates: Vec<Fate>,
    /// Whether each record runs again if it is delivered again: it is not deduplicated.
    repeats: Vec<bool>,
}

/// What is known of a record that the handler was given, beside its report.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// A handler that tells of each record: whether this one is done.
    pub(crate) told: Option<bool>,
    /// The record's own word, which counts for more.
    pub(crate) word: Option<bool>,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// The handler gets it.
    Run,
    /// It needs no run: it was done before, or is given up.
    Done,
    /// It is the same event as this earlier record.
    SameAs(usize),
    /// It is reported as failed, and comes again.
    HeldBack,
}

/// The work that needs the lock of one key.
#[derive(Debug)]
pub(crate) struct KeyWork {
    pub(crate) key: String,
    /// In the order of the batch.
    pub(crate) works: Vec<RecordWork>,
}

/// A record, and what is to be done for it once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordWork {
    pub(crate) record: usize,
    pub(crate) operation: Option<Operation>,
}

/// How many records had which end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub(crate) records: usize,
    pub(crate) run: usize,
    /// Done before, given up, or the same event as another record of the batch.
    pub(crate) duplicates: usize,
    pub(crate) held_back: usize,
    pub(crate) failed: usize,
}

/// One write completes no more operations: the rest comes again.
const MOST_UNDER_ONE_KEY: usize = 200;

impl Batch {
    /// The batch, and the locks that it needs. `bad` is told of each record without a usable key.
    pub(crate) fn new(
        records: Records,
        decisions: Vec<Decision>,
        mut bad: impl FnMut(&Record, BadKey),
    ) -> (Self, Vec<KeyWork>) {
        let mut fates = Vec::with_capacity(decisions.len());
        let once = |decision: &Decision| matches!(decision, Decision::Lock(_, Some(_)));
        let repeats = decisions.iter().map(|decision| !once(decision)).collect();
        let mut keys: Vec<KeyWork> = Vec::new();
        let mut by_key: HashMap<String, usize> = HashMap::new();
        for (record, decision) in decisions.into_iter().enumerate() {
            fates.push(match decision {
                Decision::Lock(key, operation) => {
                    let index = *by_key.entry(key.clone()).or_insert_with(|| {
                        keys.push(KeyWork {
                            key,
                            works: Vec::new(),
                        });
                        keys.len() - 1
                    });
                    let group = |of: usize| &records.records[of].group;
                    keys[index].add(RecordWork { record, operation }, |first| {
                        group(first) == group(record)
                    })
                }
                Decision::Run(why) => {
                    tracing::info!(%why, "a record is handed over without a lock");
                    Fate::Run
                }
                Decision::Skip(why) => {
                    tracing::info!(%why, "a record is given up");
                    Fate::Done
                }
                Decision::Bad(why) => {
                    bad(&records.records[record], why);
                    Fate::HeldBack
                }
                Decision::Durable => Fate::HeldBack,
            });
        }
        let mut batch = Self {
            records,
            fates,
            repeats,
        };
        batch.hold_back_followers();
        for key in &mut keys {
            key.works
                .retain(|work| batch.fates[work.record] == Fate::Run);
        }
        keys.retain(|key| !key.works.is_empty());
        (batch, keys)
    }

    /// Says what becomes of a record.
    pub(crate) fn set(&mut self, record: usize, fate: Fate) {
        self.fates[record] = fate;
    }

    /// Holds back what stands behind a record that is held back, and would be delivered out of order: the rest of its
    /// group. A record that will be delivered again in any case, and would run again, is held back as well.
    pub(crate) fn hold_back_followers(&mut self) {
        let (kind, reports) = (self.kind(), self.records.reports);
        let (mut groups, mut shards) = (HashSet::new(), HashSet::new());
        if !reports && self.holds_back() {
            shards.extend(self.records.records.iter().map(|record| &record.shard));
        }
        for (index, record) in self.records.records.iter().enumerate() {
            let several = kind == BatchKind::FromFirst || !reports;
            let comes_again = several && shards.contains(&record.shard);
            let is_behind = record
                .group
                .as_ref()
                .is_some_and(|group| groups.contains(group));
            if self.fates[index] == Fate::Run && (is_behind || comes_again && self.repeats[index]) {
                self.fates[index] = Fate::HeldBack;
            }
            let held_back = match self.fates[index] {
                Fate::SameAs(first) => self.fates[first] == Fate::HeldBack,
                fate => fate == Fate::HeldBack,
            };
            if held_back {
                groups.extend(&record.group);
                shards.insert(&record.shard);
            }
        }
    }

    pub(crate) fn kind(&self) -> BatchKind {
        self.records.kind
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.fates.len()
    }

    /// Whether the handler gets this record.
    pub(crate) fn runs(&self, record: usize) -> bool {
        self.fates[record] == Fate::Run
    }

    /// Whether the handler gets anything.
    pub(crate) fn has_work(&self) -> bool {
        self.fates.contains(&Fate::Run)
    }

    /// Whether some record is held back.
    pub(crate) fn holds_back(&self) -> bool {
        self.fates.contains(&Fate::HeldBack)
    }

    /// The event for the handler, if that is not the whole one.
    pub(crate) fn event(&self, event: &str) -> Option<String> {
        let kept: Vec<_> = self.fates.iter().map(|fate| *fate == Fate::Run).collect();
        kept.contains(&false)
            .then(|| self.records.only(event, &kept))
    }

    /// A record as its source calls it, for the log.
    pub(crate) fn name(&self, record: usize) -> String {
        named(&self.records.records[record])
    }

    /// Whether each record is done, when the handler has reported this, and this is `known` of the records that it was
    /// given.
    ///
    /// A source that delivers everything again from the first failure is told of that one alone, and a handler that
    /// stops there reports it alone: nothing is known of the records behind it, unless the handler tells of each. The
    /// same in a message group, whose order would be lost as well.
    pub(crate) fn done(&self, reported: &Reported, known: &[Known]) -> Vec<bool> {
        let mut done: Vec<bool> = Vec::with_capacity(self.fates.len());
        let (mut failed, mut failed_groups) = (HashSet::new(), HashSet::new());
        let given = self.fates.iter().zip(&self.records.records);
        let given = given
            .filter(|(fate, _)| **fate == Fate::Run)
            .map(|(_, record)| record);
        let reported = reported.understood(given);
        let mut known = known.iter().copied();
        for (fate, record) in self.fates.iter().zip(&self.records.records) {
            done.push(match fate {
                Fate::Run => {
                    let Known { told, word } = known.next().unwrap_or_default();
                    let is_done = told.unwrap_or_else(|| {
                        let is_behind = failed.contains(record.shard.as_str())
                            || record
                                .group
                                .as_ref()
                                .is_some_and(|group| failed_groups.contains(group));
                        let fails = is_behind || reported.names(record);
                        if fails {
                            failed_groups.extend(&record.group);
                        }
                        if fails && self.kind() == BatchKind::FromFirst {
                            failed.insert(record.shard.as_str());
                        }
                        !fails
                    });
                    word.unwrap_or(is_done)
                }
                Fate::Done => true,
                Fate::SameAs(first) => done[*first],
                Fate::HeldBack => false,
            });
        }
        done
    }

    /// What the source is told to deliver again, each once.
    pub(crate) fn failures(&self, done: &[bool]) -> Vec<Value> {
        let mut told = HashSet::new();
        let failed = self.records.records.iter().zip(done);
        let failed = failed.filter(|(_, done)| !**done).map(|(record, _)| record);
        let failed = failed.filter(|record| {
            told.insert(match self.kind() {
                BatchKind::FromFirst => record.shard.clone(),
                BatchKind::Each | BatchKind::Whole => named(record),
            })
        });
        failed
            .map(|record| record.id.clone().unwrap_or_default())
            .collect()
    }

    /// What the source is told where the handler has not run, beside the records that failed.
    pub(crate) fn response_without_run(&self) -> Option<String> {
        let state = self.records.state.as_deref()?;
        Some(format!(r#"{{"state":{state}}}"#))
    }

    /// Whether the source can be told of each record.
    pub(crate) fn can_report(&self) -> bool {
        let named = self
            .records
            .records
            .iter()
            .all(|record| record.id.is_some());
        self.records.reports && named
    }

    pub(crate) fn tally(&self, done: &[bool]) -> Tally {
        let count = |of: &dyn Fn(Fate) -> bool| self.fates.iter().filter(|fate| of(**fate)).count();
        let failed = self.fates.iter().zip(done);
        Tally {
            records: self.fates.len(),
            run: count(&|fate| fate == Fate::Run),
            duplicates: count(&|fate| matches!(fate, Fate::Done | Fate::SameAs(_))),
            held_back: count(&|fate| fate == Fate::HeldBack),
            failed: failed
                .filter(|(fate, done)| **fate == Fate::Run && !**done)
                .count(),
        }
    }
}

/// A record as its source calls it, for the log.
pub(crate) fn named(record: &Record) -> String {
    match &record.id {
        Some(Value::String(id)) => id.clone(),
        Some(id) => id.to_string(),
        None => "without an id".to_owned(),
    }
}

impl KeyWork {
    /// `is_beside` tells whether a record is in the same group: only then a failure of it stops what stands behind
    /// this one, too.
    fn add(&mut self, work: RecordWork, is_beside: impl Fn(usize) -> bool) -> Fate {
        for first in &self.works {
            match first.operation.zip(work.operation) {
                Some((one, other)) if one == other => {
                    return match is_beside(first.record) {
                        true => Fate::SameAs(first.record),
                        false => Fate::HeldBack,
                    };
                }
                Some((one, other)) if one.is_same_as(&other) => {
                    tracing::warn!(
                        "a record is held back: its idempotency key came with another request"
                    );
                    return Fate::HeldBack;
                }
                _ => {}
            }
        }
        if self.works.len() >= MOST_UNDER_ONE_KEY && work.operation.is_some() {
            tracing::warn!(
                most = MOST_UNDER_ONE_KEY,
                "a record is held back: too many of one key in one batch"
            );
            return Fate::HeldBack;
        }
        self.works.push(work);
        Fate::Run
    }
}

#[cfg(test)]
mod tests;
