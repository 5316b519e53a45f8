//! What people do about operations, and what the damaged row says.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot")]

use serde_json::json;
use testkit::locks::{KEY, LockTable};

use super::{begin, is_completed, millis, pay, payment, states, tick};

/// The attribute of the operation.
fn column(table: &LockTable) -> String {
    let row = table.row();
    let id = row.operations.keys().next().unwrap();
    format!("@{id}")
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_done_again() {
    let table = LockTable::new();
    let (a, b) = (table.client("a"), table.client("b"));
    pay(&a).await.unwrap();
    tick().await;
    a.forget(KEY, payment()).await.unwrap();
    assert!(states(&table).is_empty());
    tick().await;
    assert!(pay(&b).await.unwrap());
    assert!(!pay(&a).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn forgetting_waits_for_a_run() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    let person = table.client("person");
    let forgets = tokio::spawn(async move { person.forget(KEY, payment()).await });
    tokio::time::sleep(millis(1000)).await;
    held.complete(None).await.unwrap();
    forgets.await.unwrap().unwrap();
    assert!(states(&table).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_damaged_completion_is_neither_run_nor_dropped() {
    let table = LockTable::new();
    pay(&table.client("a")).await.unwrap();
    let column = column(&table);
    for damage in [
        json!({"S": "done soon"}),
        json!({"N": "7"}),
        json!({"S": ""}),
    ] {
        table.set(&column, damage);
        let error = begin(&table.client("b")).await.unwrap_err();
        assert!(error.is_bad_table(), "{error}");
        assert!(
            error
                .to_string()
                .contains("of the operation cannot be read")
        );
        assert!(table.row().queue.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn damage_to_another_operation_is_left_alone() {
    let table = LockTable::new();
    pay(&table.client("a")).await.unwrap();
    let other = "@0123456789abcdef";
    table.set(other, json!({"S": "nonsense"}));
    tick().await;
    assert!(!pay(&table.client("b")).await.unwrap());
    let held = table.client("c").acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    assert_eq!(states(&table).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_operation_can_be_looked_at() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = begin(&a).await.unwrap();
    let fence = held.fence();
    let view = a.inspect(KEY).await.unwrap();
    assert!(view.completion(&payment()).is_none());
    held.complete(None).await.unwrap();
    let view = a.inspect(KEY).await.unwrap();
    let completed = view.completion(&payment()).unwrap();
    assert_eq!(completed.fence(), fence);
    assert!(is_completed(&table));
}
