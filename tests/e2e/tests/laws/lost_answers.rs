//! Answers that are lost, late or wrong: three answers, never two, and nothing is left behind.

mod busy;
mod gone;
mod late;
mod settled;

use std::time::Duration;

use dynamodb_locks::protocol::{Entry, Row};
use testkit::dynamo::{Fate, Refusal};
use testkit::locks::LockTable;

/// Longer than any copy is under way here.
const LATER: Duration = Duration::from_secs(30);

const JUST_NOW: Duration = Duration::from_secs(1);

const LONG_AGO: Duration = Duration::from_secs(60);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// What may become of the first copy of a write, so that a second one has to follow.
fn troubles() -> [(&'static str, Fate); 9] {
    let slow = millis(700);
    [
        ("the answer was lost", Fate::lost()),
        ("it never arrived", Fate::dropped()),
        ("the answer is slow", Fate::delivered().after(slow)),
        ("it arrives late", Fate::delivered().before(slow)),
        (
            "it arrives later still",
            Fate::delivered().before(LATER / 2),
        ),
        ("throttled", Fate::refused(Refusal::Throttled)),
        ("a conflict", Fate::refused(Refusal::Conflict)),
        ("500, not applied", Fate::refused(Refusal::Internal)),
        ("500, applied", Fate::applied_but(Refusal::Internal)),
    ]
}

/// Lets every copy arrive that is still under way; tells who is in the queue then.
async fn in_the_end(table: &LockTable) -> Vec<String> {
    tokio::time::sleep(LATER).await;
    owners(&table.row())
}

fn owners(row: &Row) -> Vec<String> {
    let fields = row.queue.iter().filter_map(Entry::fields);
    fields
        .map(|fields| fields.owner.as_str().to_owned())
        .collect()
}

const NOBODY: [&str; 0] = [];
