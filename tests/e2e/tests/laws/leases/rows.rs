//! The row outlives whatever is held in it.

use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Locks, Settings};
use testkit::locks::{KEY, LockTable, Step};

use super::LEASE;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn for_days(table: &LockTable, name: &str, days: u32) -> Locks {
    // A waiter polls once an hour: days pass.
    let seldom = |s: Settings| s.retry_delay(DAY / 24);
    let long = |s: Settings| seldom(s.lease(DAY * days).heartbeat_period(Duration::ZERO));
    let patient = |s: Settings| long(s).max_wait(DAY * 30);
    table.a_client(name).with(patient).ready()
}

/// How long the row outlives a lease that ends this long from now.
fn outlives(table: &LockTable, left: Duration) -> Duration {
    let ends = table.clock().now() + left;
    let ttl = table.ttl().expect("the row has a date");
    ttl.duration_since(ends).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_row_outlives_a_lease_by_a_day() {
    for days in [1, 4, 7] {
        let table = LockTable::new();
        let held = for_days(&table, "a", days).acquire(KEY).await.unwrap();
        assert!(outlives(&table, DAY * days) >= DAY);
        // Of a long lease 400 ppm are left unused.
        tokio::time::sleep(DAY * days - DAY * days / 2000).await;
        assert!(!held.lease().is_expired());
        assert_eq!(table.dynamo().sweep_ttl(), 0, "{days} days");
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_outlives_a_lease_until_a_deadline_by_a_day() {
    let table = LockTable::new();
    let a = table
        .a_client("a")
        .with(Settings::lease_until_deadline)
        .ready();
    let limits = AcquireOptions::wait(LEASE).deadline(DAY * 2);
    let held = a.acquire_with(KEY, limits).await.unwrap();
    assert!(outlives(&table, DAY * 2) >= DAY);
    tokio::time::sleep(DAY + DAY / 24).await;
    assert_eq!(table.dynamo().sweep_ttl(), 0);
    assert!(
        table
            .client("b")
            .try_acquire(KEY)
            .await
            .unwrap_err()
            .is_busy()
    );
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_row_outlives_the_lease_of_another_client_whose_lease_is_longer() {
    let table = LockTable::new();
    let held = for_days(&table, "a", 7).acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE).await;
    let b = table.client("b");
    let limits = AcquireOptions::wait(LEASE / 10);
    assert!(
        b.acquire_with(KEY, limits)
            .await
            .unwrap_err()
            .is_timed_out()
    );
    assert!(outlives(&table, DAY * 7 - LEASE) >= DAY);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_row_outlives_the_lease_of_a_waiter_that_was_promoted_days_later() {
    let table = LockTable::new();
    let held = for_days(&table, "a", 7).acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE).await;
    let b = for_days(&table, "b", 6);
    let limits = AcquireOptions::wait(DAY * 30).max_polls(10_000);
    let waiting = tokio::spawn(async move { b.acquire_with(KEY, limits).await });
    table.delivered("b", Step::Enqueue, 1).await;
    tokio::time::sleep(DAY * 5).await;
    held.release().await.unwrap();
    let next = waiting.await.unwrap().unwrap();
    assert!(outlives(&table, DAY * 6) >= DAY);
    assert_eq!(
        table.story("b").last().unwrap(),
        "heartbeat",
        "it claims with a later date"
    );
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_no_row_outlives_is_refused_at_the_start() {
    let table = LockTable::new();
    let settings = Settings::new().lease(DAY * 7 + LEASE);
    let client = table.dynamo().client("a");
    let refused = Locks::with_client(&client, settings).unwrap_err();
    assert!(refused.is_configuration(), "{refused}");
    assert!(
        refused.to_string().contains("right is at most 604800s"),
        "{refused}"
    );
    let a = table
        .a_client("a")
        .with(Settings::lease_until_deadline)
        .ready();
    let limits = AcquireOptions::wait(LEASE).deadline(DAY * 7);
    let refused = a.acquire_with(KEY, limits).await.unwrap_err();
    assert!(refused.is_configuration(), "{refused}");
    assert!(
        refused.to_string().contains("right is at most 604800s"),
        "{refused}"
    );
    assert!(table.story("a").is_empty(), "nothing is asked");
}
