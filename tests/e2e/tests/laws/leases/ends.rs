//! A lease ends with its lock: nothing that watches it believes in the lock when another client can hold it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dynamodb_locks::{Lease, WallClock};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step, die};
use tokio::runtime::Handle;

use super::{JUST_NOW, LEASE, millis, queued};

fn is_expired(lease: &Lease) -> bool {
    assert_eq!(lease.is_expired(), lease.health().remaining.is_zero());
    lease.is_expired()
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_over_before_its_release_leaves() {
    let table = LockTable::new();
    let gate = Gate::closed();
    table.fate("a", Step::Release, 1, Fate::delivered().before(&gate));
    let held = table.client("a").acquire(KEY).await.unwrap();
    let lease = held.lease();
    assert!(!is_expired(&lease));
    let releasing = tokio::spawn(held.release());
    tokio::task::yield_now().await;
    assert!(is_expired(&lease));
    assert_eq!(queued(&table), 1, "the release is still on its way");
    gate.open();
    releasing.await.unwrap().unwrap();
    assert!(is_expired(&lease));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_over_when_its_guard_is_dropped() {
    for drop_it in [drop, die] {
        let table = LockTable::new();
        let held = table.client("a").acquire(KEY).await.unwrap();
        let lease = held.lease();
        drop_it(held);
        assert!(is_expired(&lease));
        assert_eq!(queued(&table), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn every_lease_is_over_before_release_all_sends_anything() {
    let table = LockTable::new();
    let gate = Gate::closed();
    table.fate("a", Step::Release, 1, Fate::delivered().before(&gate));
    let a = table.client("a");
    let held = a.acquire(KEY).await.unwrap();
    let lease = held.lease();
    let all = tokio::spawn(async move { a.release_all(JUST_NOW).await });
    tokio::task::yield_now().await;
    assert!(is_expired(&lease));
    gate.open();
    assert!(all.await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_does_not_revive_a_lease_that_has_ended() {
    let table = LockTable::new();
    let gate = Gate::closed();
    table.fate("a", Step::Heartbeat, 1, Fate::delivered().before(&gate));
    let held = table.client("a").acquire(KEY).await.unwrap();
    let lease = held.lease();
    tokio::time::sleep(JUST_NOW * 4).await;
    assert!(!is_expired(&lease), "the renewal is on its way");
    let releasing = tokio::spawn(held.release());
    tokio::task::yield_now().await;
    gate.open();
    assert!(is_expired(&lease));
    releasing.await.unwrap().unwrap();
    assert!(is_expired(&lease));
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_is_dropped_is_released_at_once() {
    let table = LockTable::new();
    drop(table.client("a").acquire(KEY).await.unwrap());
    tokio::time::sleep(millis(1)).await;
    assert_eq!(queued(&table), 0);
    assert_eq!(table.story("a"), ["enqueue", "withdraw alone"]);
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_leaves_the_queue_at_once() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(JUST_NOW).await;
    let b = table.client("b");
    let waited = tokio::time::timeout(JUST_NOW, b.acquire(KEY)).await;
    assert!(waited.is_err());
    tokio::time::sleep(millis(1)).await;
    assert_eq!(queued(&table), 1);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn release_all_of_a_client_ends_its_own_locks_and_those_of_the_clients_made_from_it() {
    let table = LockTable::new();
    let parent = table.client("parent");
    let child = parent.with_settings(|settings| settings).unwrap();
    let grandchild = child.with_settings(|settings| settings).unwrap();
    let of_parent = parent.acquire("1").await.unwrap();
    let of_child = child.acquire("2").await.unwrap();
    let of_grandchild = grandchild.acquire("3").await.unwrap();
    drop(child.clone());

    assert!(child.release_all(JUST_NOW).await.is_empty());
    assert!(of_child.lease().is_expired());
    assert!(of_grandchild.lease().is_expired());
    assert!(!of_parent.lease().is_expired());
    drop((of_child, of_grandchild));

    let of_grandchild = grandchild.acquire("3").await.unwrap();
    drop((child, grandchild));
    // Another client does not make it forget the ones before.
    let _sibling = parent.with_settings(|settings| settings).unwrap();
    assert!(parent.release_all(JUST_NOW).await.is_empty());
    assert!(of_parent.lease().is_expired());
    assert!(of_grandchild.lease().is_expired());
}

#[tokio::test(start_paused = true)]
async fn release_all_waits_for_what_a_dropped_guard_has_begun() {
    let table = LockTable::new();
    table.fate("a", Step::WithdrawRaising, 1, Fate::lost());
    let a = table.client("a");
    drop(a.acquire(KEY).await.unwrap());
    tokio::task::yield_now().await;
    assert!(a.release_all(JUST_NOW).await.is_empty());
    assert_eq!(queued(&table), 0);
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[test]
fn a_guard_that_is_dropped_without_a_runtime_is_released_by_the_next_call() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let table = runtime.block_on(async { LockTable::new() });
    let a = table.client("a");
    let held = runtime.block_on(a.acquire(KEY)).unwrap();
    drop(held);
    assert_eq!(queued(&table), 1);
    let again = runtime.block_on(a.try_acquire(KEY)).unwrap();
    runtime.block_on(again.release()).unwrap();
    assert_eq!(queued(&table), 0);
}

/// A machine that is suspended while it asks for the lock: the proof that the answer brings may be over.
#[tokio::test(start_paused = true)]
async fn a_lease_that_was_over_when_its_answer_came_is_confirmed_before_anybody_acts() {
    let table = LockTable::new();
    let gate = Gate::closed();
    table.fate("a", Step::Enqueue, 1, Fate::delivered().after(&gate));
    let stood_still = Arc::new(Mutex::new(Duration::ZERO));
    let (clock, gap) = (table.clock().clone(), Arc::clone(&stood_still));
    let wall = WallClock::new(move || clock.now() + *gap.lock().unwrap());
    let a = table.a_client("a").with(|s| s.wall_clock(wall)).ready();
    let worked = tokio::spawn(async move {
        let work = |held: dynamodb_locks::LockHandle| async move { is_expired(&held.lease()) };
        a.with(KEY, work).await
    });
    tokio::time::sleep(millis(10)).await;
    *stood_still.lock().unwrap() = LEASE * 2;
    gate.open();
    let was_over = worked.await.unwrap().expect("nobody else wants the lock");
    assert!(!was_over);
    assert_eq!(table.story("a"), ["enqueue", "heartbeat", "release"]);
}

/// A machine that was suspended, or restored from a snapshot: its monotonic clock stood still, its wall clock is right
/// afterwards.
#[tokio::test(start_paused = true)]
async fn a_lease_is_over_when_the_wall_clock_shows_that_the_machine_stood_still() {
    for deadline in [None, Some(LEASE * 60)] {
        let table = LockTable::new();
        let stood_still = Arc::new(Mutex::new(Duration::ZERO));
        let (clock, gap) = (table.clock().clone(), Arc::clone(&stood_still));
        let wall = WallClock::new(move || clock.now() + *gap.lock().unwrap());
        let a = table.a_client("a").with(|s| s.wall_clock(wall));
        let a = match deadline {
            Some(_) => a.with(dynamodb_locks::Settings::lease_until_deadline),
            None => a,
        };
        let limits = dynamodb_locks::AcquireOptions::wait(LEASE);
        let limits = deadline.map_or(limits, |deadline| limits.deadline(deadline));
        let held = a.ready().acquire_with(KEY, limits).await.unwrap();
        tokio::time::sleep(JUST_NOW).await;
        assert!(!is_expired(&held.lease()));
        let lost = tokio::spawn({
            let mut lease = held.lease();
            async move { lease.expired().await }
        });
        *stood_still.lock().unwrap() = deadline.unwrap_or(LEASE) + JUST_NOW * 2;
        assert!(is_expired(&held.lease()));
        tokio::time::sleep(JUST_NOW).await;
        assert!(lost.is_finished(), "work that watches the lease is told");
    }
}
