//! The graceful end: everything at once.

use std::time::Duration;

use world::dynamo::{Fate, Request};
use world::locks::{KEY, LockTable};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn everything_held_and_waited_for_is_given_up() {
    let table = LockTable::new();
    let a = table.client("a");
    let child = a.child(|settings| settings.owner("child")).unwrap();
    let (one, two) = (
        a.acquire("1").await.unwrap(),
        child.acquire("2").await.unwrap(),
    );
    let other = table.client("b").acquire(KEY).await.unwrap();
    let waiter = tokio::spawn(async move { a.acquire(KEY).await });
    tokio::time::sleep(SECOND).await;

    assert!(child.release_all(SECOND).await.is_empty());

    assert!(one.lease().is_over() && two.lease().is_over());
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
