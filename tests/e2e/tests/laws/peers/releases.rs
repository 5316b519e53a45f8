use dynamodb_locks::{LockGuard, Locks};
use testkit::dynamo::{Fate, Refusal, Request};
use testkit::locks::{KEY, LockTable, Step};
use tokio::runtime::Builder;

use super::{NOBODY, SECOND, millis, owners, silent, timed};

const MANY: usize = 20;

async fn many(locks: &Locks) -> Vec<LockGuard> {
    let mut held = Vec::new();
    for number in 0..MANY {
        held.push(
            locks
                .acquire(number.to_string())
                .await
                .expect("nobody has it"),
        );
    }
    held
}

/// B7: awslabs/amazon-dynamodb-lock-client PR 116; cirello-io/dynamolock
#[tokio::test(start_paused = true)]
async fn a_release_that_fails_keeps_none_of_the_others() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = many(&a).await;
    table.dynamo().plan(
        |request: &Request| match request.body["Key"]["id"]["S"].as_str() {
            Some("0") => Fate::refused(Refusal::Denied),
            _ => Fate::delivered().after(millis(100)),
        },
    );
    let (left, took) = timed(&table, a.release_all(SECOND)).await;
    let left: Vec<_> = left.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(left, ["0"]);
    assert!(took < millis(200), "in parallel: {took:?}");
    let b = table.client("b");
    for number in 1..MANY {
        drop(b.try_acquire(number.to_string()).await.unwrap());
    }
    drop(held);
}

/// deliveryhero/dynamodb-lock-nodejs, whose `releaseAllLocks` sends nothing
#[tokio::test(start_paused = true)]
async fn releasing_everything_releases_everything() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = many(&a).await;
    assert!(a.release_all(SECOND).await.is_empty());
    let released = table.story("a").split_off(MANY);
    assert_eq!(released, ["release"; MANY]);
    drop(held);
}

/// cirello-io/dynamolock, whose `Close` waits for the waiting clients, while its other locks expire
#[tokio::test(start_paused = true)]
async fn releasing_everything_is_blocked_by_nobody_who_waits() {
    let table = LockTable::new();
    let other = table.client("b").acquire(KEY).await.unwrap();
    let a = table.client("a");
    let held = a.acquire("another key").await.unwrap();
    let waiter = a.clone();
    let waiting = tokio::spawn(async move { waiter.acquire(KEY).await });
    table.delivered("a", Step::Poll, 3).await;
    let (left, took) = timed(&table, a.release_all(SECOND)).await;
    assert!(left.is_empty());
    assert!(took < millis(10), "{took:?}");
    assert!(waiting.await.unwrap().is_err());
    held.release().await.unwrap();
    other.release().await.unwrap();
}

/// B12: gruntwork PR 46
#[tokio::test(start_paused = true)]
async fn a_release_is_sent_again_until_it_is_settled() {
    for fate in [
        Fate::dropped(),
        Fate::lost(),
        Fate::refused(Refusal::Throttled),
        Fate::refused(Refusal::Internal),
    ] {
        let table = LockTable::new();
        for nth in 1..=4 {
            table.fate("a", Step::Release, nth, fate.clone());
        }
        let held = table.client("a").acquire(KEY).await.unwrap();
        held.release().await.unwrap();
        assert_eq!(owners(&table.row()), NOBODY);
    }
}

/// B12: gruntwork PR 46; tristanls and deliveryhero, which call it a success
#[tokio::test(start_paused = true)]
async fn a_release_that_runs_out_of_time_says_that_nobody_knows() {
    let table = LockTable::new();
    for nth in 1..=100 {
        table.fate("a", Step::Release, nth, Fate::dropped());
    }
    let held = table.client("a").acquire(KEY).await.unwrap();
    let (released, took) = timed(&table, held.release_within(SECOND)).await;
    assert!(released.unwrap_err().is_unknown());
    assert!(took <= SECOND + millis(100), "{took:?}");
    assert!(table.story("a").len() > 4, "{:?}", table.story("a"));
}

/// dynamodblock, ShedLock and dynamodb-mutex, which release whatever lock is there
#[tokio::test(start_paused = true)]
async fn a_holder_that_came_too_late_does_not_release_its_successor() {
    let table = LockTable::new();
    let late = silent(&table, "a").acquire(KEY).await.unwrap();
    let next = table.client("b").acquire(KEY).await.unwrap();
    let before = table.row();
    assert!(late.release().await.unwrap_err().is_lost());
    assert_eq!(table.row(), before);
    assert_eq!(owners(&before), ["b"]);
    next.release().await.unwrap();
}

/// 360MediaDirect/dynamodb-locks, where the release's error replaces the work's; python_dynamodb_lock,
/// whose `with` swallows both
#[tokio::test(start_paused = true)]
async fn a_release_that_fails_does_not_hide_the_error_of_the_work() {
    let table = LockTable::new();
    table.fate("a", Step::Release, 1, Fate::refused(Refusal::Denied));
    let a = table.client("a");
    let worked: Result<(), &str> = a.with(KEY, |_| async { Err("mine") }).await.unwrap();
    assert_eq!(worked, Err("mine"));
    assert_eq!(table.story("a"), ["enqueue", "release never arrived"]);
}

/// dynamodb-lease, whose guard spawns its release, and panics where there is no runtime
#[test]
fn a_lock_can_be_dropped_where_no_runtime_is() {
    let runtime = Builder::new_current_thread();
    let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
    let (table, held) = runtime.block_on(async {
        let table = LockTable::new();
        let held = table.client("a").acquire(KEY).await.unwrap();
        (table, held)
    });
    drop(runtime);
    drop(held);
    assert_eq!(table.story("a"), ["enqueue"], "and sends nothing");
}
