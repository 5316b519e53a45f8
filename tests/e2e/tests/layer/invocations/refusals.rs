use std::time::Duration;

use dynamodb_locks::{Expiry, Locks};
use testkit::dynamo::{Fate, Refusal, Request};
use testkit::locks::{KEY, LockTable};
use tower::{Layer, service_fn};

use super::{Event, LEASE, MINUTE, event, invoke, layer, millis, order, queued, reported};

/// What an invocation is told that does not get the lock.
async fn refused(locks: Locks) -> (String, String) {
    refused_within(locks, &[], MINUTE).await
}

async fn refused_within(locks: Locks, vars: &[(&str, &str)], left: Duration) -> (String, String) {
    let handler =
        service_fn(async |_: Event| -> Result<(), String> { panic!("it is never called") });
    let mut locked = layer(locks, vars).layer(handler);
    let failure = invoke(&mut locked, event(order().payload, left)).await;
    reported(failure.expect_err("there is no lock"))
}

#[tokio::test(start_paused = true)]
async fn without_a_wait_it_is_busy_and_says_who_holds_the_lock() {
    let table = LockTable::new();
    let held = table.client("other").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let impatient = table.a_client("a").with(|s| s.max_wait(Duration::ZERO));
    let (name, message) = refused(impatient.ready()).await;
    assert_eq!(name, "Lock.Busy");
    let by = format!(
        "lock `42` is held by other with fence {} until ",
        held.fence()
    );
    assert!(message.starts_with(&by), "{message}");
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_a_wait_it_is_timed_out() {
    let table = LockTable::new();
    let _held = table.client("other").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let (name, message) =
        refused(table.a_client("a").with(|s| s.max_wait(LEASE / 5)).ready()).await;
    assert_eq!(name, "Lock.TimedOut", "{message}");
    assert_eq!(queued(&table), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_leaves_a_tenth_of_the_time_for_the_work() {
    let table = LockTable::new();
    let _held = table.client("other").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let cases = [
        (&[][..], LEASE, millis(9000)),
        (&[], millis(2000), millis(1500)),
        (&[("LOCKS_RESERVE_MS", "4000")], LEASE, millis(6000)),
    ];
    for (vars, left, waits) in cases {
        let begun = table.clock().now();
        let (name, message) = refused_within(table.client("a"), vars, left).await;
        assert_eq!(name, "Lock.TimedOut", "{message}");
        let waited = table.since(begun);
        // The time that is left is told in whole milliseconds, on a clock that does not stand still.
        assert!(
            waited <= waits + millis(10) && waited + millis(1200) >= waits,
            "{waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_told_from_a_busy_lock() {
    let table = LockTable::new();
    let _held = table.client("other").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let (name, _) = refused(table.a_client("a").with(|s| s.queue_cap(1)).ready()).await;
    assert_eq!(name, "Lock.Full");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_unavailable() {
    for (refusal, why) in [
        (Refusal::Internal, "DynamoDB has an internal error"),
        (Refusal::Throttled, "DynamoDB throttles table `locks`"),
    ] {
        let table = LockTable::new();
        table
            .dynamo()
            .plan(move |_: &Request| Fate::refused(refusal));
        let (name, message) = refused(table.client("a")).await;
        assert_eq!(name, "Lock.Unavailable");
        assert!(
            message.starts_with(&format!("cannot acquire lock `42`: {why}")),
            "{message}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn missing_rights_are_denied() {
    let table = LockTable::new();
    table
        .dynamo()
        .plan(|_: &Request| Fate::refused(Refusal::Denied));
    assert_eq!(refused(table.client("a")).await.0, "Lock.Denied");
}

#[tokio::test(start_paused = true)]
async fn a_missing_table_is_a_bad_table() {
    let table = LockTable::new();
    let elsewhere = table.a_client("a").with(|s| s.table("elsewhere"));
    assert_eq!(refused(elsewhere.ready()).await.0, "Lock.BadTable");
}

#[tokio::test(start_paused = true)]
async fn clients_that_disagree_are_a_configuration_error() {
    let table = LockTable::new();
    let _held = table.client("other").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let observer = table.a_client("a").with(|s| s.expiry(Expiry::Observe));
    assert_eq!(refused(observer.ready()).await.0, "Lock.Configuration");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_says_how_long_it_was_and_why_it_ended() {
    let table = LockTable::new();
    let _held = table.client("other").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    let short = table.a_client("a").with(|s| s.max_wait(LEASE / 5)).ready();
    let (_, message) = refused(short).await;
    let why = "; waited 2.0 s: LOCKS_MAX_WAIT_MS allows no more";
    assert!(message.ends_with(why), "{message}");
    let (_, message) = refused_within(table.client("a"), &[], millis(2000)).await;
    let why =
        ": the rest of the time until the deadline is kept for the work, see LOCKS_RESERVE_MS";
    assert!(
        message.contains("; waited 1.") && message.ends_with(why),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_durable_execution_is_refused_and_told_what_to_do() {
    let table = LockTable::new();
    let handler =
        service_fn(async |_: Event| -> Result<(), String> { panic!("it is never called") });
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let mut durable = order();
    durable.payload["DurableExecutionArn"] = "arn:aws:lambda:x".into();
    let failure = invoke(&mut locked, durable).await;
    let (name, message) = reported(failure.expect_err("no lock covers it"));
    assert_eq!(name, "Lock.Configuration");
    assert!(
        message.contains("acquire the lock inside a step"),
        "{message}"
    );
    assert_eq!(table.dynamo().counts().total().requests, 0);
}
