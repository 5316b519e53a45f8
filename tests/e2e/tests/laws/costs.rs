//! What a lock costs, in requests and capacity units.

use std::time::Duration;

use dynamodb_locks::AcquireOptions;
use lambda_locks::LockLayer;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use testkit::Clock;
use testkit::dynamo::Count;
use testkit::locks::{KEY, LockTable, Step};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

const LEASE: Duration = Duration::from_secs(10);

fn writes(many: u64) -> Count {
    let units = many as f64;
    Count {
        requests: many,
        units,
    }
}

/// Where time stands still two tickets would be the same.
async fn tick() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_uncontended_lock_is_two_writes_and_no_read() {
    let table = LockTable::new();
    let a = table.client("a");
    for round in 1..=3 {
        a.acquire(KEY).await.unwrap().release().await.unwrap();
        let counts = table.dynamo().counts();
        assert_eq!(counts.of("UpdateItem"), writes(2 * round));
        assert_eq!(
            counts.total(),
            counts.of("UpdateItem"),
            "nothing but updates"
        );
        tick().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_is_two_writes_and_no_read() {
    let table = LockTable::new();
    let held = table.client("a").try_acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    assert_eq!(table.dynamo().counts().total(), writes(2));
}

#[tokio::test(start_paused = true)]
async fn an_uncontended_invocation_is_two_writes_and_no_read() {
    let table = LockTable::new();
    let layer = LockLayer::builder()
        .locks(table.client("a"))
        .key("/orderId");
    let layer = layer.build().unwrap();
    let handler = service_fn(async |event: LambdaEvent<Value>| Ok::<_, String>(event.payload));
    let mut locked = ServiceBuilder::new().layer(layer).service(handler);
    for round in 1..=3 {
        let mut context = Context::default();
        let end = Clock::system().since_epoch() + Duration::from_secs(60);
        context.deadline = end.as_millis() as u64;
        let order = to_raw_value(&json!({ "orderId": KEY })).unwrap();
        let event = LambdaEvent::new(order, context);
        locked.ready().await.unwrap().call(event).await.unwrap();
        assert_eq!(table.dynamo().counts().total(), writes(2 * round));
        tick().await;
    }
    assert_eq!(table.story("a"), ["enqueue", "release"].repeat(3));
}

#[tokio::test(start_paused = true)]
async fn a_section_shorter_than_a_third_of_the_lease_never_heartbeats() {
    for tenth in 0..10 {
        let table = LockTable::into_the_second(Duration::from_millis(100 * tenth));
        let held = table.client("a").acquire(KEY).await.unwrap();
        // What the server's clock may show to have been written too early comes off the lease.
        tokio::time::sleep(LEASE / 3 - Duration::from_millis(60)).await;
        held.release().await.unwrap();
        assert_eq!(table.dynamo().counts().total(), writes(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_longer_section_is_one_more_write_for_each_third_of_the_lease() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE - Duration::from_millis(10)).await;
    held.release().await.unwrap();
    assert_eq!(table.dynamo().counts().total(), writes(4));
}

#[tokio::test(start_paused = true)]
async fn a_contended_lock_is_two_writes_as_well_and_reads_at_half_a_unit() {
    let table = LockTable::new();
    let a = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE / 20).await;
    let before = table.dynamo().counts();
    let b = table.client("b");
    let waiting = tokio::spawn(async move { b.acquire(KEY).await });
    table.delivered("b", Step::Poll, 3).await;
    a.release().await.unwrap();
    waiting.await.unwrap().unwrap().release().await.unwrap();
    let counts = table.dynamo().counts() - &before;
    assert_eq!(
        counts.of("UpdateItem"),
        writes(3),
        "the release of a, and two of b"
    );
    let looks = counts.of("GetItem");
    assert_eq!(looks.units, looks.requests as f64 / 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_busy_is_one_write() {
    let table = LockTable::new();
    let _held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE / 20).await;
    let before = table.dynamo().counts();
    table.client("b").try_acquire(KEY).await.unwrap_err();
    assert_eq!((table.dynamo().counts() - &before).total(), writes(1));
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_vain_is_two_writes() {
    let table = LockTable::new();
    let _held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE / 20).await;
    let before = table.dynamo().counts();
    let limits = AcquireOptions::wait(LEASE / 10);
    table
        .client("b")
        .acquire_with(KEY, limits)
        .await
        .unwrap_err();
    assert_eq!(
        (table.dynamo().counts() - &before).of("UpdateItem"),
        writes(2)
    );
}

#[tokio::test(start_paused = true)]
async fn connecting_ahead_of_time_costs_nothing() {
    let table = LockTable::new();
    table.client("a").connect().await.unwrap();
    assert_eq!(table.dynamo().counts().total(), Count::default());
}

#[tokio::test(start_paused = true)]
async fn a_long_hold_is_looked_at_seldom_also_where_it_heartbeats() {
    let table = LockTable::new();
    let _held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE * 2).await;
    let before = table.dynamo().counts();
    let limits = AcquireOptions::wait(LEASE);
    table
        .client("b")
        .acquire_with(KEY, limits)
        .await
        .unwrap_err();
    let looks = (table.dynamo().counts() - &before).of("GetItem").requests;
    // A look each 450 ms, a fifth more by the jitter, and those of the first seconds.
    assert!(looks <= 60, "{looks}");
}
