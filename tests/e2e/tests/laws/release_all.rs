//! The graceful end: everything at once.

use std::time::Duration;

use testkit::dynamo::{Fate, Request};
use testkit::locks::{KEY, LockTable};
use tokio::sync::oneshot::error::TryRecvError;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn everything_held_and_waited_for_is_given_up() {
    let table = LockTable::new();
    let a = table.client("a");
    let child = a.with_settings(|settings| settings.owner("child")).unwrap();
    let (one, two) = (
        a.acquire("1").await.unwrap(),
        child.acquire("2").await.unwrap(),
    );
    let other = table.client("b").acquire(KEY).await.unwrap();
    let waiting = a.clone();
    let waiter = tokio::spawn(async move { waiting.acquire(KEY).await });
    tokio::time::sleep(SECOND).await;

    assert!(a.release_all(SECOND).await.is_empty());

    assert!(one.lease().is_expired() && two.lease().is_expired());
    assert!(waiter.await.unwrap().unwrap_err().is_timed_out());
    let c = table.client("c");
    drop((
        c.try_acquire("1").await.unwrap(),
        c.try_acquire("2").await.unwrap(),
    ));
    assert_eq!(table.row().queue.len(), 1);
    assert!(one.release().await.is_ok());
    other.release().await.unwrap();
}

/// Nothing about a client is left to chance, so that a simulation tells the same story twice.
#[tokio::test(start_paused = true)]
async fn waiters_are_told_in_the_order_in_which_they_came() {
    const MANY: usize = 12;
    let table = LockTable::new();
    let held = table.client("holder").acquire(KEY).await.unwrap();
    let (a, (tell, mut told)) = (table.client("a"), tokio::sync::mpsc::channel(MANY));
    for waiter in 0..MANY {
        let (a, tell) = (a.clone(), tell.clone());
        tokio::spawn(async move {
            a.acquire(KEY).await.unwrap_err();
            tell.send(waiter).await.unwrap();
        });
        tokio::time::sleep(SECOND / 10).await;
    }
    a.release_all(SECOND).await;
    for waiter in 0..MANY {
        assert_eq!(told.recv().await, Some(waiter));
    }
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_released_is_reported_and_keeps_nothing_else() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = (a.acquire("1").await.unwrap(), a.acquire("2").await.unwrap());
    table.dynamo().plan(
        |request: &Request| match request.body["Key"]["id"]["S"] == "1" {
            true => Fate::dropped(),
            false => Fate::delivered(),
        },
    );
    let left = a.release_all(SECOND).await;
    let left: Vec<_> = left
        .iter()
        .map(|(key, error)| (key.as_str(), error))
        .collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].0, "1");
    assert!(left[0].1.is_unavailable(), "{}", left[0].1);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_client_goes_on_after_it_released_everything() {
    let table = LockTable::new();
    let a = table.client("a");
    assert!(a.release_all(SECOND).await.is_empty());
    a.acquire(KEY).await.unwrap().release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_work_of_a_closure_is_dropped_before_its_lock_is_given_up() {
    let table = LockTable::new();
    let (a, b) = (table.client("a"), table.client("b"));
    let (told, mut dropped) = tokio::sync::oneshot::channel::<()>();
    let worker = a.clone();
    let work = tokio::spawn(async move {
        let work = worker.with(KEY, |_| async move {
            let _told = told;
            std::future::pending::<()>().await;
        });
        work.await
    });
    tokio::time::sleep(SECOND).await;
    let next = tokio::spawn(async move {
        let held = b.acquire(KEY).await.unwrap();
        assert_eq!(dropped.try_recv(), Err(TryRecvError::Closed));
        held.release().await
    });
    assert!(a.release_all(SECOND).await.is_empty());
    assert!(work.await.unwrap().unwrap_err().is_lost());
    next.await.unwrap().unwrap();
}

// Not on the paused clock, which stands still while a thread blocks.
#[tokio::test]
async fn work_that_cannot_be_stopped_keeps_its_lock_and_is_reported() {
    let table = LockTable::new();
    let a = table.client("a");
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let worker = a.clone();
    let work = tokio::spawn(async move {
        let blocks = move |_| begun.send(()).map(|()| wait.recv());
        worker.with_blocking(KEY, blocks).await
    });
    begins.await.unwrap();
    let left = a.release_all(SECOND / 10).await;
    assert_eq!(left.len(), 1);
    assert!(left[0].1.is_unknown());
    assert_eq!(table.row().queue.len(), 1);
    let_go.send(()).unwrap();
    work.await.unwrap().unwrap().unwrap().unwrap();
    assert!(table.row().queue.is_empty());
}
