//! Transactions that complete an operation together with the work's own items.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot")]

use std::error::Error as _;
use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use dynamodb_locks::{AcquireOptions, ErrorKind, LockGuard, Once, Response};
use serde_json::json;
use testkit::dynamo::{Fate, Refusal, Schema};
use testkit::locks::{KEY, LockTable, Step, die};

use super::{LEASE, begin, is_attempted, is_completed, millis, pay, payment, states, tick};
use crate::journal::folder::Folder;

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
async fn a_token_is_not_longer_than_dynamodb_allows_and_differs() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    table.set("id-of-nothing", json!({ "S": "x" }));
    let refused = vec![opening(), opening()];
    for _ in 0..2 {
        held.handle()
            .complete_with(refused.clone(), None)
            .await
            .unwrap_err();
    }
    let log = table.log_of("a");
    let tokens: Vec<_> = log
        .iter()
        .filter_map(|logged| logged.request.body["ClientRequestToken"].as_str())
        .collect();
    assert!(tokens.iter().all(|token| token.len() <= 36), "{tokens:?}");
    assert!(
        tokens[0].ends_with("-1") && tokens[1].ends_with("-2"),
        "{tokens:?}"
    );
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
        table
            .story("a")
            .contains(&"transact refused unheard".to_owned()),
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
async fn a_lost_answer_is_settled_and_the_effect_happens_once() {
    for fate in [
        Fate::lost(),
        Fate::dropped(),
        Fate::delivered().before(millis(1500)),
        Fate::delivered().after(millis(1500)),
        Fate::delivered().again(millis(10)),
        Fate::applied_but(Refusal::Internal),
        Fate::refused(Refusal::Internal),
        Fate::refused(Refusal::Throttled),
        Fate::refused(Refusal::Conflict),
    ] {
        let table = table();
        table.fate("a", Step::Transact, 1, fate);
        let held = begin(&table.client("a")).await.unwrap();
        let handle = held.handle();
        handle.complete_with(withdrawal(), None).await.unwrap();
        held.release().await.unwrap();
        tokio::time::sleep(LEASE).await;
        assert_eq!(withdrawn(&table), 1);
        assert!(!pay(&table.client("b")).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_outlives_its_token_does_nothing() {
    let table = table();
    let twenty = Duration::from_secs(20 * 60);
    table.fate("a", Step::Transact, 1, Fate::delivered().again(twenty));
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    handle.complete_with(withdrawal(), None).await.unwrap();
    // The lock is still held when the copy arrives.
    tokio::time::sleep(twenty + LEASE).await;
    let transactions: Vec<_> = table
        .story("a")
        .into_iter()
        .filter(|step| step.starts_with("transact"))
        .collect();
    assert_eq!(transactions, ["transact", "transact refused unheard"]);
    assert_eq!(withdrawn(&table), 1);
    held.release().await.unwrap();
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_unknown_and_the_same_call_settles_it() {
    let table = table();
    for nth in 1..=3 {
        table.fate("a", Step::Transact, nth, Fate::lost());
    }
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    let unknown = handle.complete_with(withdrawal(), None).await.unwrap_err();
    assert!(unknown.is_unknown(), "{unknown}");
    // Another one could be taken for the first.
    let other = handle.complete_with(vec![opening()], None).await;
    assert!(other.unwrap_err().is_unknown());
    assert_eq!(table.story("a").len(), 4);
    handle.complete_with(withdrawal(), None).await.unwrap();
    assert_eq!(withdrawn(&table), 1);
    held.release().await.unwrap();
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn a_second_transaction_under_the_lock_is_not_applied() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    handle.complete_with(withdrawal(), None).await.unwrap();
    let again = handle.complete_with(withdrawal(), None).await;
    assert!(again.unwrap_err().is_completed());
    assert_eq!(withdrawn(&table), 1);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn work_that_fails_after_its_transaction_has_done_the_operation() {
    let table = table();
    let a = table.client("a");
    let fails = a.once(KEY, payment(), async |handle| {
        handle.complete_with(withdrawal(), None).await.unwrap();
        Err::<(), _>("no mail")
    });
    assert_eq!(fails.await.unwrap(), Once::Failed("no mail"));
    assert!(is_completed(&table));
    for locks in [&a, &table.client("b")] {
        assert!(!pay(locks).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_after_its_transaction_has_done_the_operation() {
    let (table, folder) = (table(), Folder::new());
    let held = begin(&folder.client(&table, "a")).await.unwrap();
    let handle = held.handle();
    handle.complete_with(withdrawal(), None).await.unwrap();
    let recorded = folder.intents().remove(0);
    let completion = recorded["completion"].as_str().unwrap();
    assert!(completion.starts_with("done "), "{completion}");
    die(held);
    folder.orphan();
    let sweep = folder.client(&table, "sweep");
    assert_eq!(sweep.recover_orphans(LEASE / 5).await.recovered(), 1);
    assert!(is_completed(&table) && table.row().queue.is_empty());
    assert!(!pay(&table.client("b")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_response_is_kept_with_the_transaction() {
    for length in [5, 5 * 1024] {
        let table = table();
        let response = "x".repeat(length);
        let options = AcquireOptions::wait(millis(1000)).operation(payment().replays());
        let a = table.client("a");
        let held = a.acquire_with(KEY, options).await.unwrap();
        let kept = Some(response.clone());
        let handle = held.handle();
        handle.complete_with(withdrawal(), kept).await.unwrap();
        held.complete(None).await.unwrap();
        for locks in [&a, &table.client("b")] {
            let completed = locks.acquire_with(KEY, options).await.unwrap_err();
            let replayed = completed.completion().unwrap().response().clone();
            assert_eq!(replayed, Response::Text(response.as_str().into()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_of_a_cancelled_transaction_is_never_taken_for_the_runs() {
    let table = table();
    let account = json!({ "id": { "S": "ada" } });
    table.dynamo().put_item(ACCOUNTS, account).unwrap();
    let options = AcquireOptions::wait(millis(1000)).operation(payment().replays());
    let a = table.client("a");
    let held = a.acquire_with(KEY, options).await.unwrap();
    let handle = held.handle();
    let cancelled = handle.complete_with(vec![opening()], Some("x".repeat(5000)));
    assert!(cancelled.await.unwrap_err().is_transaction_cancelled());
    held.complete(Some("y".repeat(5000))).await.unwrap();
    let b = table.client("b");
    let completed = b.acquire_with(KEY, options).await.unwrap_err();
    assert_eq!(*completed.completion().unwrap().response(), Response::Gone);
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
async fn what_dynamodb_does_not_accept_is_said_clearly() {
    let table = table();
    let held = begin(&table.client("a")).await.unwrap();
    let handle = held.handle();
    // Two items of one transaction must not be the same row.
    let checked = handle.complete_with(vec![handle.check()], None).await;
    let checked = checked.unwrap_err();
    assert!(checked.is_configuration(), "{checked}");
    let expected =
        "cannot apply the transaction under lock `42`: DynamoDB does not accept its items together";
    assert!(checked.to_string().starts_with(expected), "{checked}");
    table.fate("a", Step::Transact, 2, Fate::refused(Refusal::Denied));
    let denied = handle.complete_with(withdrawal(), None).await.unwrap_err();
    assert!(denied.is_denied(), "{denied}");
    assert!(denied.to_string().contains("a right that its items need"));
    held.release().await.unwrap();
    assert!(is_attempted(&table));
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
