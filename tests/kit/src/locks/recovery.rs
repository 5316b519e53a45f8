//! How long a lock stays with the dead.

use std::path::Path;
use std::time::Duration;

use dynamodb_locks::Locks;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::contention::ROUND_TRIP;
use super::death::die;
use super::table::{KEY, LockTable};
use crate::Error;
use crate::dynamo::{Fate, Request};

/// The default lease.
pub const LEASE: Duration = Duration::from_secs(10);

/// For how long the holder has held when it dies: shorter than the time to its first heartbeat.
const HELD: Duration = Duration::from_secs(2);

/// How long the sweep may take.
const SWEEP: Duration = Duration::from_secs(1);

/// From the holder's death until the next in line holds, where nobody sweeps; on paused time.
pub async fn by_the_next_in_line(seed: u64) -> Result<Duration, Error> {
    let table = far_table(seed);
    let next = died(&table, table.client("a")).await?;
    let death = table.clock().now();
    served(next).await?;
    Ok(table.since(death))
}

/// The same, where the sweep begins at once.
pub async fn by_the_sweep(seed: u64) -> Result<Duration, Error> {
    let table = far_table(seed);
    let dir = tempfile::tempdir().map_err(failed)?;
    let folder = dir.path().join("journal");
    let recorded = table.a_client("a").with(|s| s.journal(&folder)).ready();
    let next = died(&table, recorded).await?;
    orphan(&folder).map_err(failed)?;
    let death = table.clock().now();
    let sweep = table.a_client("sweep").with(|s| s.journal(&folder)).ready();
    for entry in sweep.recover_orphans(SWEEP).await.entries() {
        entry.outcome.as_ref().map_err(failed)?;
    }
    served(next).await?;
    Ok(table.since(death))
}

fn far_table(seed: u64) -> LockTable {
    fastrand::seed(seed);
    let (table, half) = (LockTable::new(), ROUND_TRIP / 2);
    table
        .dynamo()
        .plan(move |_: &Request| Fate::delivered().before(half).after(half));
    table
}

type Next = JoinHandle<Result<(), dynamodb_locks::Error>>;

/// A holder that is dead, and the next in line, which waits.
async fn died(table: &LockTable, locks: Locks) -> Result<Next, Error> {
    let held = locks.acquire(KEY).await.map_err(failed)?;
    let next = table.client("b");
    let next = tokio::spawn(async move { next.acquire(KEY).await?.release().await });
    sleep(HELD).await;
    die((held, locks));
    Ok(next)
}

async fn served(next: Next) -> Result<(), Error> {
    next.await.map_err(failed)?.map_err(failed)
}

/// The notes' writer is made a process that is no more.
#[expect(
    clippy::disallowed_methods,
    reason = "the notes are changed from outside, as no process of ours would"
)]
pub fn orphan(folder: &Path) -> std::io::Result<()> {
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let mut intent: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        intent["writer"] = json!({ "pid": u32::MAX - 1, "started": "1" });
        std::fs::write(&path, intent.to_string())?;
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(error.to_string())
}
