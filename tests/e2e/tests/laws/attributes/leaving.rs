//! Whatever removes the entry.

use dynamodb_locks::{AcquireOptions, Journal, OnExpiry, Settings};
use serde_json::json;
use testkit::locks::{KEY, LockTable, die};

use super::{LEASE, attributed, client, order, queued, tick, waiter};

/// A holder that has died long ago, with attributes of its own.
async fn died(table: &LockTable) {
    die(client(table, "dead")
        .acquire(KEY)
        .await
        .expect("it is free"));
    tokio::time::sleep(LEASE * 2).await;
    assert_eq!(attributed(table).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thief_that_has_none_removes_those_of_the_dead() {
    let table = LockTable::new();
    died(&table).await;
    let held = table.client("thief").acquire(KEY).await.unwrap();
    assert_eq!(table.story("thief"), ["enqueue", "evict"]);
    assert!(attributed(&table).is_empty());
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_takes_the_place_of_the_dead_removes_theirs_and_brings_its_own() {
    let table = LockTable::new();
    died(&table).await;
    let held = client(&table, "taker").try_acquire(KEY).await.unwrap();
    assert_eq!(table.story("taker"), ["try refused", "evict and enter"]);
    assert_eq!(attributed(&table), [held.fence()]);
    held.release().await.unwrap();
    assert!(attributed(&table).is_empty());
}

/// A waiter whose process dies, with a deadline that passes soon.
async fn dead_waiter(table: &LockTable) {
    let locks = client(table, "dead waiter");
    let limits = AcquireOptions::wait(LEASE).deadline(LEASE / 2);
    let mut waiting = Box::pin(locks.acquire_with(KEY, limits));
    let waited = tokio::time::timeout(LEASE / 10, &mut waiting).await;
    assert!(waited.is_err());
    die(waiting);
    tokio::time::sleep(LEASE).await;
}

#[tokio::test(start_paused = true)]
async fn a_release_removes_those_of_the_dead_who_leave_with_it() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tick().await;
    dead_waiter(&table).await;
    assert_eq!(attributed(&table).len(), 1);
    held.release().await.unwrap();
    assert_eq!(table.row().queue.len(), 0);
    assert!(attributed(&table).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_thief_removes_those_of_the_dead_behind_the_dead() {
    let table = LockTable::new();
    let dead = client(&table, "dead").acquire(KEY).await.unwrap();
    die(dead);
    tick().await;
    dead_waiter(&table).await;
    assert_eq!(attributed(&table), queued(&table));
    let behind = waiter(&table, client(&table, "alive"), "alive").await;
    behind.await.unwrap();
    assert!(table.story("alive").contains(&"evict".to_owned()));
    assert!(attributed(&table).is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_takes_them_out_in_every_way_of_leaving() {
    let table = LockTable::new();
    let _held = table.client("holder").acquire(KEY).await.unwrap();
    tick().await;
    let a = client(&table, "a");
    a.acquire_with(KEY, AcquireOptions::wait(LEASE / 10))
        .await
        .unwrap_err();
    assert!(attributed(&table).is_empty());

    // A dropped future: the next call on the client gives its entry back.
    tick().await;
    let waited = tokio::time::timeout(LEASE / 10, a.acquire(KEY)).await;
    assert!(waited.is_err() && attributed(&table).len() == 1);
    a.try_acquire("another")
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    assert!(attributed(&table).is_empty());
}

#[tokio::test(start_paused = true)]
async fn releasing_everything_removes_them() {
    let table = LockTable::new();
    let a = client(&table, "a");
    let held = a.acquire(KEY).await.unwrap();
    assert!(a.release_all(LEASE / 10).await.is_empty());
    assert!(attributed(&table).is_empty());
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_forced_release_removes_them() {
    let table = LockTable::new();
    let closed = |s: Settings| order(s).on_expiry(OnExpiry::Hold);
    let dead = table.a_client("dead").with(closed).ready();
    let dead = dead.acquire(KEY).await.unwrap();
    let b = table.client("b");
    assert!(b.force_release(KEY, dead.fence(), "ada").await.unwrap());
    assert!(attributed(&table).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_sweep_knows_of_them_from_the_note() {
    let (table, dir) = (LockTable::new(), tempfile::tempdir().unwrap());
    let folder = dir.path().join("notes");
    let recorded = |s: Settings| order(s).journal(&folder);
    let a = table.a_client("a").with(recorded).ready();
    drop(a.acquire(KEY).await.unwrap());
    assert_eq!(attributed(&table).len(), 1);
    orphan(&folder);
    let sweeper = table.client("sweep");
    for found in Journal::open(&folder).unwrap().read().unwrap() {
        let intent = found.intent.unwrap();
        let given = sweeper.recover(&intent, found.path, LEASE / 5);
        given.await.unwrap();
    }
    assert_eq!(table.row().queue.len(), 0);
    assert!(attributed(&table).is_empty());
}

/// The records' writer, this process, is made another that is dead.
#[expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the notes are looked at from outside, and a test fails where they cannot be"
)]
fn orphan(folder: &std::path::Path) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let intent = std::fs::read_to_string(&path).unwrap();
        let mut intent: serde_json::Value = serde_json::from_str(&intent).unwrap();
        assert_eq!(intent["attributed"], true);
        intent["writer"] = json!({ "pid": u32::MAX - 1, "started": "1" });
        std::fs::write(&path, intent.to_string()).unwrap();
    }
}
