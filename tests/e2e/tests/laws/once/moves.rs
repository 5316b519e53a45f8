//! Completions that leave the lock's row, so that a lock under which many operations are done in one window stays small.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot")]

mod costs;
mod deaths;
mod forgotten;
mod found;
mod limits;

use dynamodb_locks::protocol::{Completion, OperationState};
use dynamodb_locks::{AcquireOptions, Error, LockGuard, Locks, Operation};
use testkit::locks::{KEY, LockTable};

use super::{WINDOW, millis, tick};

/// A completion without fingerprint and response has this many bytes in a row, its name among them.
const COMPLETION: usize = 56;

fn event(number: usize) -> Operation {
    Operation::new("events", &number.to_string()).window(WINDOW)
}

/// A client for which the lock's row has room for so many completions.
fn client(table: &LockTable, name: &str, room: usize) -> Locks {
    let small = table.a_client(name);
    small
        .with(|settings| settings.room_for_completions(room * COMPLETION))
        .ready()
}

async fn begin(locks: &Locks, operation: Operation) -> Result<LockGuard, Error> {
    let limits = AcquireOptions::wait(millis(20_000)).operation(operation);
    locks.acquire_with(KEY, limits).await
}

/// Does what is to be done once, and tells whether it was done just now.
async fn deliver(locks: &Locks, operation: Operation) -> Result<bool, Error> {
    tick().await;
    match begin(locks, operation).await {
        Ok(held) => held.complete(None).await.map(|()| true),
        Err(error) if error.is_completed() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Delivers events until so many were moved out of a row that has room for two.
async fn crowd(table: &LockTable, moved: usize) {
    let crowd = client(table, "crowd", 2);
    for number in 0..moved + 2 {
        assert!(deliver(&crowd, event(number)).await.unwrap());
    }
    assert_eq!(completions(table).len(), 2);
    assert!(table.row().moved_until.is_some());
}

/// The completions in the lock's row.
fn completions(table: &LockTable) -> Vec<Completion> {
    let states = table.row().operations.into_values();
    let done = states.filter_map(|state| match state {
        OperationState::Completed(completion) => Some(completion),
        _ => None,
    });
    done.collect()
}
