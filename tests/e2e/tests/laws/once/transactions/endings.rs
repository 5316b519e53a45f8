//! What becomes of a run after its transaction.

use dynamodb_locks::{AcquireOptions, Once, Response};
use serde_json::json;
use testkit::locks::{KEY, die};

use super::super::{LEASE, begin, is_completed, millis, noted, pay, payment};
use super::{ACCOUNTS, opening, table, withdrawal, withdrawn};
use crate::journal::folder::Folder;

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
    let noted = noted(&folder);
    assert!(
        noted.len() == 1 && noted[0].starts_with("done "),
        "{noted:?}"
    );
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
