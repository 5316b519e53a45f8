//! Copies of requests that nobody waits for any more.

use std::hash::{DefaultHasher, Hash, Hasher};

use dynamodb_locks::protocol::{Row, Write};

use super::table::{Condition, conditions};

/// A request that may still arrive.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Copy {
    pub(super) write: Write,
    /// Who sent it.
    pub(super) from: usize,
    /// When, where copies do not live for ever.
    pub(super) sent: u8,
    /// Whether another copy of it was applied already.
    pub(super) spent: bool,
}

/// The copies, in an order that does not tell in which they were lost.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Copies(Vec<Copy>);

impl Copies {
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Copy> {
        self.0.iter()
    }

    pub(super) fn add(&mut self, copy: Copy) {
        self.0.push(copy);
        self.sort();
    }

    fn sort(&mut self) {
        self.0.sort_by_cached_key(|copy| {
            let mut hasher = DefaultHasher::new();
            copy.hash(&mut hasher);
            hasher.finish()
        });
    }

    pub(super) fn take(&mut self, nth: usize) -> Copy {
        self.0.remove(nth)
    }

    /// Marks the copies of a write that was applied.
    pub(super) fn spend(&mut self, write: &Write) {
        for copy in self.0.iter_mut().filter(|copy| copy.write == *write) {
            copy.spent = true;
        }
        self.sort();
    }

    /// Marks the copies of some writes as if none had been applied.
    pub(super) fn renew(&mut self, which: impl Fn(&Write) -> bool) {
        for copy in self.0.iter_mut().filter(|copy| which(&copy.write)) {
            copy.spent = false;
        }
        self.sort();
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Copy) -> bool) {
        self.0.retain(keep);
    }
}

/// Whether a copy can never again be applied, as long as the row lives. Stamps only rise, and an entry
/// enters by one ticket only.
pub(super) fn is_futile(write: &Write, row: &Row) -> bool {
    conditions(write).iter().any(|asked| match asked {
        Condition::Fresh(_) => !asked.holds(row),
        Condition::Contains(entry) => {
            let passed = entry.ticket().is_some_and(|ticket| row.has_passed(ticket));
            passed && !asked.holds(row)
        }
        _ => false,
    })
}
