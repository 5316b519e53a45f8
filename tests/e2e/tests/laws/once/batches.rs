//! Several operations under one lock, and what is learnt from one row.

use std::time::Duration;

use dynamodb_locks::protocol::OperationState;
use dynamodb_locks::{AcquireOptions, Error, LockGuard, Locks, Operation};
use testkit::dynamo::Fate;
use testkit::locks::{KEY, LockTable, Step};

use super::{LEASE, WINDOW, begin, is_attempted, millis, noted, pay, payment, refund, tick};
use crate::journal::folder::Folder;

const RELEASE: Duration = Duration::from_secs(3);

/// The operations of a batch.
fn records(many: usize) -> Vec<Operation> {
    let record = |n| Operation::new("orders", &format!("record-{n}")).window(WINDOW);
    (0..many).map(record).collect()
}

/// Holds the lock for the first of them.
async fn batch(locks: &Locks, records: &[Operation]) -> Result<LockGuard, Error> {
    let first = AcquireOptions::wait(millis(20_000)).operation(records[0]);
    locks.acquire_with(KEY, first).await
}

/// Whether each of them is done, as a client finds that has seen nothing before.
async fn are_done(table: &LockTable, records: &[Operation]) -> Result<Vec<bool>, Error> {
    let reader = table.client("reader").acquire(KEY).await?;
    let mut found = Vec::new();
    for record in records {
        found.push(reader.completed(record).await?.is_some());
    }
    reader.release().await?;
    Ok(found)
}

fn completed(table: &LockTable) -> usize {
    let states = table.row().operations.into_values();
    states
        .filter(|state| matches!(state, OperationState::Completed(_)))
        .count()
}

#[tokio::test(start_paused = true)]
async fn ten_operations_under_one_lock_are_two_writes_and_no_read() {
    let (table, records) = (LockTable::new(), records(10));
    let a = table.client("a");
    let held = batch(&a, &records).await.unwrap();
    for record in &records {
        assert_eq!(held.completed(record).await.unwrap(), None);
    }
    held.complete_all(&records, RELEASE).await.unwrap();
    assert_eq!(table.story("a"), ["enqueue", "release"]);
    assert_eq!(table.dynamo().counts().total().requests, 2);
    assert_eq!(completed(&table), 10);
    // Its own client asks nobody.
    for record in &records {
        let error = batch(&a, &[*record]).await.unwrap_err();
        assert!(error.is_completed() && error.is_from_memory(), "{error}");
    }
    assert_eq!(table.dynamo().counts().total().requests, 2);
}

