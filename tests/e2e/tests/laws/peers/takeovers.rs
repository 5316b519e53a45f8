use std::pin::pin;

use dynamodb_locks::protocol::{Fields, Row};
use dynamodb_locks::{AcquireOptions, Expiry};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step, die};
use tokio::time::{sleep, timeout};

use super::{LEASE, SECOND, millis, owners, silent, timed};

/// B5: awslabs/amazon-dynamodb-lock-client 8 and 34, python_dynamodb_lock 366, cirello-io/dynamolock 778
#[tokio::test(start_paused = true)]
async fn a_newcomer_with_little_time_takes_a_dead_lock_at_its_first_look() {
    let table = LockTable::new();
    let dead = Fields {
        lease: SECOND * 900,
        ..table.entry("dead", SECOND * 903)
    };
    table.put(&table.row_of([dead]));
    let limits = AcquireOptions::wait(millis(100)).deadline(LEASE);
    let held = table.client("a").acquire_with(KEY, limits).await.unwrap();
    assert_eq!(table.story("a"), ["enqueue", "evict"]);
    held.release().await.unwrap();
}

/// B5: cirello-io/dynamolock 44, whose `FailIfLocked` never takes a dead lock
#[tokio::test(start_paused = true)]
async fn a_trial_takes_a_dead_lock_as_well() {
    let table = LockTable::new();
    table.put(&table.row_of([table.entry("dead", LEASE * 2)]));
    let held = table.client("a").try_acquire(KEY).await.unwrap();
    assert_eq!(table.story("a"), ["try refused", "evict and enter"]);
    held.release().await.unwrap();
}

/// dynamodb_lock (delta), where a crash is for ever
#[tokio::test(start_paused = true)]
async fn a_holder_that_died_is_replaced_when_its_lease_has_ended() {
    let table = LockTable::new();
    drop(silent(&table, "dead").acquire(KEY).await.unwrap());
    let (held, waited) = timed(&table, table.client("a").acquire(KEY)).await;
    assert!(waited < LEASE + SECOND * 3, "{waited:?}");
    held.unwrap().release().await.unwrap();
}

/// B9: etcd 9921 and 11456
#[tokio::test(start_paused = true)]
async fn a_client_that_slept_through_its_turn_proves_itself_before_it_acts() {
    let table = LockTable::new();
    let a = table.client("a").acquire(KEY).await.unwrap();
    sleep(millis(100)).await;
    let b = table.client("b");
    let mut waiting = pin!(b.acquire_with(KEY, AcquireOptions::wait(LEASE * 6)));
    assert!(timeout(SECOND, waiting.as_mut()).await.is_err());
    a.release().await.unwrap();
    sleep(LEASE * 2).await;
    let held = waiting.await.unwrap();
    assert_eq!(table.story("b").last().unwrap(), "heartbeat");
    assert!(!held.lease().is_expired());
    held.release().await.unwrap();
}

/// B9: etcd 9921 and 11456
#[tokio::test(start_paused = true)]
async fn a_client_that_was_robbed_while_it_slept_goes_to_the_end_of_the_line() {
    let table = LockTable::new();
    let a = table.client("a").acquire(KEY).await.unwrap();
    sleep(millis(100)).await;
    let b = table.client("b");
    let mut waiting = pin!(b.acquire_with(KEY, AcquireOptions::wait(LEASE * 6)));
    assert!(timeout(SECOND, waiting.as_mut()).await.is_err());
    a.release().await.unwrap();
    let c = table.client("c").acquire(KEY).await.unwrap();
    assert!(timeout(LEASE, waiting.as_mut()).await.is_err(), "c works");
    assert_eq!(owners(&table.row()), ["c", "b"]);
    let fence = c.fence();
    c.release().await.unwrap();
    let held = waiting.await.unwrap();
    assert!(held.fence() > fence);
    held.release().await.unwrap();
}

