//! Rows that are large already, and large batches.

use std::time::Duration;

use dynamodb_locks::protocol::{OperationState, Ticket};
use dynamodb_locks::{KeyKind, LockGuard, Locks, Settings};
use serde_json::json;
use testkit::Clock;
use testkit::dynamo::{Dynamo, Schema};
use testkit::locks::{KEY, LockTable};

use super::{COMPLETION, begin, completions, deliver, event, millis, tick};

const RELEASE: Duration = Duration::from_secs(3);

/// DynamoDB takes no larger row.
const LARGEST_ROW: usize = 400 * 1024;

/// The row of a lock under which so many operations were done by a version that moved none.
fn seed(table: &LockTable, many: usize) {
    let until = (table.now().0 / 1_000_000) + 3600;
    let mut row = json!({ "id": { "S": KEY }, "group": { "S": "default" } });
    let fence = table.ago(Duration::from_secs(3600)).0;
    for number in 0..many {
        let line = format!("done {until:010} {:016} - none", fence + number as u64);
        row[format!("@{number:016}")] = json!({ "S": line });
    }
    table.dynamo().put_item("locks", row).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_nearly_as_large_as_dynamodb_allows_takes_completions_and_shrinks() {
    let table = LockTable::new();
    // An entry fits, and its completion would not.
    let many = (LARGEST_ROW - 180) / COMPLETION;
    seed(&table, many);
    let a = table.client("a");
    for number in 0..20 {
        assert!(deliver(&a, event(number)).await.unwrap(), "event {number}");
    }
    assert!(completions(&table).len() <= many - 7 * 20);
    for number in 0..20 {
        assert!(!deliver(&table.client("b"), event(number)).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_large_becomes_small_by_and_by() {
    let table = LockTable::new();
    seed(&table, 1000);
    let a = table.client("a");
    for number in 0..200 {
        assert!(deliver(&a, event(number)).await.unwrap());
    }
    assert!(completions(&table).len() < 17);
    assert!(table.row().moved_until.is_some());
    let oldest = Ticket(table.ago(Duration::from_secs(7200)).0);
    assert!(completions(&table).iter().all(|done| done.fence > oldest));
}

#[tokio::test(start_paused = true)]
async fn a_lock_whose_batches_are_large_keeps_a_row_no_larger_than_two_of_them() {
    const BATCH: usize = 50;
    let table = LockTable::new();
    let a = table.client("a");
    for round in 0..12 {
        tick().await;
        let batch: Vec<_> = (0..BATCH).map(|n| event(round * BATCH + n)).collect();
        let held = begin(&a, batch[0]).await.unwrap();
        for record in &batch {
            assert!(held.completed(record).await.unwrap().is_none());
        }
        held.complete_all(&batch, RELEASE).await.unwrap();
        assert!(completions(&table).len() <= 2 * BATCH, "round {round}");
    }
    let b = table.client("b");
    tick().await;
    let held = begin(&b, event(100_000)).await.unwrap();
    for number in 0..12 * BATCH {
        assert!(held.completed(&event(number)).await.unwrap().is_some());
    }
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_as_many_as_one_write_takes_moves_as_many_as_its_release_can_name() {
    let table = LockTable::new();
    let a = table.client("a");
    for round in 0..3 {
        tick().await;
        let first = round * LockGuard::MOST_COMPLETED;
        let batch: Vec<_> = (first..first + LockGuard::MOST_COMPLETED)
            .map(event)
            .collect();
        let held = begin(&a, batch[0]).await.unwrap();
        held.complete_all(&batch, RELEASE).await.unwrap();
    }
    let (all, left) = (3 * LockGuard::MOST_COMPLETED, completions(&table).len());
    assert!((300..all).contains(&left), "{left}");
    for number in [0, 100, 250, 400, 599] {
        assert!(!deliver(&table.client("b"), event(number)).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_do_not_make_a_row_grow() {
    let table = LockTable::new();
    let a = table.client("a");
    for number in 0..50 {
        tick().await;
        begin(&a, event(number))
            .await
            .unwrap()
            .release()
            .await
            .unwrap();
    }
    let attempts = table.row().operations.into_values();
    let attempts = attempts.filter(|state| matches!(state, OperationState::Attempted(_)));
    assert!(attempts.count() <= 11);
    tick().await;
    let again = begin(&table.client("b"), event(49)).await.unwrap();
    assert!(again.handle().was_attempted());
    again.release().await.unwrap();
}

/// Does so many operations under one lock of a table that is laid out like this, and looks for the first of them.
async fn under(schema: Schema, change: impl Fn(Settings) -> Settings) -> Vec<String> {
    let dynamo = Dynamo::at(Clock::tokio());
    dynamo.create_table(&schema).unwrap();
    dynamo.keep_log();
    let client = |name: &str| {
        let settings = change(Settings::new().table("locks"));
        Locks::with_client(&dynamo.client(name), settings).unwrap()
    };
    let a = client("a");
    for number in 0..30 {
        assert!(deliver(&a, event(number)).await.unwrap());
    }
    let b = client("b");
    for number in 0..30 {
        assert!(!deliver(&b, event(number)).await.unwrap());
    }
    tokio::time::sleep(millis(1)).await;
    b.forget(KEY, event(0)).await.unwrap();
    assert!(deliver(&client("c"), event(0)).await.unwrap());
    let log = dynamo.log().into_iter();
    let updates = log.map(|it| it.request.body["UpdateExpression"].to_string());
    updates.filter(|it| it.contains("#moved = ")).collect()
}

#[tokio::test(start_paused = true)]
async fn completions_leave_the_row_in_tables_of_every_layout_that_has_room_beside_it() {
    let moved = under(Schema::locks("locks"), |settings| settings).await;
    assert!(moved.len() > 10);
    let plain = Schema::locks("locks").without_sort();
    let moved = under(plain, |settings| settings.sort_key(None)).await;
    assert!(moved.len() > 10);
    let bytes = Schema::locks("locks").partition("id", "B").without_ttl();
    let of_bytes = |settings: Settings| settings.partition_kind(KeyKind::B).ttl_key(None);
    assert!(under(bytes, of_bytes).await.len() > 10);
    // A number has no room for another name: there the row grows.
    let numbers = Schema::locks("locks").partition("id", "N").without_sort();
    let of_numbers = |settings: Settings| settings.partition_kind(KeyKind::N).sort_key(None);
    assert_eq!(under(numbers, of_numbers).await.len(), 0);
}
