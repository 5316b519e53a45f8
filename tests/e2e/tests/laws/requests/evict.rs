use dynamodb_locks::protocol::{Fields, Row};
use dynamodb_locks::{Error, LockGuard};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};
use tokio::task::JoinHandle;

use super::{JUST_NOW, LONG_AGO, millis, owners};

fn dead(table: &LockTable) -> Row {
    table.row_of([table.entry("dead", LONG_AGO)])
}

#[tokio::test(start_paused = true)]
async fn it_removes_a_dead_holder_whether_it_ever_gave_a_renewal_or_not() {
    for renewed_at in [None, Some(LONG_AGO / 2)] {
        let table = LockTable::new();
        let renewed_at = renewed_at.map(|ago| table.ago(ago));
        table.put(&Row {
            renewed_at,
            ..dead(&table)
        });
        let held = table.client("a").acquire(KEY).await.unwrap();
        assert_eq!(table.story("a"), ["enqueue", "evict"]);
        assert_eq!(owners(&table.row()), ["a"]);
        assert!(
            table.row().renewed_at >= Some(table.now()),
            "the next lease counts from now"
        );
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn it_takes_the_dead_who_stand_behind_along() {
    let table = LockTable::new();
    let waiter = |owner, ago, deadline| Fields {
        deadline,
        ..table.entry(owner, ago)
    };
    let over = Some(table.ago(LONG_AGO / 3));
    table.put(&table.row_of([
        table.entry("dead", LONG_AGO),
        waiter("past its deadline", LONG_AGO / 2, over),
        waiter("in time", LONG_AGO / 4, None),
    ]));
    let locks = table.client("a");
    let waiting = tokio::spawn(async move { locks.acquire(KEY).await });
    table.delivered("a", Step::Evict, 1).await;
    assert_eq!(owners(&table.row()), ["in%20time", "a"]);
    waiting.abort();
}

/// A client whose theft is held up on its way.
async fn held_up(table: &LockTable) -> (Gate, JoinHandle<Result<LockGuard, Error>>) {
    let gate = Gate::closed();
    table.fate("a", Step::Evict, 1, Fate::delivered().before(&gate));
    let locks = table.client("a");
    let stealing = tokio::spawn(async move { locks.acquire(KEY).await });
    gate.reached(1).await;
    (gate, stealing)
}

#[tokio::test(start_paused = true)]
async fn a_renewal_in_the_last_moment_refuses_it() {
    for renewed_at in [None, Some(LONG_AGO / 2)] {
        let table = LockTable::new();
        let renewed_at = renewed_at.map(|ago| table.ago(ago));
        table.put(&Row {
            renewed_at,
            ..dead(&table)
        });
        let (gate, stealing) = held_up(&table).await;
        let alive = Row {
            renewed_at: Some(table.now()),
            ..table.row()
        };
        table.put(&alive);
        gate.open();
        table.delivered("a", Step::Poll, 3).await;
        assert_eq!(table.story("a")[..2], ["enqueue", "evict refused"]);
        assert_eq!(table.row(), alive);
        stealing.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_releases_in_the_last_moment_refuses_it_and_hands_on() {
    let table = LockTable::new();
    table.put(&dead(&table));
    let (gate, stealing) = held_up(&table).await;
    let mut released = table.row();
    released.queue.pop_first();
    released.renewed_at = Some(table.now());
    table.put(&released);
    gate.open();
    let held = stealing.await.unwrap().unwrap();
    assert_eq!(table.story("a"), ["enqueue", "evict refused"]);
    assert_eq!(table.row(), released);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_copy_takes_nothing_from_the_successor() {
    let table = LockTable::new();
    table.put(&dead(&table));
    let late = Gate::closed();
    table.fate("a", Step::Evict, 1, Fate::delivered().again(&late));
    let held = table.client("a").acquire(KEY).await.unwrap();
    let before = table.row();
    late.open();
    tokio::time::sleep(millis(1)).await;
    assert_eq!(
        table.story("a"),
        ["enqueue", "evict", "evict refused unheard"]
    );
    assert_eq!(table.row(), before);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_living_holder_is_never_evicted() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let locks = table.client("b");
    let minute = dynamodb_locks::AcquireOptions::wait(LONG_AGO);
    let refusal = locks.acquire_with(KEY, minute).await.unwrap_err();
    assert!(refusal.is_timed_out(), "{refusal}");
    assert!(
        !table
            .story("b")
            .iter()
            .any(|told| told.starts_with("evict"))
    );
    assert_eq!(owners(&table.row()), ["a"]);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_meets_a_full_queue_evicts_the_dead_and_asks_again() {
    let table = LockTable::new();
    table.put(&table.row_of([
        table.entry("dead", LONG_AGO),
        table.entry("waiter", JUST_NOW),
    ]));
    let locks = table.a_client("a").with(|s| s.queue_cap(2)).ready();
    let waiting = tokio::spawn(async move { locks.acquire(KEY).await });
    table.delivered("a", Step::Enqueue, 2).await;
    let story = ["enqueue refused", "evict", "enqueue"];
    assert_eq!(table.story("a")[..3], story);
    assert_eq!(owners(&table.row()), ["waiter", "a"]);
    waiting.abort();
}
