//! Time: the dead are evicted, the living never, whatever the clocks show; and fences rise.

mod fences;
mod modes;
mod skew;
mod theft;

use std::time::Duration;

use dynamodb_locks::{AcquireOptions, LockGuard, Locks, Settings};
use testkit::locks::{KEY, LockTable, Step};

const LEASE: Duration = Duration::from_secs(10);

const HOUR: Duration = Duration::from_secs(60 * 60);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// Looks seldom: a client that waits for a death looks again when it is due.
fn seldom(settings: Settings) -> Settings {
    settings.retry_delay(LEASE / 3)
}

/// From now on none of a client's heartbeats arrives: as good as dead, and it does not know.
fn silence(table: &LockTable, client: &str) {
    for nth in 1..=400 {
        table.fate(
            client,
            Step::Heartbeat,
            nth,
            testkit::dynamo::Fate::dropped(),
        );
    }
}

/// Waits for the lock for a few leases; tells how long it took as well.
async fn outlive(table: &LockTable, locks: &Locks) -> (LockGuard, Duration) {
    let begun = table.clock().now();
    let limits = AcquireOptions::wait(LEASE * 5);
    let held = locks.acquire_with(KEY, limits).await;
    let waited = table.since(begun);
    (held.expect("nobody lives for ever"), waited)
}
