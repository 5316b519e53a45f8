//! The rows, watched: what each write made of them, and whether that kept the laws of the table.

mod beside;
mod change;
mod effect;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dynamodb_locks::protocol::{Entry, OperationId, OperationState, Row, Ticket};
use serde_json::Value;

pub(super) use self::change::By;
use self::change::Change;
pub(super) use self::effect::{Effect, applied};
use super::actors::Lock;
use super::trace::Trace;
use testkit::locks::row_of;

/// Every row, watched.
#[derive(Debug)]
pub(super) struct Rows {
    rows: BTreeMap<String, Watched>,
    trace: Trace,
}

#[derive(Debug, Default)]
struct Watched {
    row: Row,
    ttl: Option<u64>,
    /// Since when the holder and the renewal time have been the same.
    still_since: Duration,
    /// How often the row was deleted: nothing is promised across that.
    era: usize,
    /// Each entry that came into the queue, in that order.
    entered: Vec<Entered>,
    left: Vec<Left>,
    completions: Vec<Completed>,
    effects: Vec<Effect>,
    /// The fence of each operation's own row.
    beside: BTreeMap<OperationId, Ticket>,
}

/// What stands in an operation's own row.
pub(super) type Beside<'a> = dyn Fn(&OperationId) -> Option<OperationState> + 'a;

/// An entry that came into a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entered {
    pub(super) at: Duration,
    pub(super) era: usize,
    pub(super) fence: u64,
}

/// A completion that was applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Completed {
    pub(super) at: Duration,
    pub(super) era: usize,
    /// The fence of its run.
    pub(super) fence: u64,
    /// Until when it counts, in seconds since the epoch.
    pub(super) until: u64,
    /// Whether a transaction has brought it.
    pub(super) by_transaction: bool,
}

/// An entry that went out of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) at: Duration,
    pub(super) era: usize,
    pub(super) fence: u64,
    /// Whether another client took it out, as a dead one's.
    pub(super) stolen: bool,
    /// Whether it was taken out as a waiter's.
    pub(super) abandoned: bool,
    /// Whether the write that took it out has set the renewal time.
    pub(super) anchored: bool,
}

impl Rows {
    pub(super) fn new(locks: &[Lock], trace: Trace) -> Self {
        let rows = locks
            .iter()
            .map(|lock| (lock.key.clone(), Watched::default()));
        Self {
            rows: rows.collect(),
            trace,
        }
    }

    /// Looks at a row that may have been changed.
    pub(super) fn see(
        &mut self,
        at: Duration,
        key: &str,
        by: By<'_>,
        item: Option<&Value>,
        beside: &Beside<'_>,
    ) {
        let row = item.map(row_of).unwrap_or_default();
        let ttl = item.and_then(|item| item["ttl"]["N"].as_str()?.parse().ok());
        let changed = |watched: &&mut Watched| watched.row != row || watched.ttl != ttl;
        let Some(watched) = self.rows.get_mut(key).filter(changed) else {
            return;
        };
        let line = format!("{key} by {by}: {}", describe(&row, ttl));
        self.trace.log(at, line);
        let drops = watched.drops(at, key, by, &row, &self.trace, beside);
        let mut wrong = watched.becomes(at, by, row, ttl, &self.trace);
        wrong.extend(drops);
        let wrong = wrong
            .into_iter()
            .map(|wrong| format!("{wrong}, of {key} at {at:?}"));
        self.trace.wrong(wrong);
    }

    /// Each entry that came into a row's queue, in that order.
    pub(super) fn entered(&self, key: &str) -> &[Entered] {
        &self.rows[key].entered
    }

    /// Each completion that was applied to a row, in that order.
    pub(super) fn completions(&self, key: &str) -> &[Completed] {
        &self.rows[key].completions
    }

    /// Each effect of a transaction under a lock.
    pub(super) fn effects(&self, key: &str) -> &[Effect] {
        &self.rows[key].effects
    }

    /// How the entry with a fence left the queue, the next time after that.
    pub(super) fn left(&self, key: &str, fence: u64, after: Duration) -> Option<Left> {
        let mut left = self.rows[key].left.iter();
        left.find(|left| left.fence == fence && left.at >= after)
            .copied()
    }

