//! Transactions of operations that are done at most once.

use dynamodb_locks::{AcquireOptions, Error, LockGuard, Locks};
use testkit::dynamo::{Fate, Request};
use testkit::locks::{KEY, LockTable, Step};

use super::{is_completed, payment, states, table, tick, withdrawal, withdrawn};
use crate::once::millis;

async fn begin(locks: &Locks) -> Result<LockGuard, Error> {
    let limits = AcquireOptions::wait(millis(20_000)).operation(payment().at_most_once());
    locks.acquire_with(KEY, limits).await
}

/// Loses the answers to all transactions, which are applied.
fn answers_are_lost(table: &LockTable) {
    table
        .dynamo()
        .plan(|request: &Request| match Step::of(request) {
            Step::Transact => Fate::lost(),
            _ => Fate::delivered(),
        });
}

#[tokio::test(start_paused = true)]
async fn heartbeats_do_not_overwrite_what_a_transaction_has_completed() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    handle.complete_with(withdrawal(), None).await.unwrap();
    for _ in 0..3 {
        tokio::time::sleep(millis(4000)).await;
        assert!(is_completed(&table), "{:?}", states(&table));
    }
    held.release().await.unwrap();
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_without_an_answer_is_settled_by_the_same_call_after_heartbeats() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    answers_are_lost(&table);
    let unknown = handle.complete_with(withdrawal(), None).await.unwrap_err();
    assert!(unknown.is_unknown(), "{unknown}");
    tokio::time::sleep(millis(8000)).await;
    table.dynamo().plan(|_: &Request| Fate::delivered());
    handle.complete_with(withdrawal(), None).await.unwrap();
    assert_eq!(withdrawn(&table), 1);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_does_not_take_back_what_its_transaction_may_have_completed() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    answers_are_lost(&table);
    let unknown = held.handle().complete_with(withdrawal(), None).await;
    assert!(unknown.unwrap_err().is_unknown());
    table.dynamo().plan(|_: &Request| Fate::delivered());
    // The handler fails because of it, and says so.
    held.release().await.unwrap();
    tick().await;
    let again = begin(&table.client("b")).await;
    assert!(again.unwrap_err().completion().is_some());
    assert_eq!(withdrawn(&table), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_a_transaction_that_was_not_applied_is_refused_all_the_same() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    table
        .dynamo()
        .plan(|request: &Request| match Step::of(request) {
            Step::Transact => Fate::dropped(),
            _ => Fate::delivered(),
        });
    let unknown = held.handle().complete_with(withdrawal(), None).await;
    assert!(unknown.unwrap_err().is_unknown());
    held.release().await.unwrap();
    tick().await;
    let again = begin(&table.client("b")).await;
    assert!(
        again.unwrap_err().is_interrupted(),
        "nobody knows here that it was not applied"
    );
}
