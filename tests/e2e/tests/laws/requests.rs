//! Each request of the protocol, against real expressions: accepted, refused, repeated, and with
//! `p` and `q` absent.

mod enqueue;
mod evict;
mod evict_and_enter;
mod heartbeat;
mod invalidate;
mod release;
mod trial;
mod withdraw;
mod wording;

use std::time::Duration;

use dynamodb_locks::protocol::{Entry, Row};

const LEASE: Duration = Duration::from_secs(10);

/// Long enough to be dead of, however the clocks stand.
const LONG_AGO: Duration = Duration::from_secs(60);

/// Nobody is dead of this.
const JUST_NOW: Duration = Duration::from_secs(1);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// The owners in the queue, in its order.
fn owners(row: &Row) -> Vec<&str> {
    let fields = row.queue.iter().filter_map(Entry::fields);
    fields.map(|fields| fields.owner.as_str()).collect()
}
