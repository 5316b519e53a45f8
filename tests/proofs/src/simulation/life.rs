//! What a process does: it takes locks, works, and gives them up, well or badly.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dynamodb_locks::{Expiry, Fail, Locks, Settings, Wall};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::beings::Being;
use super::clocks::Truth;
use super::diary::{Diary, Wait};
use super::job::Worker;
use super::line::Line;
use super::nonces::NonceLog;
use super::scenario::Scenario;
use testkit::dynamo::client_by;

/// Where the locks are.
pub(super) const TABLE: &str = "locks";
pub(super) const GROUP: &str = "default";

/// What a being is given on its way.
#[derive(Clone, Debug)]
pub(super) struct Outfit {
    pub(super) diary: Diary,
    pub(super) journal: Option<PathBuf>,
}

/// How long a client takes to give everything up.
const FAREWELL: Duration = Duration::from_secs(5);

/// The settings that all clients of a process share.
pub(super) fn settings(being: &Being, outfit: &Outfit, truth: &Truth) -> Settings {
    let (wall, shown) = (being.wall.clone(), truth.clone());
    let settings = Settings::new()
        .table(TABLE)
        .prefix(GROUP)
        .owner(&being.name)
        .lease(being.lease)
        .clock_skew(being.skew)
        .queue_cap(being.cap)
        .wall_clock(Wall::new(move || wall.shows(shown.now())));
    let settings = match being.beats {
        // A lease that lasts until the deadline is not prolonged.
        _ if being.ends => settings.lease_until_deadline(),
        Some(period) => settings.heartbeat_period(period),
        None => settings,
    };
    match &outfit.journal {
        Some(dir) => settings.journal(dir),
        None => settings,
    }
}

/// A life, from birth to a natural end.
pub(super) async fn live(
    mut being: Being,
    scenario: Arc<Scenario>,
    outfit: Outfit,
    line: Line,
    truth: Truth,
) {
    let settings = settings(&being, &outfit, &truth);
    let locks = Locks::with_client(&client_by(line, &being.name), settings);
    let locks = locks.expect("the journal's folder can be used");
    let leaving = Arc::new(AtomicBool::new(false));
    let nonces = NonceLog::of(&being.name);

    let mut jobs = JoinSet::new();
    for job in &being.jobs {
        let lock = scenario.locks[job.lock].clone();
        let nonces = nonces.another();
        let own = locks.child(|settings| {
            let settings = settings.expiry(job.expiry).nonces(nonces.source());
            settings.fail(if lock.closed {
                Fail::Closed
            } else {
                Fail::Open
            })
        });
        let kind = match job.expiry {
            _ if lock.closed => "acts, fail-closed",
            Expiry::Verified => "acts, verified",
            Expiry::Clock => "acts, by the clock",
            Expiry::Observe => "acts, observing",
        };
        let worker = Worker {
            process: being.name.clone(),
            kind,
            key: lock.key,
            locks: own.expect("the journal's folder can be used"),
            nonces,
            lease: being.lease,
            ends: being.ends,
            alone: being.jobs.len() == 1 && being.leaves.is_none(),
            watches: being.watches,
            night: scenario.night,
            mutant: scenario.mutant,
            leaving: leaving.clone(),
            truth: truth.clone(),
            diary: outfit.diary.clone(),
            dice: being.dice.fork(),
        };
        jobs.spawn(worker.work(job.rounds));
    }
    if let Some(after) = being.leaves {
        let done = timeout(after, async { while jobs.join_next().await.is_some() {} }).await;
        if done.is_err() {
            leaving.store(true, Ordering::Relaxed);
            outfit.diary.done("left in the middle");
            farewell(&being, &locks, &outfit.diary, &truth).await;
        }
    }
    jobs.join_all().await;
    if being.dice.one_in(8) {
        // What was dropped is left to the others.
        return;
    }
    if farewell(&being, &locks, &outfit.diary, &truth).await {
        outfit.diary.settle(nonces.all(), truth.now());
    }
}

/// Gives everything up, and tells whether it succeeded.
async fn farewell(being: &Being, locks: &Locks, diary: &Diary, truth: &Truth) -> bool {
    let from = truth.now();
    let left = locks.release_all(FAREWELL).await;
    let until = truth.now();
    diary.tell(
        until,
        format!("{} gave everything up, but for {}", being.name, left.len()),
    );
    diary.open().waits.push(Wait {
        process: being.name.clone(),
        what: "giving everything up".into(),
        from,
        until,
        most: FAREWELL,
    });
    left.is_empty()
}
