//! The bugs of the other DynamoDB lock clients, each acted out here: we do not have them.
//!
//! B1 to B12 are those that their users reported; the others were measured, or read in their source.

mod beats;
mod fences;
mod releases;
mod takeovers;
mod told;
mod waits;

use std::time::Duration;

use dynamodb_locks::protocol::{Entry, Row};
use dynamodb_locks::{Locks, Settings};
use testkit::locks::LockTable;

const LEASE: Duration = Duration::from_secs(10);

const SECOND: Duration = Duration::from_secs(1);

const NOBODY: [&str; 0] = [];

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// A client that gives no renewal: once it is dropped it is as good as dead.
fn silent(table: &LockTable, name: &str) -> Locks {
    let none = |s: Settings| s.heartbeat_period(Duration::ZERO);
    table.a_client(name).with(none).ready()
}

fn owners(row: &Row) -> Vec<String> {
    let fields = row.queue.iter().filter_map(Entry::fields);
    fields
        .map(|fields| fields.owner.as_str().to_owned())
        .collect()
}

/// How long a future takes, on the table's clock.
async fn timed<T>(table: &LockTable, future: impl Future<Output = T>) -> (T, Duration) {
    let begun = table.clock().now();
    let output = future.await;
    let took = table.clock().now().duration_since(begun);
    (output, took.expect("time goes forward"))
}
