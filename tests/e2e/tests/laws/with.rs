//! Locks for the length of a closure.

use std::future::pending;
use std::time::Duration;

use dynamodb_locks::{LeaseHealth, current};
use testkit::dynamo::{Fate, Refusal};
use testkit::locks::{KEY, LockTable};

#[tokio::test(start_paused = true)]
async fn the_closures_value_and_error_come_back_unchanged() {
    let table = LockTable::new();
    let a = table.client("a");
    let value = a.with(KEY, |held| async move { held.fence() }).await;
    assert_eq!(value.unwrap(), table.row().last.unwrap().0);
    let error: Result<(), &str> = a.with(KEY, |_| async { Err("mine") }).await.unwrap();
    assert_eq!(error, Err("mine"));
    assert!(table.row().holder().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_panic_goes_on_after_the_release() {
    let table = LockTable::new();
    let a = table.client("a");
    let work = async move { a.with(KEY, |_| async { panic!("mine") }).await };
    let panic = tokio::spawn(work).await;
    assert!(panic.unwrap_err().is_panic());
    assert!(table.row().holder().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_future_is_dropped_when_the_lease_is_lost() {
    let table = LockTable::new();
    let a = table.client("a");
    let work = a.with(KEY, |_| pending::<()>());
    let operator = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        table.delete();
    };
    let (worked, ()) = tokio::join!(work, operator);
    assert!(worked.unwrap_err().is_lost());
}

#[tokio::test]
async fn work_that_blocks_is_beaten_for_from_another_thread() {
    let table = LockTable::new();
    let fast = |settings: dynamodb_locks::Settings| {
        settings
            .lease(Duration::from_millis(500))
            .expiry(dynamodb_locks::Expiry::Clock)
    };
    let a = table.a_client("a").with(fast).ready();
    let worked = a.with_blocking(KEY, |held| {
        std::thread::sleep(Duration::from_millis(1500));
        held.lease().is_expired()
    });
    assert!(!worked.await.unwrap());
}

/// Nobody else holds the lock while work that cannot be cancelled goes on.
#[tokio::test]
async fn work_that_blocks_keeps_its_lock_until_it_has_returned_though_its_future_is_dropped() {
    let table = LockTable::new();
    let a = table.client("a");
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let working = a.with_blocking(KEY, move |held| {
        let _ = begun.send(held.lease());
        told.recv().unwrap();
    });
    let lease = {
        let mut working = std::pin::pin!(working);
        tokio::select! {
            _ = &mut working => unreachable!("the work goes on"),
            lease = begins => lease.unwrap(),
        }
    };
    let refused = a.try_acquire(KEY).await.unwrap_err();
    assert!(refused.is_busy(), "{refused}");
    assert!(!lease.is_expired());
    tell.send(()).unwrap();
    let next = a.acquire(KEY).await.unwrap();
    assert!(lease.is_expired());
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn work_that_asks_for_its_own_lock_is_refused_at_once_by_name() {
    let table = LockTable::new();
    let a = table.client("a");
    let inner = a.clone();
    let refused = a.with(KEY, |held| async move {
        assert_eq!(current().map(|held| held.fence()), Some(held.fence()));
        inner
            .with("another", |_| async {
                inner.acquire(KEY).await.unwrap_err()
            })
            .await
            .unwrap()
    });
    let refused = refused.await.unwrap();
    assert!(refused.is_reentrant());
    let expected = format!("lock `{KEY}` is held by the very work that asks for it");
    assert!(refused.to_string().starts_with(&expected), "{refused}");
    assert!(current().is_none());
}

#[tokio::test(start_paused = true)]
async fn health_tells_of_failing_heartbeats_before_the_lease_is_lost() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    assert!(matches!(
        held.health(),
        LeaseHealth {
            heartbeat_overdue: None,
            ..
        }
    ));
    table
        .dynamo()
        .plan(|_: &_| Fate::refused(Refusal::Internal));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let health = held.health();
    assert!(
        health.heartbeat_overdue.is_some() && !health.remaining.is_zero(),
        "{health:?}"
    );
    held.lost().await;
    assert!(held.health().remaining.is_zero());
    assert!(held.lease().is_expired());
}
