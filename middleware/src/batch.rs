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

mod key_work;
mod outcome;
mod report;
mod settings;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

pub(crate) use self::key_work::{KeyWork, RecordWork};
pub(crate) use self::outcome::{Known, Tally};
pub(crate) use self::report::{Reported, report};
pub(crate) use self::settings::RECORDS;
pub use self::settings::{BatchReport, RecordMode};
use crate::event::key::{BadKey, Decision};
use crate::event::records::{BatchKind, Record, Records};

/// A batch, and what becomes of each of its records.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    records: Records,
    fates: Vec<Fate>,
    /// Whether each record runs again if it is delivered again: it is not deduplicated.
    repeats: Vec<bool>,
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
}

/// A record as its source calls it, for the log.
pub(crate) fn named(record: &Record) -> String {
    match &record.id {
        Some(Value::String(id)) => id.clone(),
        Some(id) => id.to_string(),
        None => "without an id".to_owned(),
    }
}

#[cfg(test)]
mod tests;
