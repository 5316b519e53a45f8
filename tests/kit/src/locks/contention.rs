//! Contention: many clients that take the same lock again and again, some milliseconds away from it, and
//! what that costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dynamodb_locks::Locks;
use dynamodb_locks::protocol::Entry;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::table::{KEY, LockTable};
use crate::Clock;
use crate::dynamo::{Count, Fate, Logged, Request};
use crate::history::{Violation, Work, inversions, violations};

/// From a request to its answer.
pub const ROUND_TRIP: Duration = Duration::from_millis(10);

/// How long is measured, once all clients are in the queue.
const MEASURED: Duration = Duration::from_secs(5);

/// Longer than any client waits.
const PATIENCE: Duration = Duration::from_secs(120);

/// Many clients at one lock, on tokio's paused time.
#[derive(Clone, Copy, Debug)]
pub struct Contention {
    /// How many clients; all but one of them wait.
    pub members: usize,
    /// How long each holds the lock.
    pub hold: Duration,
    /// The seed of all randomness.
    pub seed: u64,
}

/// What an acquisition costs under contention.
#[derive(Clone, Debug)]
pub struct Cost {
    /// How often the lock was acquired.
    pub acquisitions: usize,
    /// What was written.
    pub writes: Count,
    /// What was read.
    pub reads: Count,
    /// From the end of each piece of work to the beginning of the next, the shortest first.
    pub handovers: Vec<Duration>,
    /// Violations, from the first arrival to the last release.
    pub broken: Vec<Violation>,
}

impl Contention {
    /// Lets the clients work for a while, and measures.
    pub async fn measure(self) -> Cost {
        fastrand::seed(self.seed);
        let table = LockTable::new();
        let half = ROUND_TRIP / 2;
        table
            .dynamo()
            .plan(move |_: &Request| Fate::delivered().before(half).after(half));
        let closes = Arc::new(AtomicBool::new(false));
        let members = self.members(&table, &closes);
        sleep(self.gathering() * 5 / 4).await;
        let (from, before) = (table.clock().since_epoch(), table.dynamo().counts());
        sleep(MEASURED).await;
        let (to, counts) = (
            table.clock().since_epoch(),
            table.dynamo().counts() - &before,
        );
        closes.store(true, Ordering::Relaxed);
        let works = members.join_all().await.concat();
        let entered: Vec<_> = table.dynamo().log().iter().filter_map(entered).collect();
        let mut broken = violations(&works);
        broken.extend(inversions(KEY, &entered, &works));
        let watched = |work: &&Work| (from..to).contains(&work.end);
        Cost {
            acquisitions: works.iter().filter(watched).count(),
            writes: counts.of("UpdateItem"),
            reads: counts.of("GetItem"),
            handovers: handovers(works.iter().filter(watched)),
            broken,
        }
    }

    /// Within what time they arrive.
    fn gathering(self) -> Duration {
        self.hold * u32::try_from(self.members).unwrap_or(u32::MAX)
    }

    fn members(self, table: &LockTable, closes: &Arc<AtomicBool>) -> JoinSet<Vec<Work>> {
        let mut members = JoinSet::new();
        for number in 0..self.members {
            // Clocks are never quite the same; in paused time, which goes by whole milliseconds, they
            // would be.
            let off = Duration::from_micros(fastrand::u64(0..1000));
            let name = format!("m{number}");
            let member = table.a_client(&name).fast(off);
            let locks = member.with(|s| s.max_wait(PATIENCE)).ready();
            let late = self.gathering().mul_f64(fastrand::f64());
            let (clock, closes) = (table.clock().clone(), Arc::clone(closes));
            members.spawn(async move {
                sleep(late).await;
                let mut works = Vec::new();
                while !closes.load(Ordering::Relaxed) {
                    works.push(work(&locks, &clock, &name, self.hold).await);
                }
                works
            });
        }
        members
    }
}

async fn work(locks: &Locks, clock: &Clock, who: &str, hold: Duration) -> Work {
    let held = locks.acquire(KEY).await.expect("every client is served");
    let (fence, begin) = (Some(held.fence()), clock.since_epoch());
    sleep(hold).await;
    let end = clock.since_epoch();
    held.release().await.expect("no client loses its lock");
    let (key, who) = (KEY.to_owned(), who.to_owned());
    Work {
        key,
        fence,
        begin,
        end,
        who,
    }
}

fn handovers<'a>(works: impl Iterator<Item = &'a Work>) -> Vec<Duration> {
    let mut works: Vec<_> = works.collect();
    works.sort_by_key(|work| work.begin);
    let between = works.windows(2).map(|pair| pair[1].begin - pair[0].end);
    let mut handovers: Vec<_> = between.collect();
    handovers.sort();
    handovers
}

/// The fence of an entry that this request has put into the queue.
fn entered(logged: &Logged) -> Option<u64> {
    let (200, _) = logged.applied.as_ref()? else {
        return None;
    };
    let entry = &logged.request.body["ExpressionAttributeValues"][":in"]["SS"][0];
    Entry::read(entry.as_str()?).ticket().map(|ticket| ticket.0)
}

impl Cost {
    /// A part of the whole, for each acquisition.
    pub fn each(&self, whole: f64) -> f64 {
        whole / self.acquisitions as f64
    }

    /// How long a hand-over takes that so many of a hundred do not exceed, in round trips.
    pub fn handover(&self, percent: usize) -> f64 {
        let last = self.handovers.len().saturating_sub(1);
        let at = self.handovers.get(last * percent / 100);
        at.copied().unwrap_or_default().div_duration_f64(ROUND_TRIP)
    }
}