    /// Whether the row was deleted.
    pub(super) fn was_deleted(&self, key: &str) -> bool {
        self.rows[key].era > 0
    }

    /// How long a client may have to wait for everybody who is in the queue, if all of them are dead.
    pub(super) fn patience(&self, key: &str) -> Duration {
        const START: Duration = Duration::from_secs(20);
        const EACH: Duration = Duration::from_secs(4);
        let fields = self.rows[key].row.queue.iter().filter_map(Entry::fields);
        fields.fold(START, |sum, fields| sum + fields.lease + EACH)
    }

    pub(super) fn are_empty_in_the_end(&self) {
        for (key, watched) in &self.rows {
            let left = watched.row.queue.first();
            let wrong = left.map(|left| format!("law 8: `{left}` is left in the end, of {key}"));
            self.trace.wrong(wrong);
        }
    }
}

impl Watched {
    /// Laws 13, 14, 15 and 17: what is wrong with what a change takes away, or does not say.
    fn drops(
        &self,
        at: Duration,
        key: &str,
        by: By<'_>,
        row: &Row,
        trace: &Trace,
        beside: &Beside<'_>,
    ) -> Option<String> {
        let change = Change {
            at,
            by,
            before: &self.row,
            after: row,
            ttls: [self.ttl; 2],
            still_for: Duration::ZERO,
        };
        let records = trace.open();
        let forgotten = |fence: u64| {
            let run = records.runs.get(&(key.to_owned(), fence));
            run.is_some_and(|run| records.is_forgotten(key, run.operation, Duration::ZERO, at))
        };
        let noted = |fence: u64| {
            let run = records.runs.get(&(key.to_owned(), fence));
            run.is_some_and(|run| run.noted.is_some())
        };
        let drops = change.drops_a_completion(forgotten, beside);
        drops.or_else(|| change.forgets_the_note(noted))
    }

    /// Takes note of what the row has become; tells what is wrong with that.
    fn becomes(
        &mut self,
        at: Duration,
        by: By<'_>,
        row: Row,
        ttl: Option<u64>,
        trace: &Trace,
    ) -> Vec<String> {
        let before = std::mem::replace(&mut self.row, row);
        let ttls = [std::mem::replace(&mut self.ttl, ttl), ttl];
        let moved =
            before.holder() != self.row.holder() || before.renewed_at != self.row.renewed_at;
        let change = Change {
            at,
            by,
            before: &before,
            after: &self.row,
            ttls,
            still_for: at - self.still_since,
        };
        let mut wrong: Vec<_> = change.wrongs().collect();
        for (rank, entry) in change.left() {
            let stolen = change.is_stolen(entry);
            if stolen {
                trace.done(if rank == 0 {
                    "stolen"
                } else {
                    "dead waiter removed"
                });
                wrong.extend(change.steals(rank, entry));
            }
            let (era, fence) = (self.era, entry.ticket().unwrap_or_default().0);
            self.left.push(Left {
                at,
                era,
                fence,
                stolen,
                abandoned: change.is_an_abandon(),
                anchored: change.sets_the_anchor(),
            });
        }
        self.era += usize::from(matches!(by, By::Operator));
        if let Some((entry, entered)) = change.enters(self.era) {
            let same = |one: &&Entered| one.fence == entered.fence && one.era == entered.era;
            let again = self.entered.iter().find(same);
            wrong.extend(again.map(|_| format!("law 4: `{entry}` comes in for the second time")));
            self.entered.push(entered);
        }
        if self.era == 0 {
            wrong.extend(change.settled(trace));
        }
        for (completed, strange) in change.completes(self.era) {
            self.completions.push(completed);
            wrong.extend(strange);
        }
        if moved {
            self.still_since = at;
        }
        wrong
    }
}

fn describe(row: &Row, ttl: Option<u64>) -> String {
    let queue: BTreeSet<_> = row.queue.iter().map(Entry::as_str).collect();
    let (last, renewed_at) = (
        row.last.map(|last| last.0),
        row.renewed_at.map(|renewed_at| renewed_at.0),
    );
    let held = row.pinned.map(|held| held.0);
    format!("q {queue:?} f {last:?} p {renewed_at:?} held {held:?} ttl {ttl:?}")
}
