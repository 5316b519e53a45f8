//! Operations that are done once: laws 11 to 18 of DESIGN.md, on the embedded table.

mod at_most_once;
mod batches;
mod deaths;
mod moves;
mod people;
mod pitfalls;
mod responses;
mod runs;
mod sealed;
mod transactions;
mod windows;

use std::time::Duration;

use dynamodb_locks::protocol::OperationState;
use dynamodb_locks::{AcquireOptions, Error, LockGuard, Locks, Once, Operation};
use testkit::locks::{KEY, LockTable};

use crate::journal::folder::Folder;

const LEASE: Duration = Duration::from_secs(10);

const WINDOW: Duration = Duration::from_secs(60 * 60);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// The operation that most tests are about.
fn payment() -> Operation {
    Operation::new("payments", "invoice-7").window(WINDOW)
}

/// Another one under the same lock.
fn refund() -> Operation {
    Operation::new("payments", "invoice-8").window(WINDOW)
}

/// Does the operation, and tells whether it was done just now.
async fn pay(locks: &Locks) -> Result<bool, Error> {
    let paid = locks
        .once(KEY, payment(), async |_| Ok::<_, ()>(()))
        .await?;
    Ok(matches!(paid, Once::Done(())))
}

/// Holds the lock to do the operation.
async fn begin(locks: &Locks) -> Result<LockGuard, Error> {
    let limits = AcquireOptions::wait(Duration::from_secs(20)).operation(payment());
    locks.acquire_with(KEY, limits).await
}

/// What the row says of operations.
fn states(table: &LockTable) -> Vec<OperationState> {
    table.row().operations.into_values().collect()
}

fn is_completed(table: &LockTable) -> bool {
    matches!(states(table)[..], [OperationState::Completed(_)])
}

fn is_attempted(table: &LockTable) -> bool {
    matches!(states(table)[..], [OperationState::Attempted(_)])
}

/// What the only record of a journal notes as done.
fn noted(folder: &Folder) -> Vec<String> {
    let intent = folder.intents().remove(0);
    let noted = intent["completions"].as_object().into_iter().flatten();
    noted
        .map(|(_, line)| line.as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Two tickets of one moment would be the same.
async fn tick() {
    tokio::time::sleep(millis(1)).await;
}
