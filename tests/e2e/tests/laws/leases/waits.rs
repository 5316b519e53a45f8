use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Error, Locks, Settings};
use testkit::dynamo::{Fate, Request};
use testkit::locks::{KEY, LockTable, Step};
use tokio::task::JoinSet;

use super::{JUST_NOW, LEASE, millis, queued};

/// Is refused; tells how long that took as well.
async fn refused(table: &LockTable, locks: &Locks, limits: AcquireOptions) -> (Error, Duration) {
    let begun = table.clock().now();
    let refusal = locks
        .acquire_with(KEY, limits)
        .await
        .expect_err("it is held");
    (refusal, table.since(begun))
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_its_limit_and_leaves_no_entry_behind() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(JUST_NOW).await;
    for limit in [millis(1), millis(100), JUST_NOW * 7] {
        let (refusal, took) =
            refused(&table, &table.client("b"), AcquireOptions::wait(limit)).await;
        assert!(refusal.is_timed_out(), "{refusal}");
        assert!(took >= limit && took <= limit + millis(1), "{took:?}");
        assert_eq!(queued(&table), 1);
    }
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_says_who_held_the_lock_and_when_to_come_back() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(JUST_NOW).await;
    let (refusal, _) = refused(&table, &table.client("b"), AcquireOptions::wait(JUST_NOW)).await;
    let fence = held.fence();
    let message = format!(
        "lock `42` was not free before the wait ended: it is held by a with fencing token {fence} until "
    );
    assert!(refusal.to_string().starts_with(&message), "{refusal}");
    assert!(refusal.to_string().contains("; retry after "), "{refusal}");
    let retry = refusal.retry_after().unwrap();
    assert!(retry > LEASE / 2 && retry < LEASE, "{retry:?}");
    assert!(refusal.held_until().unwrap() > table.clock().now());
}

#[tokio::test(start_paused = true)]
async fn the_settings_say_how_long_a_wait_is() {
    let table = LockTable::new();
    let _held = table.client("a").acquire(KEY).await.unwrap();
    let b = table
        .a_client("b")
        .with(|s: Settings| s.max_wait(JUST_NOW))
        .ready();
    let begun = table.clock().now();
    assert!(b.acquire(KEY).await.unwrap_err().is_timed_out());
    assert!(table.clock().now() <= begun + JUST_NOW * 2);
}

