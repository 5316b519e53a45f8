//! Leases: how waits end, what heartbeats keep, and what is left by those who are dropped half-way.

mod beats;
mod drops;
mod ends;
mod rows;
mod waits;

use std::time::Duration;

use testkit::locks::LockTable;

const LEASE: Duration = Duration::from_secs(10);

const JUST_NOW: Duration = Duration::from_secs(1);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// How many are in the queue.
fn queued(table: &LockTable) -> usize {
    table.row().queue.len()
}

#[test]
fn a_lock_can_be_sent_and_shared() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<dynamodb_locks::Locks>();
    shared::<dynamodb_locks::LockGuard>();
    shared::<dynamodb_locks::Lease>();
    shared::<dynamodb_locks::Error>();
}
