use dynamodb_locks::protocol::{Entry, Fields, Row, Ticket};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};

use super::{JUST_NOW, LEASE, LONG_AGO, millis, owners};

#[tokio::test(start_paused = true)]
async fn it_leaves_an_empty_queue_and_the_time() {
    for renewed_at in [None, Some(JUST_NOW)] {
        let table = LockTable::new();
        table.put(&Row {
            renewed_at: renewed_at.map(|ago| table.ago(ago)),
            ..Row::default()
        });
        let held = table.client("a").acquire(KEY).await.unwrap();
        let fence = Ticket(held.fence());
        held.release().await.unwrap();
        let row = table.row();
        assert!(row.queue.is_empty());
        assert_eq!(row.last, Some(fence), "the row remembers its last ticket");
        assert!(row.renewed_at >= Some(table.now()), "{row:?}");
        assert_eq!(table.story("a"), ["enqueue", "release"]);
    }
}

#[tokio::test(start_paused = true)]
async fn it_hands_the_lock_to_the_next_in_the_queue() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(JUST_NOW).await;
    let b = table.client("b");
    let waiting = tokio::spawn(async move { b.acquire(KEY).await });
    table.delivered("b", Step::Poll, 1).await;
    held.release().await.unwrap();
    let next = waiting.await.unwrap().unwrap();
    assert_eq!(owners(&table.row()), ["b"]);
    let story = table.story("b");
    let looks = story.iter().filter(|told| *told == "poll").count();
    assert_eq!(
        looks + 1,
        story.len(),
        "nothing but the enqueue and looks: {story:?}"
    );
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_takes_the_dead_who_stand_behind_along() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let behind = |owner, later, deadline| {
        let entry = table.entry(owner, LONG_AGO);
        Entry::from(Fields {
            ticket: Ticket(held.fence() + later),
            deadline,
            ..entry
        })
    };
    let mut row = table.row();
    let over = table.ago(LONG_AGO / 2);
    row.queue.insert(behind("dead", 1, Some(over)));
    row.queue.insert(behind("alive", 2, None));
    row.last = Some(Ticket(held.fence() + 2));
    table.put(&row);
    // The answer to a heartbeat shows who stands there.
    table.delivered("a", Step::Heartbeat, 1).await;
    assert_eq!(owners(&table.row()), ["a", "dead", "alive"]);
    held.release().await.unwrap();
    assert_eq!(owners(&table.row()), ["alive"]);
    assert_eq!(table.story("a"), ["enqueue", "heartbeat", "release"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_where_the_entry_is_gone_and_says_that_the_lock_was_lost() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let next = Row {
        renewed_at: Some(table.now()),
        ..table.row_of([table.entry("next", JUST_NOW)])
    };
    table.put(&next);
    let lost = held.release().await.unwrap_err();
    assert!(lost.is_lost(), "{lost}");
    let message = "the lease of lock `42` had ended, and its entry was removed";
    assert_eq!(lost.to_string(), message);
    assert_eq!(table.row(), next, "the successor's row is as it was");
    assert_eq!(table.story("a"), ["enqueue", "release refused"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_where_the_row_is_gone() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    table.delete();
    assert!(held.release().await.unwrap_err().is_lost());
    assert_eq!(table.row(), Row::default());
}

#[tokio::test(start_paused = true)]
async fn an_ended_lease_that_nobody_took_is_still_released() {
    let table = LockTable::new();
    let unbeaten = |s: dynamodb_locks::Settings| s.heartbeat_period(millis(0));
    let locks = table.a_client("a").with(unbeaten).ready();
    let held = locks.acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE * 2).await;
    assert!(held.lease().is_expired());
    held.release().await.unwrap();
    assert!(table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_does_nothing_to_the_successor() {
    let table = LockTable::new();
    let late = Gate::closed();
    table.fate("a", Step::Release, 1, Fate::delivered().again(&late));
    let held = table.client("a").acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    let next = table.client("b").acquire(KEY).await.unwrap();
    let before = table.row();
    late.open();
    tokio::time::sleep(millis(1)).await;
    assert_eq!(
        table.story("a"),
        ["enqueue", "release", "release refused unheard"]
    );
    assert_eq!(table.row(), before);
    next.release().await.unwrap();
}
