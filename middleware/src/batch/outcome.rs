//! What has become of the records, when the handler has ended.

use std::collections::HashSet;

use serde_json::Value;

use super::report::Reported;
use super::{Batch, Fate, named};
use crate::event::records::BatchKind;

/// What is known of a record that the handler was given, beside its report.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// A handler that tells of each record: whether this one is done.
    pub(crate) told: Option<bool>,
    /// The record's own word, which counts for more.
    pub(crate) word: Option<bool>,
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

impl Batch {
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
