use std::time::Duration;

use dynamodb_locks::protocol::{Row, Timestamp};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};

use super::{JUST_NOW, LEASE, millis, owners};

#[tokio::test(start_paused = true)]
async fn it_comes_every_third_of_a_lease_and_moves_the_renewal_time() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let mut seen = None;
    for beat in 1..=5 {
        table.delivered("a", Step::Heartbeat, beat).await;
        let renewed_at = table.row().renewed_at;
        assert!(
            renewed_at > seen && renewed_at >= Some(table.now()),
            "beat {beat}"
        );
        seen = renewed_at;
    }
    tokio::time::sleep(millis(500)).await;
    assert!(!held.lease().is_expired());
    held.release().await.unwrap();
    assert_eq!(table.story("a")[1..6], ["heartbeat"; 5]);
}

#[tokio::test(start_paused = true)]
async fn it_is_later_than_a_renewal_time_that_is_ahead() {
    let table = LockTable::new();
    let ahead = Timestamp(table.now().0 + 6_000_000);
    table.put(&Row {
        renewed_at: Some(ahead),
        ..Row::default()
    });
    let _held = table.client("a").acquire(KEY).await.unwrap();
    table.delivered("a", Step::Heartbeat, 1).await;
    assert!(table.row().renewed_at > Some(ahead));
}

#[tokio::test(start_paused = true)]
async fn it_is_repeated_above_a_renewal_time_that_it_did_not_know() {
    let table = LockTable::new();
    let gate = Gate::closed();
    table.fate("a", Step::Heartbeat, 1, Fate::delivered().before(&gate));
    let held = table.client("a").acquire(KEY).await.unwrap();
    gate.reached(1).await;
    let ahead = Timestamp(table.now().0 + 2_000_000);
    table.put(&Row {
        renewed_at: Some(ahead),
        ..table.row()
    });
    gate.open();
    table.delivered("a", Step::Heartbeat, 1).await;
    assert_eq!(
        table.story("a"),
        ["enqueue", "heartbeat refused", "heartbeat"]
    );
    assert_eq!(table.row().renewed_at, Some(Timestamp(ahead.0 + 1)));
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_where_the_entry_is_gone_and_the_lease_is_over_at_once() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let next = table.row_of([table.entry("next", JUST_NOW)]);
    table.put(&next);
    let before = table.clock().now();
    held.lease().expired().await;
    assert!(
        table.clock().now() < before + LEASE / 2,
        "it does not wait for the lease to end"
    );
    assert!(held.lease().is_expired());
    assert_eq!(table.story("a"), ["enqueue", "heartbeat refused"]);
    assert!(held.release().await.unwrap_err().is_lost());
    assert_eq!(table.row(), next);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_comes_after_the_release_revives_nothing() {
    let table = LockTable::new();
    let late = Gate::closed();
    table.fate("a", Step::Heartbeat, 1, Fate::delivered().again(&late));
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE / 2).await;
    held.release().await.unwrap();
    let next = table.client("b").acquire(KEY).await.unwrap();
    let before = table.row();
    late.open();
    tokio::time::sleep(millis(1)).await;
    let story = [
        "enqueue",
        "heartbeat",
        "release",
        "heartbeat refused unheard",
    ];
    assert_eq!(table.story("a"), story);
    assert_eq!(table.row(), before);
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_copy_never_moves_the_renewal_time_back() {
    let table = LockTable::new();
    let late = Gate::closed();
    table.fate("a", Step::Heartbeat, 1, Fate::delivered().again(&late));
    let held = table.client("a").acquire(KEY).await.unwrap();
    table.delivered("a", Step::Heartbeat, 1).await;
    let before = table.row();
    late.open();
    tokio::time::sleep(millis(1)).await;
    assert_eq!(
        table.story("a").last().unwrap(),
        "heartbeat refused unheard"
    );
    assert_eq!(table.row(), before);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_of_an_old_holder_dates_the_row_anew() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let table = LockTable::new();
    let long = |s: dynamodb_locks::Settings| s.lease(DAY * 2).heartbeat_period(DAY * 2 / 3);
    let held = table
        .a_client("a")
        .with(long)
        .ready()
        .acquire(KEY)
        .await
        .unwrap();
    let first = table.ttl();
    for beat in 1..=5 {
        table.delivered("a", Step::Heartbeat, beat).await;
    }
    assert_eq!(table.ttl(), first, "three days are not half of eight");
    for beat in 6..=7 {
        table.delivered("a", Step::Heartbeat, beat).await;
    }
    assert!(table.ttl().unwrap() >= first.unwrap() + DAY * 4);
    assert_eq!(table.dynamo().sweep_ttl(), 0);
    tokio::time::sleep(DAY * 7).await;
    assert_eq!(
        table.dynamo().sweep_ttl(),
        0,
        "a row with a holder is never swept away"
    );
    assert_eq!(owners(&table.row()), ["a"]);
    held.release().await.unwrap();
}
