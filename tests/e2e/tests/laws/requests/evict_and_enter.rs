use dynamodb_locks::protocol::{Entry, Row, Ticket};
use dynamodb_locks::{Error, LockGuard};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};
use tokio::task::JoinHandle;

use super::{JUST_NOW, LONG_AGO, millis, owners};

fn dead(table: &LockTable) -> Row {
    table.row_of([table.entry("dead", LONG_AGO)])
}

#[tokio::test(start_paused = true)]
async fn it_stands_in_the_place_of_a_dead_holder() {
    for renewed_at in [None, Some(LONG_AGO / 2)] {
        let table = LockTable::new();
        let renewed_at = renewed_at.map(|ago| table.ago(ago));
        table.put(&Row {
            renewed_at,
            ..dead(&table)
        });
        let held = table.client("a").try_acquire(KEY).await.unwrap();
        assert_eq!(table.story("a"), ["try refused", "evict and enter"]);
        let row = table.row();
        assert_eq!(owners(&row), ["a"]);
        assert_eq!(row.last, Some(Ticket(held.fence())));
        assert!(row.renewed_at >= Some(table.now()));
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_meets_a_queue_full_of_the_dead_takes_it_too() {
    let table = LockTable::new();
    table.put(&dead(&table));
    let locks = table.a_client("a").with(|s| s.queue_cap(1)).ready();
    let held = locks.acquire(KEY).await.unwrap();
    assert_eq!(table.story("a"), ["enqueue refused", "evict and enter"]);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_with_a_higher_ticket_is_taken_as_well() {
    let table = LockTable::new();
    let ahead = Ticket(table.now().0 + 3_600_000_000);
    table.put(&Row {
        last: Some(ahead),
        ..dead(&table)
    });
    let held = table.client("a").try_acquire(KEY).await.unwrap();
    assert!(held.fence() > ahead.0);
    assert_eq!(owners(&table.row()), ["a"]);
}

/// A client whose trial has met a dead holder, and whose taking is held up on its way.
async fn held_up(table: &LockTable) -> (Gate, JoinHandle<Result<LockGuard, Error>>) {
    table.put(&dead(table));
    let gate = Gate::closed();
    table.fate("a", Step::EvictAndEnter, 1, Fate::delivered().before(&gate));
    let locks = table.client("a");
    let taking = tokio::spawn(async move { locks.try_acquire(KEY).await });
    gate.reached(1).await;
    (gate, taking)
}

#[tokio::test(start_paused = true)]
async fn a_renewal_in_the_last_moment_refuses_it() {
    let table = LockTable::new();
    let (gate, taking) = held_up(&table).await;
    let alive = Row {
        renewed_at: Some(table.now()),
        ..table.row()
    };
    table.put(&alive);
    gate.open();
    assert!(taking.await.unwrap().unwrap_err().is_busy());
    assert_eq!(table.story("a"), ["try refused", "evict and enter refused"]);
    assert_eq!(table.row(), alive);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_came_in_the_last_moment_is_not_passed_over() {
    let table = LockTable::new();
    let (gate, taking) = held_up(&table).await;
    let mut row = table.row();
    row.queue
        .insert(Entry::from(table.entry("waiter", JUST_NOW)));
    table.put(&row);
    gate.open();
    assert!(taking.await.unwrap().unwrap_err().is_busy());
    assert_eq!(
        table.story("a"),
        ["try refused", "evict and enter refused", "evict"]
    );
    assert_eq!(
        owners(&table.row()),
        ["waiter"],
        "the dead one is out of its way"
    );
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_releases_in_the_last_moment_refuses_it_and_the_lock_is_free() {
    let table = LockTable::new();
    let (gate, taking) = held_up(&table).await;
    table.put(&Row {
        renewed_at: Some(table.now()),
        queue: Default::default(),
        ..table.row()
    });
    gate.open();
    let held = taking.await.unwrap().unwrap();
    assert_eq!(
        table.story("a"),
        ["try refused", "evict and enter refused", "try"]
    );
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_copy_does_nothing() {
    let table = LockTable::new();
    table.put(&dead(&table));
    let late = Gate::closed();
    table.fate("a", Step::EvictAndEnter, 1, Fate::delivered().again(&late));
    let held = table.client("a").try_acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    let before = table.row();
    late.open();
    tokio::time::sleep(millis(1)).await;
    let story = [
        "try refused",
        "evict and enter",
        "release",
        "evict and enter refused unheard",
    ];
    assert_eq!(table.story("a"), story);
    assert_eq!(table.row(), before);
}
