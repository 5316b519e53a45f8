//! The mode `observe`, which looks at no clock, and what does not go together with it.

use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Expiry, Locks, Settings};
use testkit::locks::{KEY, LockTable, Step};

use super::{HOUR, LEASE, millis, outlive, seldom};

fn observer(table: &LockTable, name: &str) -> Locks {
    let observe = |s: Settings| seldom(s.expiry(Expiry::Observe));
    table.a_client(name).with(observe).ready()
}

#[tokio::test(start_paused = true)]
async fn observing_costs_two_writes_where_nobody_else_is_there() {
    let table = LockTable::new();
    let held = observer(&table, "a").acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    assert_eq!(table.story("a"), ["enqueue", "release"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_promoted_while_observing_claims_before_it_acts() {
    let table = LockTable::new();
    let a = observer(&table, "a").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(100)).await;
    let b = observer(&table, "b");
    let waiting = tokio::spawn(async move { b.acquire(KEY).await });
    table.delivered("b", Step::Poll, 2).await;
    a.release().await.unwrap();
    let held = waiting.await.unwrap().unwrap();
    assert_eq!(table.story("b").last().unwrap(), "heartbeat");
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_observer_waits_a_whole_lease_however_old_the_holder_looks() {
    let table = LockTable::new();
    let long_dead = dynamodb_locks::protocol::Fields {
        expiry: Expiry::Observe,
        ..table.entry("dead", HOUR)
    };
    table.put(&table.row_of([long_dead]));
    let (held, waited) = outlive(&table, &observer(&table, "a")).await;
    assert!(
        waited >= LEASE && waited <= LEASE + millis(500),
        "{waited:?}"
    );
    held.release().await.unwrap();
}

/// However short the waits: what one acquisition has watched, the next one of the client goes on from.
#[tokio::test(start_paused = true)]
async fn a_dead_holder_goes_though_no_client_waits_for_a_whole_lease() {
    for patience in [LEASE / 5, Duration::ZERO] {
        let table = LockTable::new();
        let dead = dynamodb_locks::protocol::Fields {
            expiry: Expiry::Observe,
            ..table.entry("dead", HOUR)
        };
        table.put(&table.row_of([dead]));
        let (a, begun) = (observer(&table, "a"), table.clock().now());
        let held = loop {
            match a.acquire_with(KEY, AcquireOptions::wait(patience)).await {
                Ok(held) => break held,
                Err(_) => tokio::time::sleep(LEASE / 20).await,
            }
            assert!(
                table.since(begun) < LEASE * 2,
                "the dead holder still holds"
            );
        };
        assert!(table.since(begun) >= LEASE);
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn clocks_that_are_hours_off_do_not_matter_to_observers() {
    let table = LockTable::new();
    let observe = |s: Settings| seldom(s.expiry(Expiry::Observe));
    let fast = table.a_client("fast").fast(HOUR).with(observe).ready();
    let slow = table.a_client("slow").slow(HOUR).with(observe).ready();
    let mut last = 0;
    for locks in [&fast, &slow, &fast, &slow] {
        let held = locks.acquire(KEY).await.unwrap();
        assert!(held.fence() > last);
        last = held.fence();
        let other = observer(&table, "other");
        let limits = AcquireOptions::wait(LEASE * 2);
        assert!(
            other
                .acquire_with(KEY, limits)
                .await
                .unwrap_err()
                .is_timed_out()
        );
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn observers_and_others_do_not_go_together() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(100)).await;
    let before = table.row().queue;
    for attempt in [LEASE, Duration::ZERO] {
        let limits = AcquireOptions::wait(attempt);
        tokio::time::sleep(millis(1)).await;
        let observer = observer(&table, "b");
        let refusal = observer.acquire_with(KEY, limits).await.unwrap_err();
        assert!(refusal.is_configuration(), "{refusal}");
        let message = "lock `42` is used by clients with conflicting settings";
        assert!(refusal.to_string().starts_with(message), "{refusal}");
        assert_eq!(table.row().queue, before, "it leaves nothing behind");
    }
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_observers_entry_carries_no_deadline() {
    let table = LockTable::new();
    let limits = AcquireOptions::wait(LEASE).deadline(LEASE * 3);
    let held = observer(&table, "a")
        .acquire_with(KEY, limits)
        .await
        .unwrap();
    let row = table.row();
    assert_eq!(row.holder().unwrap().fields().unwrap().deadline, None);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_higher_ticket_does_not_hide_that_they_do_not_go_together() {
    let table = LockTable::new();
    let held = table.row_of([table.entry("holder", millis(10))]);
    let ahead = Some(dynamodb_locks::protocol::Ticket(table.now().0 + 1_000_000));
    table.put(&dynamodb_locks::protocol::Row {
        last: ahead,
        ..held
    });
    let refusal = observer(&table, "a").try_acquire(KEY).await.unwrap_err();
    assert!(refusal.is_configuration(), "{refusal}");
    assert_eq!(table.story("a"), ["try refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_of_a_later_format_is_refused_with_the_word_to_deploy_a_later_version() {
    use dynamodb_locks::protocol::{Entry, Row};
    let later = Row {
        format: Some(2),
        ..Row::default()
    };
    let entry = Row {
        queue: [Entry::read(
            "1763640123456789 v2 what a later version writes",
        )]
        .into(),
        ..Row::default()
    };
    for row in [later, entry] {
        let table = LockTable::new();
        table.put(&row);
        for limits in [
            AcquireOptions::wait(LEASE),
            AcquireOptions::wait(Duration::ZERO),
        ] {
            let locks = table.client("a");
            let refusal = locks.acquire_with(KEY, limits).await.unwrap_err();
            assert!(refusal.is_configuration(), "{refusal}");
            let message = "lock `42` is used by clients of a later version, with row format 2; this \
                           version reads format 1: deploy the later version of dynamodb-locks here, too";
            assert_eq!(refusal.to_string(), message);
            assert_eq!(table.row().queue, row.queue, "it leaves nothing behind");
        }
    }
}
