use std::time::Duration;

use dynamodb_locks::protocol::{Row, Ticket};
use testkit::dynamo::Fate;
use testkit::locks::{KEY, LockTable, Step};

use super::{JUST_NOW, millis, owners};

#[tokio::test(start_paused = true)]
async fn it_enters_a_lock_that_was_never_used() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let row = table.row();
    assert_eq!(owners(&row), ["a"]);
    assert_eq!(row.last, Some(Ticket(held.fence())));
    assert_eq!(row.renewed_at, None);
    assert_eq!(table.story("a"), ["enqueue"]);
}

#[tokio::test(start_paused = true)]
async fn it_enters_a_lock_that_is_free() {
    let table = LockTable::new();
    let before = Row {
        renewed_at: Some(table.ago(JUST_NOW)),
        last: Some(Ticket(table.ago(JUST_NOW).0)),
        ..Row::default()
    };
    table.put(&before);
    let held = table.client("a").acquire(KEY).await.unwrap();
    assert!(Ticket(held.fence()) > before.last.unwrap());
    assert_eq!(owners(&table.row()), ["a"]);
    assert_eq!(table.row().renewed_at, before.renewed_at);
}

#[tokio::test(start_paused = true)]
async fn it_stands_behind_those_who_are_there() {
    for renewed_at in [None, Some(JUST_NOW)] {
        let table = LockTable::new();
        let holder = table.row_of([table.entry("holder", JUST_NOW)]);
        let renewed_at = renewed_at.map(|ago| table.ago(ago));
        table.put(&Row {
            renewed_at,
            ..holder
        });
        let locks = table.client("a");
        let waiting = tokio::spawn(async move { locks.acquire(KEY).await });
        table.delivered("a", Step::Enqueue, 1).await;
        assert_eq!(owners(&table.row()), ["holder", "a"]);
        assert_eq!(table.row().renewed_at, renewed_at);
        waiting.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn it_dates_the_row_a_day_beyond_the_longest_lease() {
    let table = LockTable::new();
    let _held = table.client("a").acquire(KEY).await.unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    let ttl = table.ttl().unwrap();
    let kept = ttl.duration_since(table.clock().now()).unwrap();
    assert!(
        kept >= day * 8 && kept <= day * 8 + millis(3000),
        "{kept:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_by_a_higher_ticket_and_raised_above_it() {
    let table = LockTable::new();
    let ahead = Ticket(table.now().0 + 3_600_000_000);
    table.put(&Row {
        last: Some(ahead),
        ..Row::default()
    });
    let held = table.client("a").acquire(KEY).await.unwrap();
    assert_eq!(held.fence(), ahead.0 + 1);
    assert_eq!(table.story("a"), ["enqueue refused", "enqueue"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_by_a_full_queue() {
    let table = LockTable::new();
    let full = table.row_of([
        table.entry("holder", JUST_NOW),
        table.entry("waiter", JUST_NOW / 2),
    ]);
    table.put(&full);
    let locks = table.a_client("a").with(|s| s.queue_cap(2)).ready();
    let refusal = locks.acquire(KEY).await.unwrap_err();
    assert!(refusal.is_full(), "{refusal}");
    let message = "lock `42` has a full queue: it is held by holder with fencing token ";
    assert!(refusal.to_string().starts_with(message), "{refusal}");
    assert_eq!(table.story("a"), ["enqueue refused"]);
    assert_eq!(table.row(), full);
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_by_a_lock_that_fails_closed() {
    let table = LockTable::new();
    let closed = Row {
        hold_on_expiry: true,
        ..Row::default()
    };
    table.put(&closed);
    let refusal = table.client("a").acquire(KEY).await.unwrap_err();
    assert!(refusal.is_configuration(), "{refusal}");
    assert_eq!(table.story("a"), ["enqueue refused"]);
    assert_eq!(table.row(), closed);
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_does_nothing() {
    let table = LockTable::new();
    let again = Fate::delivered().again(millis(1));
    table.fate("a", Step::Enqueue, 1, again);
    let held = table.client("a").acquire(KEY).await.unwrap();
    let before = table.row();
    tokio::time::sleep(millis(2)).await;
    assert_eq!(table.story("a"), ["enqueue", "enqueue refused unheard"]);
    assert_eq!(table.row(), before);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_comes_after_the_release_does_nothing() {
    let table = LockTable::new();
    let again = Fate::delivered().again(millis(1));
    table.fate("a", Step::Enqueue, 1, again);
    let held = table.client("a").acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    let before = table.row();
    tokio::time::sleep(millis(2)).await;
    let story = ["enqueue", "release", "enqueue refused unheard"];
    assert_eq!(table.story("a"), story);
    assert_eq!(table.row(), before);
}

#[tokio::test(start_paused = true)]
async fn it_is_not_sent_without_end_where_the_row_is_damaged() {
    let table = LockTable::new();
    let last = serde_json::json!({ "S": "not a number" });
    let row =
        serde_json::json!({ "id": { "S": KEY }, "group": { "S": "default" }, "last_ticket": last });
    table.dynamo().put_item("locks", row).unwrap();
    let limits = dynamodb_locks::AcquireOptions::wait(JUST_NOW * 10);
    let refusal = table
        .client("a")
        .acquire_with(KEY, limits)
        .await
        .unwrap_err();
    assert!(refusal.is_bad_table(), "{refusal}");
    let message = "cannot acquire lock `42`: its row was damaged by another program; repair it, or delete \
                   the row (`last_ticket` is no whole number of 64 bits)";
    assert_eq!(refusal.to_string(), message);
    assert_eq!(table.story("a").len(), 1);
}
