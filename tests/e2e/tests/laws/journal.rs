//! The journal: what a process leaves on disk, and how it is given back after its death.

mod folder;
mod forged;
mod intents;
mod open;
mod recover;
mod recovery;

use std::time::Duration;

use testkit::locks::LockTable;

const LEASE: Duration = Duration::from_secs(10);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// How many are in the queue.
fn queued(table: &LockTable) -> usize {
    table.row().queue.len()
}
