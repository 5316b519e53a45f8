use dynamodb_locks::{Locks, Settings};
use testkit::locks::{KEY, LockTable, Step};
use tokio::runtime::Handle;

use super::{JUST_NOW, LEASE, millis};

fn unbeaten(table: &LockTable) -> Locks {
    let none = |s: Settings| s.heartbeat_period(millis(0));
    table.a_client("a").with(none).ready()
}

#[tokio::test(start_paused = true)]
async fn a_lease_goes_on_while_it_heartbeats() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    for _ in 0..50 {
        tokio::time::sleep(JUST_NOW).await;
        assert!(!held.lease().is_expired());
    }
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_without_heartbeats_ends() {
    let table = LockTable::new();
    let held = unbeaten(&table).acquire(KEY).await.unwrap();
    let begun = table.clock().now();
    held.lease().expired().await;
    let lasted = table.since(begun);
    // The entry says the latest possible now, which is up to a second from now.
    assert!(lasted > LEASE - JUST_NOW / 2, "{lasted:?}");
    assert!(lasted < LEASE + JUST_NOW, "{lasted:?}");
    assert!(held.lease().is_expired());
    assert_eq!(table.story("a"), ["enqueue"]);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_come_as_often_as_the_settings_say() {
    let table = LockTable::new();
    let often = |s: Settings| s.heartbeat_period(JUST_NOW);
    let held = table
        .a_client("a")
        .with(often)
        .ready()
        .acquire(KEY)
        .await
        .unwrap();
    tokio::time::sleep(JUST_NOW * 10 + millis(500)).await;
    held.release().await.unwrap();
    let beats = table
        .story("a")
        .iter()
        .filter(|told| *told == "heartbeat")
        .count();
    // The first lease is up to a second longer than it need be.
    assert!((9..=11).contains(&beats), "{beats}");
}

#[tokio::test(start_paused = true)]
async fn everybody_who_watches_a_lease_hears_of_its_end() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let mut lease = held.lease();
    let watching = tokio::spawn(async move { lease.expired().await });
    tokio::time::sleep(JUST_NOW).await;
    assert!(!watching.is_finished());
    held.release().await.unwrap();
    watching.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_spawned_for_a_lock_outlives_its_release() {
    let table = LockTable::new();
    let a = table.client("a");
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let held = a.acquire(KEY).await.unwrap();
    assert_eq!(tasks(), 1, "the beats");
    table.delivered("a", Step::Heartbeat, 2).await;
    held.release().await.unwrap();
    assert_eq!(tasks(), 0);
    let sent = table.story("a").len();
    tokio::time::sleep(LEASE * 3).await;
    assert_eq!(table.story("a").len(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_dropped_heartbeats_no_more() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(JUST_NOW).await;
    drop(held);
    tokio::time::sleep(LEASE * 3).await;
    assert_eq!(table.story("a"), ["enqueue", "withdraw alone"]);
}
