//! The policy alone, as a server without tower uses it.

use std::time::{Duration, SystemTime};

use dynamodb_locks::OnExpiry;
use lambda_locks::{Admission, Config, Dedup, Finish, Invocation, InvocationLock, Policy};
use testkit::Clock;
use testkit::locks::{KEY, LockTable};

const ORDER: &str = r#"{"orderId": "42"}"#;

const LEASE: Duration = Duration::from_secs(10);

fn config(table: &LockTable) -> Config {
    let locks = table.client("a");
    Config::new().key("/orderId").locks(locks)
}

fn policy(config: Config) -> Policy {
    config.policy().expect("nothing is wrong")
}

/// An invocation that ends after this time.
fn ending(left: Duration) -> Invocation<'static> {
    let end = SystemTime::UNIX_EPOCH + Clock::system().since_epoch() + left;
    Invocation::new().deadline(end)
}

async fn admitted(policy: &Policy, about: Invocation<'_>) -> InvocationLock {
    match policy.admit(ORDER, about).await {
        Admission::Run(Some(lock)) => lock,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_is_admitted_with_its_lock_and_released_after_it() {
    let table = LockTable::new();
    let policy = policy(config(&table));
    let lock = admitted(&policy, ending(LEASE)).await;
    assert_eq!(lock.key().as_str(), KEY);
    let fence = lock.scope(|| lambda_locks::current().map(|held| held.fence()));
    assert_eq!(fence, Some(lock.fence()));
    lock.release().await;
    assert_eq!(table.story("a"), ["enqueue", "release"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_an_error_or_an_answer_as_the_events_source_expects() {
    let table = LockTable::new();
    let held = table
        .client("other")
        .acquire(KEY)
        .await
        .expect("it is free");
    let policy = policy(config(&table).on_busy(lambda_locks::OnBusy::Fail));
    match policy.admit(ORDER, ending(LEASE)).await {
        Admission::Fail(failure) => assert_eq!(failure.name(), "Lock.Busy"),
        other => panic!("{other:?}"),
    }
    let over_http = r#"{"orderId": 42, "requestContext": {"http": {"method": "POST"}}}"#;
    match policy.admit(over_http, ending(LEASE)).await {
        Admission::Answer(rejection) => assert_eq!(rejection.status(), Some(409)),
        other => panic!("{other:?}"),
    }
    for event in ["{}", "[", "{\"orderId\": null}"] {
        match policy.admit(event, ending(LEASE)).await {
            Admission::Fail(failure) => assert_eq!(failure.name(), "Lock.BadKey"),
            other => panic!("{other:?}"),
        }
    }
    held.release().await.expect("it is held");
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_interrupted_before_the_deadline_and_when_the_lease_is_lost() {
    let table = LockTable::new();
    let policy = policy(config(&table));
    let mut lock = admitted(&policy, ending(LEASE)).await;
    assert_eq!(lock.interrupted().await.name(), "Lock.Deadline");
    lock.release().await;
    let mut lock = admitted(&policy, ending(LEASE * 10)).await;
    table.delete();
    assert_eq!(lock.interrupted().await.name(), "Lock.Lost");
    lock.release().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_cannot_be_stopped_is_never_interrupted() {
    let table = LockTable::new();
    let policy = policy(config(&table).cannot_stop_handler());
    for left in [LEASE, LEASE * 10] {
        let mut lock = admitted(&policy, ending(left)).await;
        let interrupted = tokio::time::timeout(LEASE * 2, lock.interrupted()).await;
        assert!(interrupted.is_err(), "{interrupted:?}");
        lock.release().await;
        assert_eq!(table.row().queue.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_releases_what_is_held_and_ends_what_waits() {
    let table = LockTable::new();
    let policy = policy(config(&table).cannot_stop_handler());
    let held = admitted(&policy, ending(LEASE)).await;
    let other = table
        .client("other")
        .acquire("43")
        .await
        .expect("it is free");
    let waiting = tokio::spawn({
        let policy = policy.clone();
        async move { policy.admit(r#"{"orderId": "43"}"#, ending(LEASE)).await }
    });
    tokio::time::sleep(LEASE / 100).await;
    let left = policy.shut_down(LEASE / 10).await;
    assert!(left.is_empty(), "{left:?}");
    match waiting.await.expect("it does not panic") {
        Admission::Fail(failure) => assert_eq!(failure.name(), "Lock.Ended"),
        other => panic!("{other:?}"),
    }
    assert_eq!(table.row().queue.len(), 0);
    held.release().await;
    other.release().await.expect("it is held");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_disabled_admits_everything_without_a_lock() {
    let table = LockTable::new();
    let policy = policy(config(&table).disabled());
    for event in [ORDER, "{}"] {
        let admitted = policy.admit(event, ending(LEASE)).await;
        assert!(matches!(admitted, Admission::Run(None)), "{admitted:?}");
    }
    assert_eq!(table.dynamo().counts().total().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_done_after_an_error_that_is_named_permanent_and_after_no_other() {
    let table = LockTable::new();
    let dedup = Dedup::replay("/orderId").permanent_errors(["BadOrder", "app.Worse"]);
    let policy = policy(config(&table).dedup(dedup));
    for error in [
        Finish::Failed,
        Finish::FailedWith("Other".to_owned()),
        Finish::FailedWith("badorder".to_owned()),
        Finish::FailedWith("app.Worse".to_owned()),
    ] {
        admitted(&policy, ending(LEASE)).await.finish(error).await;
    }
    match policy.admit(ORDER, ending(LEASE)).await {
        Admission::Fail(failure) => assert_eq!(failure.name(), "Lock.ResponseGone"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_ended_invocation_that_is_dropped_is_done_if_that_was_noted() {
    let table = LockTable::new();
    let policy = policy(config(&table).dedup(Dedup::skip("/orderId")));
    for noted in [false, true] {
        let lock = admitted(&policy, ending(LEASE)).await;
        let ended = lock.ended(Finish::Answered(None));
        if noted {
            ended.note();
        }
        drop(ended);
        tokio::time::sleep(LEASE / 10).await;
        assert_eq!(table.row().queue.len(), 0);
    }
    let duplicate = policy.admit(ORDER, ending(LEASE)).await;
    assert!(matches!(duplicate, Admission::Answer(_)), "{duplicate:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fail_closed_lock_that_is_dropped_is_released_if_its_work_has_ended() {
    for (finish, left) in [
        (None, 1),
        (Some(Finish::Interrupted), 1),
        (Some(Finish::Failed), 0),
        (Some(Finish::Answered(None)), 0),
    ] {
        let table = LockTable::new();
        let closed = table.a_client("a");
        let closed = closed.with(|settings| settings.on_expiry(OnExpiry::Hold));
        let config = Config::new().key("/orderId").locks(closed.ready());
        let policy = policy(config);
        let lock = admitted(&policy, ending(LEASE)).await;
        match finish.clone() {
            Some(finish) => drop(lock.ended(finish)),
            None => drop(lock),
        }
        policy.shut_down(LEASE / 10).await;
        assert_eq!(table.row().queue.len(), left, "{finish:?}");
    }
}
