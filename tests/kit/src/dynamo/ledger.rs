//! What came in: how often, at what cost, and, where a test wants to know, every single request.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Sub};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use super::plan::Request;

/// Requests and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// How many requests clients sent, those that never arrived among them.
    pub requests: u64,
    /// How many capacity units they used up.
    pub units: f64,
}

/// A [`Count`] for each operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts(BTreeMap<Arc<str>, Count>);

/// One request as it was handled; a second copy of a request is logged as one more.
#[derive(Clone, Debug)]
pub struct Logged {
    /// When it was applied, refused or dropped.
    pub at: SystemTime,
    /// What was asked.
    pub request: Arc<Request>,
    /// The table's own status and answer; `None` if the request never reached it.
    pub applied: Option<(u16, Value)>,
    /// The status that the client is told; `None` if it hears nothing.
    pub heard: Option<u16>,
}

/// Counts, and the log if it is kept.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) counts: Counts,
    pub(super) log: Option<Vec<Logged>>,
    arrived: u64,
}

impl Ledger {
    /// Counts a request in, and numbers it.
    pub(super) fn arrive(&mut self, from: Arc<str>, op: &str, body: Value) -> Request {
        let op: Arc<str> = op.into();
        let count = self.counts.0.entry(op.clone()).or_default();
        count.requests += 1;
        self.arrived += 1;
        Request {
            number: self.arrived,
            nth: count.requests,
            from,
            op,
            body,
        }
    }

    /// Adds what a request cost.
    pub(super) fn charge(&mut self, op: &Arc<str>, units: f64) {
        self.counts.0.entry(op.clone()).or_default().units += units;
    }
}

impl Counts {
    /// The count of one operation.
    pub fn of(&self, op: &str) -> Count {
        self.0.get(op).copied().unwrap_or_default()
    }

    /// The count of all operations together.
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        self.0.values().for_each(|count| total += *count);
        total
    }

    /// Each operation with its count, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Count)> {
        self.0.iter().map(|(op, count)| (op.as_ref(), *count))
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.units += other.units;
    }
}

/// What has been added since the earlier counts.
impl Sub<&Counts> for Counts {
    type Output = Counts;

    fn sub(mut self, earlier: &Counts) -> Counts {
        for (op, before) in earlier.iter() {
            let now = self.0.entry(op.into()).or_default();
            now.requests -= before.requests;
            now.units -= before.units;
        }
        self.0.retain(|_, count| *count != Count::default());
        self
    }
}
