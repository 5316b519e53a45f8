//! What it costs.

use testkit::dynamo::Count;
use testkit::locks::{KEY, LockTable};

use super::{client, completions, crowd, deliver, event, tick};

/// What one delivery costs.
async fn cost(table: &LockTable, client: &str, number: usize) -> Count {
    let locks = table.client(client);
    let before = table.dynamo().counts();
    assert!(deliver(&locks, event(number)).await.unwrap());
    (table.dynamo().counts() - &before).total()
}

#[tokio::test(start_paused = true)]
async fn a_first_delivery_is_two_writes_and_no_read_while_completions_fit_into_the_first_kb() {
    let table = LockTable::new();
    let mut many = 0;
    loop {
        let Count { requests, units } = cost(&table, "orders", many).await;
        if requests > 2 {
            break;
        }
        assert_eq!((requests, units), (2, 2.0), "event {many}");
        many += 1;
    }
    assert!((13..=17).contains(&many), "{many}");
    assert_eq!(completions(&table).len(), many);
}

#[tokio::test(start_paused = true)]
async fn a_first_delivery_under_a_busy_lock_costs_four_units_however_many_there_were() {
    let table = LockTable::new();
    let mut costs = Vec::new();
    for number in 0..1000 {
        costs.push(cost(&table, "orders", number).await);
    }
    for (number, Count { requests, units }) in costs.into_iter().enumerate().skip(20) {
        assert_eq!((requests, units), (4, 4.0), "event {number}");
    }
    let story = table.story("orders");
    let last = &story[story.len() - 4..];
    assert_eq!(last, ["enqueue", "check", "move", "release"]);
    assert!(completions(&table).len() <= 16);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_of_what_was_moved_is_two_writes_and_a_read() {
    let table = LockTable::new();
    crowd(&table, 3).await;
    let b = table.client("b");
    assert!(!deliver(&b, event(0)).await.unwrap());
    assert_eq!(table.story("b"), ["enqueue", "check", "release"]);
    // And nothing in the same environment, or while it stands in the lock's row.
    assert!(!deliver(&b, event(0)).await.unwrap());
    assert_eq!(table.story("b").len(), 3);
    assert!(!deliver(&table.client("c"), event(4)).await.unwrap());
    assert_eq!(table.story("c"), ["enqueue refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_without_an_operation_costs_the_same_whatever_was_moved() {
    let table = LockTable::new();
    crowd(&table, 3).await;
    tick().await;
    let held = table.client("b").acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    assert_eq!(table.story("b"), ["enqueue", "release"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_any_more_when_the_windows_of_what_was_moved_are_over() {
    let table = LockTable::new();
    crowd(&table, 3).await;
    tokio::time::sleep(super::WINDOW * 2).await;
    let b = client(&table, "b", 2);
    assert!(deliver(&b, event(0)).await.unwrap());
    assert_eq!(table.story("b"), ["enqueue", "release"]);
    assert_eq!(completions(&table).len(), 1);
}
