//! What libraries for idempotency have been seen to get wrong, and does not happen here.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Once};
use testkit::dynamo::Fate;
use testkit::locks::{KEY, LockTable, Step, die};

use super::{LEASE, begin, is_attempted, is_completed, millis, pay, payment, refund, tick};

/// Lambda retries an asynchronous event a minute after it failed.
const FIRST_RETRY: Duration = Duration::from_secs(60);

/// A record in progress that is kept until the function's timeout turns the retries away, and the event is dropped.
#[tokio::test(start_paused = true)]
async fn a_run_that_died_is_no_obstacle_to_the_first_retry() {
    let table = LockTable::new();
    die(begin(&table.client("a")).await.unwrap());
    tokio::time::sleep(FIRST_RETRY).await;
    let begun = table.clock().now();
    assert!(pay(&table.client("b")).await.unwrap());
    assert!(table.since(begun) < millis(100));
}

/// An unconditional delete after a failure takes away the record of the run that has taken over.
#[tokio::test(start_paused = true)]
async fn a_run_that_lost_its_lease_and_fails_leaves_its_successor_alone() {
    let table = LockTable::new();
    let zombie = begin(&table.client("a")).await.unwrap();
    for nth in 1..=100 {
        table.fate("a", Step::Heartbeat, nth, Fate::dropped());
    }
    let successor = begin(&table.client("b")).await.unwrap();
    let before = table.row();
    assert!(zombie.release().await.unwrap_err().is_lost());
    assert_eq!(table.row(), before);
    let third = AcquireOptions::wait(Duration::ZERO).operation(payment());
    let third = table.client("c").acquire_with(KEY, third).await;
    assert!(third.unwrap_err().is_busy());
    successor.complete(None).await.unwrap();
}

/// A duplicate that is turned away deletes the record of the run at work, or of the one that is done.
#[tokio::test(start_paused = true)]
async fn a_refused_duplicate_changes_nothing() {
    let table = LockTable::new();
    let of = |request: &str| {
        AcquireOptions::wait(Duration::ZERO).operation(payment().fingerprint(request))
    };
    let held = table.client("a").acquire_with(KEY, of("ten euros")).await;
    let (held, at_work) = (held.unwrap(), table.row());
    let b = table.client("b");
    assert!(
        b.acquire_with(KEY, of("ten euros"))
            .await
            .unwrap_err()
            .is_busy()
    );
    assert_eq!(table.row(), at_work);
    held.complete(None).await.unwrap();
    let done = table.row();
    for (request, reused) in [("ten euros", false), ("a thousand", true)] {
        let refused = b.acquire_with(KEY, of(request)).await.unwrap_err();
        assert_eq!(refused.is_key_reused(), reused, "{refused}");
        assert_eq!(table.row(), done);
    }
}

/// An operation within another one completes under the inner one's key, and the outer one stays in progress.
#[tokio::test(start_paused = true)]
async fn an_operation_within_another_completes_its_own() {
    let (table, mails) = (LockTable::new(), AtomicU32::new(0));
    let a = table.client("a");
    let mail = async || {
        let sent = a.once("mail", refund(), async |_| {
            mails.fetch_add(1, Ordering::Relaxed);
            Ok::<_, ()>(())
        });
        sent.await.map(drop).map_err(drop)
    };
    for outer in [true, false] {
        let paid = a
            .once(KEY, payment(), async |_| mail().await)
            .await
            .unwrap();
        assert_eq!(matches!(paid, Once::Done(())), outer);
        tick().await;
    }
    assert_eq!(mails.load(Ordering::Relaxed), 1);
    // Within its own lock it would wait for itself.
    let b = table.client("b");
    let within = b.once(KEY, refund(), async |_| pay(&b).await);
    let Ok(Once::Failed(refused)) = within.await else {
        panic!("it cannot be done")
    };
    assert!(refused.is_reentrant(), "{refused}");
}

/// The error of the store replaces the work's own, or its success.
#[tokio::test(start_paused = true)]
async fn what_the_work_returns_stands_when_it_cannot_be_recorded() {
    for fails in [true, false] {
        let table = LockTable::new();
        for nth in 1..=100 {
            table.fate("a", Step::Release, nth, Fate::dropped());
        }
        let a = table.client("a");
        let work = async |_| match fails {
            true => Err("no money"),
            false => Ok("paid"),
        };
        let ended = a.once(KEY, payment(), work).await.unwrap();
        let expected = match fails {
            true => Once::Failed("no money"),
            false => Once::Done("paid"),
        };
        assert_eq!(ended, expected);
        for nth in 1..=100 {
            table.fate("a", Step::Release, nth, Fate::delivered());
        }
        // What could not be recorded is recorded by the client's next call.
        tokio::time::sleep(LEASE / 10).await;
        drop(a.acquire("another lock").await.unwrap());
        tokio::time::sleep(LEASE * 2).await;
        assert_eq!(is_completed(&table), !fails);
        assert_eq!(is_attempted(&table), fails);
    }
}

/// Without the store the work runs unprotected.
#[tokio::test(start_paused = true)]
async fn nothing_runs_while_the_table_does_not_answer() {
    let (table, runs) = (LockTable::new(), AtomicU32::new(0));
    for nth in 1..=100 {
        table.fate("a", Step::Enqueue, nth, Fate::dropped());
        table.fate("a", Step::Invalidate, nth, Fate::dropped());
    }
    let a = table.client("a");
    let work = async |_| {
        runs.fetch_add(1, Ordering::Relaxed);
        Ok::<_, ()>(())
    };
    let failed = a.once(KEY, payment(), work).await.unwrap_err();
    assert!(failed.is_unavailable(), "{failed}");
    assert_eq!(runs.load(Ordering::Relaxed), 0);
}

/// The second of two equal records of one batch is reported as failed, and delivered again.
#[tokio::test(start_paused = true)]
async fn an_operation_that_is_twice_in_a_batch_is_completed_once() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    let records = [payment(), refund(), payment()];
    held.complete_all(&records, LEASE / 4).await.unwrap();
    assert_eq!(table.row().operations.len(), 2);
    assert_eq!(table.story("a"), ["enqueue", "release"]);
}
