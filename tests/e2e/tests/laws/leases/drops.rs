use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use dynamodb_locks::AcquireOptions;
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};

use super::{JUST_NOW, LEASE, millis, queued};

#[tokio::test(start_paused = true)]
async fn a_dropped_lock_is_released_by_the_next_call_on_its_client() {
    let table = LockTable::new();
    let a = table.client("a");
    drop(a.acquire(KEY).await.unwrap());
    tokio::time::sleep(JUST_NOW).await;
    let other = a.acquire("another key").await.unwrap();
    assert_eq!(queued(&table), 0);
    let story = ["enqueue", "withdraw alone", "enqueue"];
    assert_eq!(table.story("a"), story);
    other.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_lock_does_not_stand_in_its_own_clients_way() {
    let table = LockTable::new();
    let a = table.client("a");
    let mut last = 0;
    for _ in 0..3 {
        let held = a.try_acquire(KEY).await.unwrap();
        assert!(held.fence() > last);
        last = held.fence();
        tokio::time::sleep(millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_the_client_gives_it_back_as_well() {
    let table = LockTable::new();
    let a = table.client("a");
    drop(a.clone().acquire(KEY).await.unwrap());
    a.clone()
        .try_acquire(KEY)
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    assert_eq!(queued(&table), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_is_released_too() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(JUST_NOW).await;
    let b = table.client("b");
    let waiting = tokio::time::timeout(JUST_NOW, b.acquire(KEY)).await;
    assert!(waiting.is_err());
    assert_eq!(queued(&table), 2, "dropping does no I/O");
    assert!(b.try_acquire(KEY).await.unwrap_err().is_busy());
    assert_eq!(queued(&table), 1);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_enqueue_that_was_under_way_when_it_was_dropped_can_not_enter_any_more() {
    let table = LockTable::new();
    let gate = Gate::closed();
    table.fate("a", Step::Enqueue, 1, Fate::delivered().before(&gate));
    let a = table.client("a");
    let given_up = tokio::time::timeout(millis(100), a.acquire(KEY)).await;
    assert!(given_up.is_err());
    a.acquire("another key")
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    gate.open();
    tokio::time::sleep(millis(1)).await;
    assert_eq!(queued(&table), 0);
    let story = table.story("a");
    assert_eq!(story[..2], ["withdraw alone refused", "invalidate"]);
    assert_eq!(story.last().unwrap(), "enqueue refused");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_dropped_is_finished_by_the_next_call() {
    for fate in [Fate::dropped(), Fate::lost(), Fate::delivered()] {
        let table = LockTable::new();
        table.fate("a", Step::Release, 1, fate.after(JUST_NOW));
        let a = table.client("a");
        let held = a.acquire(KEY).await.unwrap();
        let dropped = tokio::time::timeout(millis(100), held.release()).await;
        assert!(dropped.is_err());
        let again = a.try_acquire(KEY).await.unwrap();
        assert_eq!(queued(&table), 1);
        again.release().await.unwrap();
        assert_eq!(queued(&table), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_not_forgotten_when_the_next_call_is_dropped_as_well() {
    let table = LockTable::new();
    let a = table.client("a");
    drop(a.acquire(KEY).await.unwrap());
    // Polled a few times, and dropped each time a little later.
    for polls in 1..12 {
        let mut next = pin!(a.acquire("another key"));
        for _ in 0..polls {
            let polled = poll_once(next.as_mut()).await;
            assert!(polled.is_pending());
        }
    }
    let limits = AcquireOptions::wait(LEASE / 2);
    let held = a.acquire_with(KEY, limits).await.unwrap();
    held.release().await.unwrap();
    assert_eq!(queued(&table), 0);
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_released_now_is_released_later_and_stands_in_nobodys_way() {
    let table = LockTable::new();
    let a = table.client("a");
    drop(a.acquire(KEY).await.unwrap());
    for nth in 1..=20 {
        table.fate("a", Step::WithdrawAlone, nth, Fate::dropped());
    }
    let another = async || {
        let held = a.try_acquire("another key").await.unwrap();
        held.release().await.unwrap();
    };
    another().await;
    assert_eq!(queued(&table), 1);
    let mut calls = 1;
    while queued(&table) == 1 {
        calls += 1;
        assert!(calls < 20);
        // What was tried in vain rests for a while.
        tokio::time::sleep(LEASE).await;
        another().await;
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_locks_are_released_before_a_suspension_though_a_release_has_failed() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = a.acquire(KEY).await.unwrap();
    for nth in 1..=20 {
        table.fate("a", Step::Release, nth, Fate::dropped());
    }
    for nth in 1..=3 {
        table.fate("a", Step::WithdrawAlone, nth, Fate::dropped());
    }
    held.release_within(JUST_NOW).await.unwrap_err();
    assert_eq!(queued(&table), 1);
    // Sooner than any task of the client would try again.
    assert!(a.release_dropped(LEASE / 2).await.is_empty());
    assert_eq!(queued(&table), 0);
    let requests = table.story("a").len();
    assert!(a.release_dropped(LEASE).await.is_empty());
    assert_eq!(table.story("a").len(), requests, "nothing was left to do");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_released_before_a_suspension_is_told_and_tried_later() {
    let table = LockTable::new();
    let a = table.client("a");
    drop(a.acquire(KEY).await.unwrap());
    for nth in 1..=20 {
        table.fate("a", Step::WithdrawAlone, nth, Fate::dropped());
    }
    let left = a.release_dropped(JUST_NOW).await;
    assert_eq!(left.len(), 1);
    assert_eq!(
        (left[0].0.as_str(), left[0].1.is_unavailable()),
        (KEY, true)
    );
    assert_eq!(queued(&table), 1);
    assert!(a.release_dropped(LEASE * 2).await.is_empty());
    assert_eq!(queued(&table), 0);
}
