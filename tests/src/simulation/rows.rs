//! The laws of the table: what may become of a row, whoever writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dynamodb_locks::protocol::{Entry, Micros, Row};
use serde_json::Value;

use super::beings::Lock;
use super::clocks::BEGINNING;
use super::diary::Diary;
use crate::dynamo::Request;
use crate::locks::{Step, row_of};

/// Every row, watched.
#[derive(Debug)]
pub(super) struct Rows {
    rows: BTreeMap<String, Watched>,
    diary: Diary,
}

#[derive(Debug, Default)]
struct Watched {
    row: Row,
    /// Since when the holder and the anchor have been the same.
    still_since: Duration,
    /// How often somebody has deleted the row: nothing is promised across that.
    era: usize,
    /// Each entry that came into the queue: when, in which era, with which fence.
    entered: Vec<Entered>,
    left: Vec<(u64, Duration)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entered {
    pub(super) at: Duration,
    pub(super) era: usize,
    pub(super) fence: u64,
}

/// Who or what changes a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum By<'a> {
    Request(&'a Request),
    /// A person who deletes it.
    Somebody,
    /// Its TTL.
    Broom,
}

/// DynamoDB's clock and a process's run apart by no more than this in a lease.
const DRIFT: f64 = 0.999_8;

/// How long after its deadline somebody may still be on its way out.
const MARGIN: Duration = Duration::from_secs(2);

impl Rows {
    pub(super) fn new(locks: &[Lock], diary: Diary) -> Self {
        let rows = locks
            .iter()
            .map(|lock| (lock.key.clone(), Watched::default()));
        Self {
            rows: rows.collect(),
            diary,
        }
    }

    /// Looks at a row that may have been changed.
    pub(super) fn see(&mut self, at: Duration, key: &str, by: By<'_>, item: Option<&Value>) {
        let row = item.map(row_of).unwrap_or_default();
        let Some(watched) = self.rows.get_mut(key).filter(|watched| watched.row != row) else {
            return;
        };
        self.diary
            .tell(at, format!("{key} by {}: {}", by.name(), told(&row)));
        let before = std::mem::replace(&mut watched.row, row);
        if before.holder() != watched.row.holder() || before.anchor != watched.row.anchor {
            let since = std::mem::replace(&mut watched.still_since, at);
            for (rank, entry) in before.queue.iter().enumerate() {
                if !watched.row.queue.contains(entry) {
                    let wrong = watched.leaves(at, since, &before, entry, rank, by, &self.diary);
                    self.diary
                        .wrong(wrong.map(|wrong| format!("{key} at {at:?}: {wrong}")));
                }
            }
        }
        watched.era += usize::from(matches!(by, By::Somebody));
        if item.is_some() {
            let wrong = watched.enters(at, &before, &self.diary);
            self.diary
                .wrong(wrong.map(|wrong| format!("{key} at {at:?}: {wrong}")));
        }
    }

    /// Each entry that came into a row's queue, in that order.
    pub(super) fn entered(&self, key: &str) -> &[Entered] {
        &self.rows[key].entered
    }

    /// When the entry with a fence left the queue, the next time after that.
    pub(super) fn left(&self, key: &str, fence: u64, after: Duration) -> Option<Duration> {
        let mut left = self.rows[key].left.iter();
        let left = left.find(|(entry, at)| *entry == fence && *at >= after);
        left.map(|(_, at)| *at)
    }

    /// How long somebody may have to wait for everybody who is in the queue, if all of them are dead.
    pub(super) fn patience(&self, key: &str) -> Duration {
        const START: Duration = Duration::from_secs(20);
        const EACH: Duration = Duration::from_secs(4);
        let fields = self.rows[key].row.queue.iter().filter_map(Entry::fields);
        fields.fold(START, |sum, fields| sum + fields.lease + EACH)
    }

    pub(super) fn are_empty_in_the_end(&self) {
        for (key, watched) in &self.rows {
            let left = watched.row.queue.first();
            let wrong = left.map(|left| format!("{key}: `{left}` is left in the end"));
            self.diary.wrong(wrong);
        }
    }
}

impl Watched {
    /// Laws 2 and 4: fences rise, and what has left never comes back.
    fn enters(&mut self, at: Duration, before: &Row, diary: &Diary) -> Option<String> {
        if self.row.last < before.last {
            return Some("the last stamp has fallen".into());
        }
        let mut new = self.row.queue.difference(&before.queue);
        let (entry, others) = (new.next()?, new.count());
        let (stamp, fields) = (entry.stamp(), entry.fields()?);
        let fence = stamp?.0;
        let again = self
            .entered
            .iter()
            .any(|one| one.fence == fence && one.era == self.era);
        self.entered.push(Entered {
            at,
            era: self.era,
            fence,
        });
        let settled = diary.open().settled.get(&fields.nonce.to_string()).copied();
        match () {
            () if others > 0 => Some("two come in at once".into()),
            () if stamp != self.row.last => Some(format!("`{entry}` is not the last stamp")),
            () if before.last >= stamp => Some(format!("`{entry}` comes in below the last stamp")),
            () if again => Some(format!("`{entry}` comes in for the second time")),
            () if self.era == 0 && settled.is_some_and(|settled| settled < at) => {
                Some(format!("`{entry}` comes in after it was settled"))
            }
            () => None,
        }
    }

    /// Laws 3 and 8: nobody is taken out by others but the dead.
    #[expect(clippy::too_many_arguments, reason = "it is one question")]
    fn leaves(
        &mut self,
        at: Duration,
        since: Duration,
        before: &Row,
        entry: &Entry,
        rank: usize,
        by: By<'_>,
        diary: &Diary,
    ) -> Option<String> {
        let fields = entry.fields()?;
        self.left.push((fields.stamp.0, at));
        let By::Request(request) = by else {
            return None;
        };
        let me = request.body["ExpressionAttributeValues"][":me"]["S"].as_str();
        let step = Step::of(request);
        let itself = me == Some(entry.as_str()) && step != Step::Steal;
        if itself || &*request.from == "person" {
            return None;
        }
        diary.done(if rank == 0 {
            "stolen"
        } else {
            "dead waiter removed"
        });
        let now = Micros((BEGINNING + at).as_micros() as u64);
        let ended = fields
            .deadline
            .is_some_and(|deadline| deadline + MARGIN <= now);
        let lease_over = before.alive_at(fields) + fields.lease <= now;
        let stood_still = at - since >= fields.lease.mul_f64(DRIFT);
        let who = &request.from;
        match rank {
            0 if before.is_held_for_good() => {
                Some(format!("{who} takes out `{entry}`, who has begun"))
            }
            0 if lease_over || stood_still || ended => None,
            0 => Some(format!("{who} takes out `{entry}`, whose lease runs")),
            _ if ended => None,
            _ => Some(format!("{who} takes out `{entry}`, who waits and is alive")),
        }
    }
}

impl By<'_> {
    fn name(&self) -> String {
        match self {
            Self::Request(request) => format!("#{}", request.number),
            Self::Somebody => "somebody".into(),
            Self::Broom => "the broom".into(),
        }
    }
}

fn told(row: &Row) -> String {
    let queue: BTreeSet<_> = row.queue.iter().map(Entry::as_str).collect();
    let (last, anchor) = (
        row.last.map(|last| last.0),
        row.anchor.map(|anchor| anchor.0),
    );
    let held = row.held.map(|held| held.0);
    format!("q {queue:?} f {last:?} p {anchor:?} held {held:?}")
}