/// B10: CURATOR-604; Clever/dynamodb-lock-go, where one name is one owner
#[tokio::test(start_paused = true)]
async fn what_an_earlier_life_left_behind_grants_nothing() {
    let table = LockTable::new();
    die(silent(&table, "a").acquire(KEY).await.unwrap());
    sleep(millis(100)).await;
    let reborn = table.client("a");
    assert!(reborn.try_acquire(KEY).await.unwrap_err().is_busy());
    let (held, waited) = timed(&table, reborn.acquire(KEY)).await;
    assert!(waited > LEASE - SECOND, "{waited:?}");
    held.unwrap().release().await.unwrap();
}

/// B10: CURATOR-604, within one process
#[tokio::test(start_paused = true)]
async fn a_late_write_of_an_earlier_acquisition_grants_nothing_to_the_next() {
    let table = LockTable::new();
    let holder = table.client("b").acquire(KEY).await.unwrap();
    sleep(millis(100)).await;
    let gate = Gate::closed();
    table.fate("a", Step::Enqueue, 1, Fate::delivered().before(&gate));
    let a = table.client("a");
    assert!(timeout(millis(100), a.acquire(KEY)).await.is_err());
    let next = a.clone();
    let waiting = tokio::spawn(async move { next.acquire(KEY).await });
    table.delivered("a", Step::Poll, 2).await;
    gate.open();
    sleep(millis(10)).await;
    assert_eq!(owners(&table.row()), ["b", "a"]);
    assert!(!waiting.is_finished());
    holder.release().await.unwrap();
    waiting.await.unwrap().unwrap().release().await.unwrap();
}

/// johnsabath/dynamodb-fifo-lock-client, which deletes who has just given a renewal
#[tokio::test(start_paused = true)]
async fn a_thief_that_saw_an_old_row_takes_nothing_from_the_living() {
    let table = LockTable::new();
    let silence = table.row_of([table.entry("holder", LEASE * 2)]);
    table.put(&silence);
    let gate = Gate::closed();
    table.fate("a", Step::Evict, 1, Fate::delivered().before(&gate));
    let a = table.client("a");
    let stealing = tokio::spawn(async move { a.acquire(KEY).await });
    gate.reached(1).await;
    let renewed_at = Some(table.now());
    table.put(&Row {
        renewed_at,
        ..table.row()
    });
    gate.open();
    sleep(SECOND).await;
    assert_eq!(table.story("a")[..2], ["enqueue", "evict refused"]);
    assert_eq!(owners(&table.row()), ["holder", "a"]);
    stealing.abort();
}

/// FSharp.DynamoDbLock, deliveryhero, dynamodb-lease and all who compare two machines' clocks
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_an_hour_fast_robs_nobody() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let fast = table.a_client("b").fast(SECOND * 3600).ready();
    assert!(fast.try_acquire(KEY).await.unwrap_err().is_busy());
    assert!(fast.acquire(KEY).await.unwrap_err().is_timed_out());
    assert!(!held.lease().is_expired());
    held.release().await.unwrap();
}

/// tristanls, whose `trustLocalTime` evicts live locks from clients without it
#[tokio::test(start_paused = true)]
async fn clients_that_find_out_deaths_in_other_ways_share_no_key() {
    let table = LockTable::new();
    for [first, second] in [
        [Expiry::Observe, Expiry::Verified],
        [Expiry::Verified, Expiry::Observe],
        [Expiry::Observe, Expiry::Clock],
    ] {
        let [a, b] = [("a", first), ("b", second)]
            .map(|(name, mode)| table.a_client(name).with(|s| s.expiry(mode)).ready());
        let held = a.acquire(KEY).await.unwrap();
        sleep(millis(100)).await;
        assert!(b.acquire(KEY).await.unwrap_err().is_configuration());
        assert_eq!(owners(&table.row()), ["a"]);
        held.release().await.unwrap();
    }
}
