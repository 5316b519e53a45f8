//! Models of the sources: what they deliver, and what they deliver again.

use std::collections::{BTreeSet, VecDeque};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::batches::{batch, in_queue};

/// A source, and what it still has to deliver.
pub(super) struct Source {
    kind: Kind,
    pub(super) waiting: VecDeque<Record>,
    in_flight: Vec<Record>,
    pub(super) given_up: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Standard,
    Fifo,
    Shard,
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) order: String,
    pub(super) group: String,
    /// How often it was delivered.
    pub(super) delivered: u32,
}

/// After so many deliveries a record is given up.
const MOST: u32 = 400;

impl Source {
    pub(super) fn new(kind: Kind, waiting: VecDeque<Record>) -> Self {
        Self {
            kind,
            waiting,
            in_flight: Vec::new(),
            given_up: Vec::new(),
        }
    }

    /// Whether nothing is left to deliver.
    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    pub(super) fn event(kind: Kind, records: &[Record]) -> Value {
        let events = records.iter().map(
            |Record {
                 id, order, group, ..
             }| match kind {
                Kind::Standard => in_queue("orders", id, order, group),
                Kind::Fifo => in_queue("orders.fifo", id, order, group),
                Kind::Shard => {
                    let mut record = in_queue("orders", id, order, "");
                    record["eventSource"] = json!("aws:kinesis");
                    record["kinesis"] = json!({"partitionKey": group, "sequenceNumber": id});
                    record
                }
            },
        );
        batch(&events.collect::<Vec<_>>())
    }

    /// The next batch, if the source's order allows one.
    pub(super) fn next(&mut self, rng: &mut Rng) -> Option<Vec<Record>> {
        let most = rng.usize(1..=6);
        if self.kind == Kind::Shard && !self.in_flight.is_empty() {
            return None;
        }
        let mut batch = Vec::new();
        let mut left = VecDeque::new();
        let busy: BTreeSet<_> = self
            .in_flight
            .iter()
            .map(|record| record.group.clone())
            .collect();
        for record in std::mem::take(&mut self.waiting) {
            let blocked = self.kind == Kind::Fifo && busy.contains(&record.group);
            match blocked || batch.len() == most {
                true => left.push_back(record),
                false => batch.push(record),
            }
        }
        self.waiting = left;
        if self.kind == Kind::Standard && rng.u8(0..6) == 0 {
            // A queue delivers some messages twice, at once or one after the other.
            let twice = batch.iter().filter(|record| record.delivered == 0);
            self.waiting
                .extend(twice.take(1).cloned().map(|record| Record {
                    delivered: 1,
                    ..record
                }));
        }
        batch.iter_mut().for_each(|record| record.delivered += 1);
        self.in_flight.extend(batch.iter().cloned());
        (!batch.is_empty()).then_some(batch)
    }

    /// What the function has answered to a batch.
    pub(super) fn answered(
        &mut self,
        batch: &[Record],
        answer: &Result<Value, String>,
        rng: &mut Rng,
    ) {
        self.in_flight
            .retain(|record| !batch.iter().any(|other| other.id == record.id));
        let failed = |record: &Record| match answer {
            Err(_) => true,
            Ok(answer) => answer["batchItemFailures"]
                .as_array()
                .is_some_and(|failures| {
                    failures
                        .iter()
                        .any(|failure| failure["itemIdentifier"] == record.id)
                }),
        };
        let first = batch.iter().position(failed);
        let again: Vec<_> = match self.kind {
            Kind::Shard => first.map_or(Vec::new(), |first| batch[first..].to_vec()),
            Kind::Standard | Kind::Fifo => batch
                .iter()
                .filter(|record| failed(record))
                .cloned()
                .collect(),
        };
        for record in again.into_iter().rev() {
            let poison = record.order.is_empty();
            if record.delivered >= if poison { 4 } else { MOST } {
                self.given_up.push(record.id);
                continue;
            }
            if self.kind == Kind::Standard && rng.bool() {
                // It delivers in any order.
                self.waiting.push_back(record);
            } else {
                self.waiting.push_front(record);
            }
        }
    }
}
