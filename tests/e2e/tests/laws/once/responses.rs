//! Responses that are kept, and read for those who ask again.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot")]

use dynamodb_locks::{AcquireOptions, ErrorKind, LockGuard, Locks, Once, Response};
use serde_json::json;
use testkit::dynamo::{Count, Fate};
use testkit::locks::{KEY, LockTable, Step};

use super::{millis, payment, states, tick};

async fn begin(locks: &Locks) -> Result<LockGuard, dynamodb_locks::Error> {
    let limits = AcquireOptions::wait(millis(1000)).operation(payment().replays());
    locks.acquire_with(KEY, limits).await
}

/// The response that a client gets whose operation is done.
async fn response(locks: &Locks) -> Response {
    let completed = begin(locks).await.unwrap_err();
    completed.completion().unwrap().response().clone()
}

#[tokio::test(start_paused = true)]
async fn a_small_response_is_replayed_with_one_refused_write() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = begin(&a).await.unwrap();
    held.complete(Some("{\"total\":42}".to_owned()))
        .await
        .unwrap();
    assert_eq!(table.story("a"), ["enqueue", "release"]);
    let b = table.client("b");
    for locks in [&a, &b] {
        let text = "{\"total\":42}".into();
        assert_eq!(response(locks).await, Response::Text(text));
    }
    assert_eq!(table.story("b"), ["enqueue refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_large_response_has_a_row_of_its_own() {
    let table = LockTable::new();
    let (a, b) = (table.client("a"), table.client("b"));
    let text = "x".repeat(50 * 1024);
    let held = begin(&a).await.unwrap();
    held.complete(Some(text.clone())).await.unwrap();
    assert_eq!(table.story("a"), ["enqueue", "keep response", "release"]);
    let before = table.dynamo().counts();
    tick().await;
    assert_eq!(response(&b).await, Response::Text(text.into()));
    assert_eq!(table.story("b"), ["enqueue refused", "poll"]);
    let after = table.dynamo().counts();
    let writes = after.of("UpdateItem").units - before.of("UpdateItem").units;
    let reads: Count = after.of("GetItem");
    assert_eq!((writes, reads.requests, reads.units), (1.0, 1, 6.5));
    // The lock's row says how large it is, and nothing more.
    assert!(format!("{:?}", states(&table)).contains("Row(51200)"));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_too_large_never_loses_the_completion() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    held.complete(Some("x".repeat(500 * 1024))).await.unwrap();
    assert_eq!(response(&table.client("b")).await, Response::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_cannot_be_stored_never_loses_the_completion() {
    let table = LockTable::new();
    for nth in 1..=10 {
        table.fate("a", Step::KeepResponse, nth, Fate::dropped());
    }
    let held = begin(&table.client("a")).await.unwrap();
    held.complete(Some("x".repeat(5 * 1024))).await.unwrap();
    assert_eq!(response(&table.client("b")).await, Response::Gone);
}

#[tokio::test(start_paused = true)]
async fn the_first_run_and_its_duplicates_have_the_same_result() {
    let table = LockTable::new();
    let (a, b) = (table.client("a"), table.client("b"));
    let value = json!({"lines": vec!["line"; 1000]});
    for locks in [&a, &b, &a] {
        let work = async |_| Ok::<_, ()>(value.clone());
        let replayed = locks.replay(KEY, payment(), work).await.unwrap();
        assert_eq!(replayed, Ok(value.clone()));
        tick().await;
    }
    let other = b.replay(KEY, payment(), async |_| Ok::<u32, ()>(7)).await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::ResponseGone);
}

#[tokio::test(start_paused = true)]
async fn a_response_is_not_waited_for_beyond_the_deadline() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    held.complete(Some("x".repeat(5 * 1024))).await.unwrap();
    tick().await;
    for nth in 1..=10 {
        table.fate("b", Step::Poll, nth, Fate::lost());
    }
    let limits = AcquireOptions::wait(millis(0)).operation(payment().replays());
    let asked = table.clock().now();
    let b = table.client("b");
    let duplicate = b.acquire_with(KEY, limits.deadline(millis(300)));
    assert_eq!(duplicate.await.unwrap_err().kind(), ErrorKind::Unavailable);
    let waited = table.since(asked);
    assert!(waited <= millis(300), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_not_replayed() {
    let table = LockTable::new();
    let a = table.client("a");
    let fails = a
        .replay(KEY, payment(), async |_| Err::<u32, _>("no"))
        .await;
    assert_eq!(fails.unwrap(), Err("no"));
    let works = a.replay(KEY, payment(), async |_| Ok::<_, ()>(7)).await;
    assert_eq!(works.unwrap(), Ok(7));
}

#[tokio::test(start_paused = true)]
async fn responses_are_no_locks_to_those_who_list_locks() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = begin(&a).await.unwrap();
    held.complete(Some("x".repeat(5 * 1024))).await.unwrap();
    let held = a.acquire(KEY).await.unwrap();
    let mut listing = a.list().await;
    let mut listed = 0;
    while let Some(page) = listing.next().await.unwrap() {
        listed += page.len();
    }
    assert_eq!(listed, 1);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_replay_hides_no_response_from_one_that_does() {
    let table = LockTable::new();
    let text = "x".repeat(50 * 1024);
    let held = begin(&table.client("a")).await.unwrap();
    held.complete(Some(text.clone())).await.unwrap();
    tick().await;
    let b = table.client("b");
    let plain = b.once(KEY, payment(), async |_| Ok::<_, ()>(())).await;
    assert!(matches!(plain.unwrap(), Once::Before(_)));
    assert_eq!(response(&b).await, Response::Text(text.into()));
}