#[tokio::test(start_paused = true)]
async fn no_wait_goes_beyond_the_deadline() {
    let table = LockTable::new();
    let _held = table.client("a").acquire(KEY).await.unwrap();
    let limits = AcquireOptions::wait(LEASE * 6).deadline(LEASE / 2);
    let (refusal, took) = refused(&table, &table.client("b"), limits).await;
    assert!(
        refusal.is_timed_out() || refusal.is_unavailable(),
        "{refusal}"
    );
    assert!(took <= LEASE / 2 + millis(100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_entry_says_when_its_owner_ends_and_is_dead_after_that() {
    let table = LockTable::new();
    let begun = table.now();
    let held = table.client("a");
    let limits = AcquireOptions::wait(JUST_NOW).deadline(LEASE / 2);
    let held = held.acquire_with(KEY, limits).await.unwrap();
    let deadline = table
        .row()
        .holder()
        .unwrap()
        .fields()
        .unwrap()
        .deadline
        .unwrap();
    let after = deadline.since(begun);
    assert!(
        after >= LEASE / 2 && after <= LEASE / 2 + millis(2100),
        "{after:?}"
    );
    tokio::time::sleep(LEASE / 2).await;
    assert!(held.lease().is_expired(), "nobody acts after the deadline");
    assert_eq!(
        table.story("a"),
        ["enqueue"],
        "and nobody beats for a deadline that is near"
    );
    let next = table.client("b").acquire(KEY).await.unwrap();
    assert!(next.fence() > held.fence());
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_trial_does_not_wait_at_all() {
    let table = LockTable::new();
    let _held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(JUST_NOW).await;
    let (refusal, took) =
        refused(&table, &table.client("b"), AcquireOptions::wait(millis(0))).await;
    assert!(refusal.is_busy(), "{refusal}");
    assert_eq!(took, millis(0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_answers_is_bounded_as_well() {
    for wait in [millis(0), millis(300), LEASE] {
        let table = LockTable::new();
        let never = testkit::dynamo::Gate::closed();
        table
            .dynamo()
            .plan(move |_: &Request| Fate::delivered().before(&never));
        let (refusal, took) = refused(&table, &table.client("a"), AcquireOptions::wait(wait)).await;
        assert!(refusal.is_unavailable(), "{refusal}");
        assert!(
            refusal.to_string().contains("no answer within "),
            "{refusal}"
        );
        assert!(
            took <= wait.max(JUST_NOW) + JUST_NOW + millis(100),
            "{took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_wait_as_may_wait() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let mut waiting = JoinSet::new();
    for name in ["b", "c", "d"] {
        tokio::time::sleep(millis(10)).await;
        let locks = table
            .a_client(name)
            .with(|s: Settings| s.queue_cap(3))
            .ready();
        waiting.spawn(async move { locks.acquire(KEY).await?.release().await });
    }
    let refusal = waiting.join_next().await.unwrap().unwrap().unwrap_err();
    assert!(refusal.is_full(), "{refusal}");
    held.release().await.unwrap();
    while let Some(done) = waiting.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_whose_entry_was_taken_out_stands_in_line_again() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(JUST_NOW).await;
    let b = table.client("b");
    let waiting = tokio::spawn(async move { b.acquire(KEY).await });
    table.delivered("b", Step::Poll, 2).await;
    let mut row = table.row();
    row.queue.pop_last();
    table.put(&row);
    table.delivered("b", Step::Enqueue, 2).await;
    assert_eq!(queued(&table), 2);
    held.release().await.unwrap();
    waiting.await.unwrap().unwrap().release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_waiter_whose_row_was_deleted_stands_in_line_again() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(JUST_NOW).await;
    let b = table.client("b");
    let waiting = tokio::spawn(async move { b.acquire(KEY).await });
    table.delivered("b", Step::Poll, 2).await;
    table.delete();
    let next = waiting.await.unwrap().unwrap();
    assert!(next.fence() > held.fence());
    assert!(held.release().await.unwrap_err().is_lost());
    assert_eq!(queued(&table), 1);
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_until_the_deadline_needs_one() {
    let table = LockTable::new();
    let a = table
        .a_client("a")
        .with(Settings::lease_until_deadline)
        .ready();
    let error = a.acquire(KEY).await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(error.to_string().contains("needs a deadline"), "{error}");
    assert!(table.story("a").is_empty());
    let limits = AcquireOptions::wait(JUST_NOW).deadline(LEASE * 3);
    let held = a.acquire_with(KEY, limits).await.unwrap();
    let lease = table.row().holder().unwrap().fields().unwrap().lease;
    assert!(
        lease >= LEASE * 3 + JUST_NOW && lease <= LEASE * 3 + JUST_NOW * 3,
        "{lease:?}"
    );
    tokio::time::sleep(LEASE * 2).await;
    assert!(!held.lease().is_expired());
    held.release().await.unwrap();
    assert_eq!(
        table.story("a"),
        ["enqueue", "release"],
        "such a lease needs no beats"
    );
}

#[tokio::test(start_paused = true)]
async fn times_that_are_as_long_as_can_be_do_no_harm() {
    let table = LockTable::new();
    let most = Duration::MAX;
    let endless = |s: Settings| {
        // No lease is longer than 7 days, and a period may be as long as half of one.
        let lease = Duration::from_secs(7 * 24 * 60 * 60);
        let s = s.lease(lease).heartbeat_period(lease / 2).max_wait(most);
        s.retry_delay(most).clock_skew(lease).ttl(most)
    };
    let locks = table.a_client("a").with(endless).ready();
    let limits = AcquireOptions::wait(most).deadline(most);
    let held = locks.acquire_with(KEY, limits).await.unwrap();
    assert!(!held.lease().is_expired());
    assert!(table.row().holder().unwrap().fields().is_some());
    tokio::time::sleep(LEASE).await;
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
