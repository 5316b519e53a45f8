//! What a process does: it takes locks, works, and gives them up, well or badly.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dynamodb_locks::{Expiry, Locks, OnExpiry, Settings, WallClock};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::actors::Actor;
use super::clocks::Truth;
use super::job::Worker;
use super::line::Line;
use super::nonces::NonceLog;
use super::process::Farewell;
use super::scenario::Scenario;
use super::trace::{Trace, Wait};
use testkit::dynamo::client_by;

/// Where the locks are.
pub(super) const TABLE: &str = "locks";
pub(super) const GROUP: &str = "default";

/// What a process is started with.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) trace: Trace,
    pub(super) journal: Option<PathBuf>,
}

/// How long a client takes to release everything.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// The settings that all clients of a process share.
pub(super) fn settings(actor: &Actor, config: &Config, truth: &Truth) -> Settings {
    let (wall, shown) = (actor.wall.clone(), truth.clone());
    let settings = Settings::new()
        .table(TABLE)
        .prefix(GROUP)
        .owner(&actor.name)
        .lease(actor.lease)
        .clock_skew(actor.skew)
        .queue_cap(actor.cap)
        .wall_clock(WallClock::new(move || wall.shows(shown.now())));
    let settings = match actor.beats {
        // A lease that lasts until the deadline is not prolonged.
        _ if actor.ends => settings.lease_until_deadline(),
        Some(period) => settings.heartbeat_period(period),
        None => settings,
    };
    match &config.journal {
        Some(dir) => settings.journal(dir),
        None => settings,
    }
}

/// A process, from its start to a regular end.
pub(super) async fn run(
    mut actor: Actor,
    scenario: Arc<Scenario>,
    config: Config,
    line: Line,
    truth: Truth,
) -> Farewell {
    let settings = settings(&actor, &config, &truth);
    let client = client_by(line, &actor.name);
    let locks = Locks::with_client(&client, settings);
    let locks = locks.expect("the journal's folder can be used");
    let leaving = Arc::new(AtomicBool::new(false));
    let nonces = NonceLog::of(&actor.name);

    let mut jobs = JoinSet::new();
    for job in &actor.jobs {
        let lock = scenario.locks[job.lock].clone();
        let nonces = nonces.another();
        let own = locks.with_settings(|settings| {
            let settings = settings.expiry(job.expiry).nonces(nonces.source());
            let settings = match scenario.room {
                Some(room) => settings.room_for_completions(room),
                None => settings,
            };
            settings.on_expiry(if lock.closed {
                OnExpiry::Hold
            } else {
                OnExpiry::TakeOver
            })
        });
        let kind = match job.expiry {
            _ if lock.closed => "acts, fail-closed",
            Expiry::Verified => "acts, verified",
            Expiry::Clock => "acts, by the clock",
            Expiry::Observe => "acts, observing",
        };
        let worker = Worker {
            process: actor.name.clone(),
            kind,
            key: lock.key,
            locks: own.expect("the journal's folder can be used"),
            client: client.clone(),
            journal: config.journal.is_some(),
            nonces,
            lease: actor.lease,
            ends: actor.ends,
            alone: actor.jobs.len() == 1 && actor.leaves.is_none(),
            watches: actor.watches,
            night: scenario.night,
            mutant: scenario.mutant,
            once: scenario.once,
            leaving: leaving.clone(),
            truth: truth.clone(),
            trace: config.trace.clone(),
            rng: actor.rng.fork(),
        };
        jobs.spawn(worker.work(job.rounds));
    }
    if let Some(after) = actor.leaves {
        let done = timeout(after, async { while jobs.join_next().await.is_some() {} }).await;
        if done.is_err() {
            leaving.store(true, Ordering::Relaxed);
            config.trace.done("left in the middle");
            shut_down(&actor, &locks, &config.trace, &truth).await;
        }
    }
    jobs.join_all().await;
    if actor.rng.one_in(8) {
        // What was dropped is left to the others.
        return Farewell::Exited;
    }
    if shut_down(&actor, &locks, &config.trace, &truth).await {
        config.trace.settle(nonces.all(), truth.now());
    }
    Farewell::ReleasedAll
}

/// Releases everything; whether that succeeded.
async fn shut_down(actor: &Actor, locks: &Locks, trace: &Trace, truth: &Truth) -> bool {
    let from = truth.now();
    let left = locks.release_all(SHUTDOWN).await;
    let until = truth.now();
    trace.log(
        until,
        format!("{} released everything, but for {}", actor.name, left.len()),
    );
    trace.open().waits.push(Wait {
        process: actor.name.clone(),
        what: "giving everything up".into(),
        from,
        until,
        most: SHUTDOWN,
    });
    left.is_empty()
}
