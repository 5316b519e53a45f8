//! The processes that clean up: the sweep after a death, the operator who knows that a process is dead,
//! and the last client of all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Locks, OnExpiry, Settings, WallClock};
use serde_json::Value;

use super::actors::{Actor, Lock};
use super::client::{self, Config};
use super::clocks::{self, Truth};
use super::line::Line;
use super::nonces::NonceLog;
use super::trace::Trace;
use testkit::dynamo::client_by;

/// How long the platform gives to a sweep.
const SWEEP: Duration = Duration::from_secs(2);

/// Gives back what a dead process has noted, as the extension does.
pub(super) async fn sweep(dead: Actor, config: Config, line: Line, truth: Truth) {
    let name = format!("sweep-{}", dead.name);
    let settings = client::settings(&dead, &config, &truth).owner(&name);
    let locks = Locks::with_client(&client_by(line, &name), settings);
    let locks = locks.expect("the journal's folder can be used");
    let recovery = locks.recover_orphans(SWEEP).await;
    let (now, trace) = (truth.now(), &config.trace);
    for entry in recovery.entries() {
        let (nonce, outcome) = (nonce_of(&entry.intent), &entry.outcome);
        trace.log(now, format!("the sweep of {nonce}: {outcome:?}"));
        trace.done(match outcome {
            Ok(_) => "given back by the sweep",
            Err(_) => "not given back by the sweep",
        });
        if matches!(outcome, Ok(how) if *how != dynamodb_locks::RecoveryOutcome::Pinned) {
            trace.settle([nonce], now);
        }
    }
}

/// Releases by force what the dead hold of a fail-closed lock.
pub(super) async fn person(lock: Lock, dead: Vec<String>, trace: Trace, line: Line, truth: Truth) {
    let locks = plain("person", &lock, line, &truth);
    let holder = locks
        .inspect(lock.key.as_str())
        .await
        .ok()
        .and_then(|view| view.holder());
    let Some(holder) = holder.filter(|holder| dead.contains(&holder.owner)) else {
        return;
    };
    let fence = holder.fence.unwrap_or_default();
    let forced = locks
        .force_release(lock.key.as_str(), fence, "a person")
        .await;
    trace.log(
        truth.now(),
        format!("a person releases {fence} of {}: {forced:?}", lock.key),
    );
    if matches!(forced, Ok(true)) {
        trace.done("released by force");
    }
}

/// Takes and releases a lock that is no longer in use.
pub(super) async fn last(lock: Lock, patience: Duration, trace: Trace, line: Line, truth: Truth) {
    let locks = plain("last", &lock, line, &truth);
    let from = truth.now();
    match locks
        .acquire_with(lock.key.as_str(), AcquireOptions::wait(patience))
        .await
    {
        Ok(held) => {
            trace.log(truth.now(), format!("the last one has {}", lock.key));
            if let Err(error) = held.release().await {
                trace
                    .open()
                    .wrong
                    .push(format!("law 8: the last one cannot release: {error}"));
            }
        }
        Err(error) => {
            let waited = truth.now() - from;
            let wrong = format!(
                "law 8: nobody can take {}: after {waited:?}, {error}",
                lock.key
            );
            trace.open().wrong.push(wrong);
        }
    }
}

/// A client whose clock is right.
fn plain(name: &str, lock: &Lock, line: Line, truth: &Truth) -> Locks {
    let (right, shown) = (clocks::WallClock::default(), truth.clone());
    let settings = Settings::new()
        .table(client::TABLE)
        .prefix(client::GROUP)
        .owner(name);
    let settings = settings.wall_clock(WallClock::new(move || right.shows(shown.now())));
    let settings = settings
        .expiry(lock.expiries[0])
        .nonces(NonceLog::of(name).source());
    let settings = settings.on_expiry(if lock.closed {
        OnExpiry::Hold
    } else {
        OnExpiry::TakeOver
    });
    let locks = Locks::with_client(&client_by(line, name), settings);
    locks.expect("there is no journal that could fail")
}

/// A note is called after its entry's ticket and nonce.
pub(super) fn nonce_of(intent: &Path) -> String {
    let name = intent.file_name().and_then(|name| name.to_str());
    let nonce = name.and_then(|name| name.rsplit_once('-'));
    nonce.map(|(_, nonce)| nonce.to_owned()).unwrap_or_default()
}

/// The notes that are in a folder.
#[expect(
    clippy::disallowed_methods,
    reason = "it looks at the folder past the journal"
)]
pub(super) fn intents(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let files = files.map(|file| file.path());
    files.filter(|path| path.extension().is_none()).collect()
}

/// Makes the notes of a process that has died those of a process that is dead: all simulated ones
/// are this one, and alive.
#[expect(
    clippy::disallowed_methods,
    reason = "a journal has no way to forge a note"
)]
pub(super) fn mark_dead(dir: &Path, dead: &str) {
    for path in intents(dir) {
        let intent = std::fs::read(&path).ok();
        let intent = intent.and_then(|intent| serde_json::from_slice::<Value>(&intent).ok());
        let mut intent = intent.expect("a note that was written whole can be read");
        if intent["entry"]
            .as_str()
            .is_some_and(|entry| entry.ends_with(&format!(" {dead}")))
        {
            intent["writer"]["pid"] = u32::MAX.into();
            std::fs::write(&path, intent.to_string()).expect("the folder is ours");
        }
    }
}