#[tokio::test(start_paused = true)]
async fn one_refusal_tells_of_all_operations_of_the_lock() {
    let (table, records) = (LockTable::new(), records(10));
    let held = batch(&table.client("a"), &records).await.unwrap();
    held.complete_all(&records, RELEASE).await.unwrap();
    tick().await;
    let b = table.client("b");
    assert!(batch(&b, &records).await.unwrap_err().is_completed());
    for record in &records {
        let error = batch(&b, &[*record]).await.unwrap_err();
        assert!(error.is_completed() && error.is_from_memory(), "{error}");
    }
    assert_eq!(table.story("b"), ["enqueue refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_tells_nothing_of_what_is_over_or_kept_in_another_row() {
    let table = LockTable::new();
    let large = payment().replays();
    let options = |operation| AcquireOptions::wait(millis(1000)).operation(operation);
    let a = table.client("a");
    let held = a.acquire_with(KEY, options(large)).await.unwrap();
    held.complete(Some("x".repeat(2048))).await.unwrap();
    let short = Operation::new("payments", "short").window(millis(2000));
    let held = a.acquire_with(KEY, options(short)).await.unwrap();
    held.complete_all(&[short, refund()], RELEASE)
        .await
        .unwrap();
    tokio::time::sleep(millis(10_000)).await;
    let b = table.client("b");
    let known = b.acquire_with(KEY, options(refund())).await.unwrap_err();
    assert!(known.is_completed());
    // The response is read, not taken for none.
    let replayed = b.acquire_with(KEY, options(large)).await.unwrap_err();
    assert!(replayed.is_completed() && !replayed.is_from_memory());
    let again = b.acquire_with(KEY, options(short)).await.unwrap();
    again.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_holder_knows_what_others_have_done_under_its_lock() {
    let table = LockTable::new();
    let a = table.client("a");
    assert!(pay(&a).await.unwrap());
    tick().await;
    let first = AcquireOptions::wait(millis(1000)).operation(refund());
    let b = table.client("b");
    let held = b.acquire_with(KEY, first).await.unwrap();
    let known = held
        .completed(&payment())
        .await
        .unwrap()
        .expect("it is done");
    assert!(known.fence() < held.fence());
    let other = held.completed(&payment().fingerprint("a thousand")).await;
    assert_eq!(other.unwrap(), Some(known), "nothing to compare with");
    assert_eq!(held.completed(&refund()).await.unwrap(), None);
    held.complete_all(&[refund()], RELEASE).await.unwrap();
    assert_eq!(table.story("b"), ["enqueue", "release"]);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_knows_in_its_turn_what_was_done_before_it() {
    let (table, records) = (LockTable::new(), records(3));
    let held = batch(&table.client("a"), &records).await.unwrap();
    let b = table.client("b");
    let last = records[2];
    let waits = tokio::spawn(async move {
        let first = AcquireOptions::wait(millis(20_000)).operation(last);
        b.acquire_with(KEY, first).await
    });
    table.delivered("b", Step::Poll, 2).await;
    held.complete_all(&records[..2], RELEASE).await.unwrap();
    let held = waits.await.unwrap().unwrap();
    let mut known = Vec::new();
    for record in &records {
        known.push(held.completed(record).await.unwrap());
    }
    assert!(known[0].is_some() && known[1].is_some() && known[2].is_none());
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_request_and_a_damaged_line_are_told_apart_from_what_is_to_be_done() {
    let table = LockTable::new();
    let paid = payment().fingerprint("ten euros");
    let a = table.client("a");
    let first = AcquireOptions::wait(millis(1000)).operation(paid);
    let held = a.acquire_with(KEY, first).await.unwrap();
    held.complete(None).await.unwrap();
    let held = a.acquire(KEY).await.unwrap();
    let reused = held.completed(&payment().fingerprint("a thousand")).await;
    assert!(reused.unwrap_err().is_key_reused());
    assert!(held.completed(&paid).await.unwrap().is_some());
    held.release().await.unwrap();
    let id = *table.row().operations.keys().next().unwrap();
    table.set(&format!("@{id}"), serde_json::json!({"S": "finished"}));
    let held = a.acquire(KEY).await.unwrap();
    assert!(held.completed(&paid).await.unwrap_err().is_bad_table());
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_not_done_counts_as_attempted_if_it_is_the_locks_own() {
    let (table, records) = (LockTable::new(), records(3));
    let held = batch(&table.client("a"), &records).await.unwrap();
    held.complete_all(&records[1..2], RELEASE).await.unwrap();
    assert_eq!(
        are_done(&table, &records).await.unwrap(),
        [false, true, false]
    );
    let again = batch(&table.client("b"), &records).await.unwrap();
    assert!(again.handle().was_attempted());
    again.complete_all(&records, RELEASE).await.unwrap();
    assert_eq!(
        are_done(&table, &records).await.unwrap(),
        [true, true, true]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_not_used_leaves_no_attempt() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    held.release_unused(RELEASE).await.unwrap();
    assert_eq!(table.story("a"), ["enqueue", "release"]);
    assert!(table.row().operations.is_empty() && table.row().queue.is_empty());
    let next = begin(&table.client("b")).await.unwrap();
    assert!(!next.handle().was_attempted());
    next.release().await.unwrap();
    assert!(is_attempted(&table));
}

#[tokio::test(start_paused = true)]
async fn as_many_as_one_write_takes_are_completed_beside_everything_else_that_it_says() {
    let table = LockTable::new();
    // So many windows are over that the release has to drop as many as it may.
    let over = |n| Operation::new("old", &format!("{n}")).window(millis(1000));
    let old: Vec<_> = (0..50).map(over).collect();
    let held = batch(&table.client("a"), &old).await.unwrap();
    held.complete_all(&old, RELEASE).await.unwrap();
    tokio::time::sleep(millis(10_000)).await;
    let records = records(LockGuard::MOST_COMPLETED);
    let other = AcquireOptions::wait(millis(1000)).operation(payment());
    let held = table.client("b").acquire_with(KEY, other).await.unwrap();
    held.complete_all(&records, RELEASE).await.unwrap();
    assert_eq!(completed(&table), records.len() + old.len() - 40);
}

#[tokio::test(start_paused = true)]
async fn more_than_one_write_takes_are_refused_and_the_lock_is_released() {
    let (table, records) = (LockTable::new(), records(LockGuard::MOST_COMPLETED + 1));
    let held = batch(&table.client("a"), &records).await.unwrap();
    let refused = held.complete_all(&records, RELEASE).await.unwrap_err();
    assert!(refused.is_configuration());
    assert_eq!(
        refused.to_string(),
        "201 operations cannot be completed with one write: expected at most 200; the lock was released, and none \
         of them is completed"
    );
    assert!(table.row().queue.is_empty());
    assert_eq!(completed(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_lease_was_lost_completes_nothing() {
    let (table, records) = (LockTable::new(), records(3));
    let a = table.client("a");
    let zombie = batch(&a, &records).await.unwrap();
    for nth in 1..=100 {
        table.fate("a", Step::Heartbeat, nth, Fate::dropped());
    }
    let successor = batch(&table.client("b"), &records).await.unwrap();
    let lost = zombie.complete_all(&records, RELEASE).await.unwrap_err();
    assert!(lost.is_lost(), "{lost}");
    assert_eq!(completed(&table), 0);
    successor.release().await.unwrap();
    // It remembers nothing of what the table has not said.
    batch(&a, &records).await.unwrap().release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_batchs_completion_is_settled() {
    for fate in [
        Fate::lost(),
        Fate::dropped(),
        Fate::delivered().before(millis(700)),
    ] {
        let (table, records) = (LockTable::new(), records(3));
        table.fate("a", Step::Release, 1, fate);
        let held = batch(&table.client("a"), &records).await.unwrap();
        held.complete_all(&records, RELEASE).await.unwrap();
        assert_eq!(are_done(&table, &records).await.unwrap(), [true; 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_killed_after_its_work_is_completed_whole_by_recovery() {
    let (table, folder, records) = (
        LockTable::new(),
        Folder::new(),
        records(LockGuard::MOST_COMPLETED),
    );
    // The longest record that there is: each of these characters becomes six.
    let key = "\u{1}".repeat(2048);
    let a = folder.client(&table, "a");
    let first = AcquireOptions::wait(millis(1000)).operation(records[0]);
    let held = a.acquire_with(key.as_str(), first).await.unwrap();
    for nth in 1..=20 {
        table.fate("a", Step::Release, nth, Fate::dropped());
    }
    let batch_of_most = records.clone();
    let completing = tokio::spawn(async move { held.complete_all(&records, RELEASE).await });
    tokio::time::sleep(millis(100)).await;
    assert_eq!(noted(&folder).len(), LockGuard::MOST_COMPLETED);
    completing.abort();
    folder.orphan();
    let sweep = folder.client(&table, "sweep");
    let recovery = sweep.recover_orphans(LEASE / 5).await;
    assert_eq!(recovery.recovered(), 1, "{recovery:?}");
    let reader = sweep.acquire(key.as_str()).await.unwrap();
    for record in batch_of_most {
        assert!(reader.completed(&record).await.unwrap().is_some());
    }
    reader.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transaction_and_a_batch_complete_what_each_has_done() {
    let (table, records) = (LockTable::new(), records(3));
    let held = batch(&table.client("a"), &records).await.unwrap();
    held.handle().complete_with(Vec::new(), None).await.unwrap();
    held.complete_all(&records[1..], RELEASE).await.unwrap();
    assert_eq!(are_done(&table, &records).await.unwrap(), [true; 3]);
}
