//! Transactions that complete an operation together with the work's own items.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot")]

mod answers;
mod doubts;
mod endings;

use std::error::Error as _;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use dynamodb_locks::{ErrorKind, LockGuard, Once};
use serde_json::json;
use testkit::dynamo::{Fate, Schema};
use testkit::locks::{KEY, LockTable, Step, die};

use super::{LEASE, begin, is_attempted, is_completed, pay, payment, states, tick};

const ACCOUNTS: &str = "accounts";

fn table() -> LockTable {
    let table = LockTable::new();
    let schema = Schema::locks(ACCOUNTS).without_sort();
    table.dynamo().create_table(&schema).unwrap();
    table
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// An effect that is seen if it happens twice.
fn withdrawal() -> Vec<TransactWriteItem> {
    let update = Update::builder()
        .table_name(ACCOUNTS)
        .key("id", text("ada"))
        .update_expression("ADD withdrawn :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
    let item = TransactWriteItem::builder().update(update.build().unwrap());
    vec![item.build()]
}

/// An item that is refused if the account exists.
fn opening() -> TransactWriteItem {
    let put = Put::builder()
        .table_name(ACCOUNTS)
        .item("id", text("ada"))
        .condition_expression("attribute_not_exists(id)");
    TransactWriteItem::builder()
        .put(put.build().unwrap())
        .build()
}

/// How often the effect has happened.
fn withdrawn(table: &LockTable) -> u32 {
    let account = table
        .dynamo()
        .item(ACCOUNTS, json!({ "id": { "S": "ada" } }));
    let withdrawn = account.map(|account| account["withdrawn"]["N"].clone());
    withdrawn.map_or(0, |number| number.as_str().unwrap().parse().unwrap())
}

/// Loses the heartbeats of a client, until its lease is over and its entry was removed.
async fn evicted(table: &LockTable, client: &str) -> LockGuard {
    for nth in 1..=100 {
        table.fate(client, Step::Heartbeat, nth, Fate::dropped());
    }
    begin(&table.client("successor")).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_work_and_the_completion_are_applied_together() {
    let table = table();
    let (a, b) = (table.client("a"), table.client("b"));
    let held = begin(&a).await.unwrap();
    let fence = held.fence();
    let handle = held.handle();
    handle.complete_with(withdrawal(), None).await.unwrap();
    assert!(is_completed(&table));
    assert_eq!((withdrawn(&table), table.row().queue.len()), (1, 1));
    held.release().await.unwrap();
    assert_eq!(table.story("a"), ["enqueue", "transact", "release"]);
    assert!(begin(&a).await.unwrap_err().is_from_memory());
    tick().await;
    let completed = begin(&b).await.unwrap_err();
    assert_eq!(completed.completion().unwrap().fence(), fence);
    assert_eq!(table.story("b"), ["enqueue refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_condition_of_the_caller_cancels_everything() {
    let table = table();
    let account = json!({ "id": { "S": "ada" }, "withdrawn": { "N": "0" } });
    table.dynamo().put_item(ACCOUNTS, account).unwrap();
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    let cancelled = handle.complete_with(vec![opening()], None).await;
    let cancelled = cancelled.unwrap_err();
    assert_eq!(cancelled.kind(), ErrorKind::TransactionCancelled);
    assert!(cancelled.is_transaction_cancelled());
    let expected =
        "the transaction under lock `42` was cancelled: item 0: ConditionalCheckFailed (";
    assert!(cancelled.to_string().starts_with(expected), "{cancelled}");
    let source = cancelled.source().unwrap();
    let source = source.downcast_ref::<TransactWriteItemsError>().unwrap();
    assert!(source.is_transaction_canceled_exception());
    assert!(states(&table).is_empty());
    // Another transaction under the same lock may do what this one did not.
    handle.complete_with(withdrawal(), None).await.unwrap();
    held.release().await.unwrap();
    assert!(is_completed(&table));
    assert_eq!(withdrawn(&table), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_cancelled_transaction_the_operation_is_not_done() {
    let table = table();
    let account = json!({ "id": { "S": "ada" }, "withdrawn": { "N": "0" } });
    table.dynamo().put_item(ACCOUNTS, account).unwrap();
    let a = table.client("a");
    let fails = a.once(KEY, payment(), async |handle| {
        handle.complete_with(vec![opening()], None).await
    });
    assert!(matches!(fails.await.unwrap(), Once::Failed(_)));
    assert!(is_attempted(&table));
    assert!(pay(&a).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_transaction_of_a_run_that_was_evicted_is_cancelled_whole() {
    let table = table();
    let zombie = begin(&table.client("a")).await.unwrap();
    // Its transaction is on its way while its lease ends.
    table.fate("a", Step::Transact, 1, Fate::delivered().before(LEASE * 2));
    for nth in 2..=10 {
        table.fate("a", Step::Transact, nth, Fate::dropped());
    }
    let handle = zombie.handle();
    let late = tokio::spawn(async move { handle.complete_with(withdrawal(), None).await });
    let successor = evicted(&table, "a").await;
    assert!(late.await.unwrap().unwrap_err().is_unknown());
    tokio::time::sleep(LEASE).await;
    assert!(
        table.story("a").contains(&"transact refused".to_owned()),
        "{:?}",
        table.story("a")
    );
    assert_eq!(withdrawn(&table), 0);
    assert!(is_attempted(&table));
    successor
        .handle()
        .complete_with(withdrawal(), None)
        .await
        .unwrap();
    successor.release().await.unwrap();
    assert_eq!(withdrawn(&table), 1);
    die(zombie);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_a_person_has_removed_learns_that_it_is_lost() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    let person = table.client("person");
    assert!(
        person
            .force_release(KEY, held.fence(), "ada")
            .await
            .unwrap()
    );
    let lost = held.handle().complete_with(withdrawal(), None).await;
    assert_eq!(lost.unwrap_err().kind(), ErrorKind::Lost);
    assert_eq!(withdrawn(&table), 0);
    die(held);
}

#[tokio::test(start_paused = true)]
async fn after_the_lease_nothing_is_sent() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    held.release().await.unwrap();
    let lost = handle.complete_with(withdrawal(), None).await.unwrap_err();
    assert!(lost.is_lost(), "{lost}");
    assert_eq!(table.story("a"), ["enqueue", "release"]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_without_an_operation_has_nothing_to_complete() {
    let table = table();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let refused = held.handle().complete_with(withdrawal(), None).await;
    let refused = refused.unwrap_err();
    assert!(refused.is_configuration(), "{refused}");
    assert!(refused.to_string().contains("`AcquireOptions::operation`"));
    assert_eq!(withdrawn(&table), 0);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_check_fences_a_transaction_by_the_lock() {
    let table = table();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let client = table.dynamo().client("work");
    let items = [withdrawal(), vec![held.handle().check()]].concat();
    let transaction = client
        .transact_write_items()
        .set_transact_items(Some(items));
    transaction.clone().send().await.unwrap();
    assert_eq!(withdrawn(&table), 1);
    let successor = evicted(&table, "a").await;
    let cancelled = transaction.send().await.unwrap_err();
    assert!(
        cancelled
            .into_service_error()
            .is_transaction_canceled_exception()
    );
    assert_eq!(withdrawn(&table), 1);
    successor.release().await.unwrap();
    die(held);
}
