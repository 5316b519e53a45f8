//! Transactions of operations that are done at most once, and what may not undo them.

use dynamodb_locks::{AcquireOptions, LockGuard, Locks, Once, Operation};
use testkit::dynamo::Fate;
use testkit::locks::{KEY, LockTable, Step};

use super::super::{LEASE, is_completed, millis, payment, tick};
use super::{table, withdrawal, withdrawn};

fn charge() -> Operation {
    payment().at_most_once()
}

async fn begin(locks: &Locks) -> LockGuard {
    let limits = AcquireOptions::wait(millis(1000)).operation(charge());
    locks.acquire_with(KEY, limits).await.unwrap()
}

/// The answers to the copies of one call are lost.
fn lose_answers(table: &LockTable) {
    for nth in 1..=3 {
        table.fate("a", Step::Transact, nth, Fate::lost());
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_what_a_transaction_has_completed() {
    let table = table();
    let held = begin(&table.client("a")).await;
    let handle = held.handle();
    handle.complete_with(withdrawal(), None).await.unwrap();
    tokio::time::sleep(LEASE * 2).await;
    assert!(is_completed(&table));
    held.release().await.unwrap();
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn after_heartbeats_the_same_call_settles_a_transaction_of_which_nothing_is_known() {
    let table = table();
    lose_answers(&table);
    let held = begin(&table.client("a")).await;
    let handle = held.handle();
    let unknown = handle.complete_with(withdrawal(), None).await.unwrap_err();
    assert!(unknown.is_unknown(), "{unknown}");
    tokio::time::sleep(LEASE * 2).await;
    handle.complete_with(withdrawal(), None).await.unwrap();
    assert_eq!(withdrawn(&table), 1);
    held.release().await.unwrap();
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn work_that_fails_because_nothing_is_known_of_its_transaction_is_not_repeated() {
    let table = table();
    lose_answers(&table);
    let a = table.client("a");
    let fails = a.once(KEY, charge(), async |handle| {
        handle.complete_with(withdrawal(), None).await
    });
    assert!(matches!(fails.await.unwrap(), Once::Failed(_)));
    assert!(is_completed(&table));
    let again = table.client("b");
    let again = again.once(KEY, charge(), async |_| Ok::<_, ()>(()));
    assert!(matches!(again.await.unwrap(), Once::Before(_)));
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_the_operation_of_an_unknown_transaction_does_not_forget_it() {
    let table = table();
    lose_answers(&table);
    let held = begin(&table.client("a")).await;
    let unknown = held.handle().complete_with(withdrawal(), None).await;
    assert!(unknown.unwrap_err().is_unknown());
    held.complete_all(&[], LEASE / 5).await.unwrap();
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_a_transaction_that_never_arrived_is_refused_all_the_same() {
    let table = table();
    let held = begin(&table.client("a")).await;
    for nth in 1..=10 {
        table.fate("a", Step::Transact, nth, Fate::dropped());
    }
    let unknown = held.handle().complete_with(withdrawal(), None).await;
    assert!(unknown.unwrap_err().is_unknown());
    held.release().await.unwrap();
    tick().await;
    let limits = AcquireOptions::wait(millis(20_000)).operation(charge());
    let again = table.client("b").acquire_with(KEY, limits).await;
    assert!(
        again.unwrap_err().is_interrupted(),
        "nobody knows here that it was not applied"
    );
}
