use dynamodb_locks::Settings;
use dynamodb_locks::protocol::Fields;
use testkit::dynamo::{Fate, Gate, Refusal, Request};
use testkit::locks::{KEY, LockTable, Step};
use tokio::runtime::Handle;

use super::{LEASE, NOBODY, SECOND, millis, owners};

/// B1: tristanls/dynamodb-lock-client 1
#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_is_under_way_at_the_release_is_the_last() {
    let table = LockTable::new();
    let gate = Gate::closed();
    table.fate("a", Step::Heartbeat, 1, Fate::delivered().before(&gate));
    let held = table.client("a").acquire(KEY).await.unwrap();
    gate.reached(1).await;
    held.release().await.unwrap();
    gate.open();
    tokio::time::sleep(SECOND * 300).await;
    assert_eq!(
        table.story("a"),
        ["enqueue", "release", "heartbeat refused"]
    );
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

/// B2: tristanls/dynamodb-lock-client 21 and 35; deliveryhero/dynamodb-lock-nodejs
#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_was_applied_a_moment_ago_does_not_stop_the_release() {
    let table = LockTable::new();
    let gate = Gate::closed();
    table.fate("a", Step::Heartbeat, 1, Fate::delivered().after(&gate));
    let held = table.client("a").acquire(KEY).await.unwrap();
    gate.reached(1).await;
    held.release().await.unwrap();
    assert_eq!(table.story("a"), ["enqueue", "heartbeat", "release"]);
    drop(table.client("b").try_acquire(KEY).await.unwrap());
    gate.open();
}

/// B3: cirello-io/dynamolock 280; python_dynamodb_lock's false `LOCK_STOLEN`; dynamodb-lease
#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_was_applied_unheard_loses_no_lock() {
    for fate in [Fate::lost(), Fate::applied_but(Refusal::Internal)] {
        let table = LockTable::new();
        for nth in 1..=3 {
            table.fate("a", Step::Heartbeat, 2 * nth, fate.clone());
        }
        let held = table.client("a").acquire(KEY).await.unwrap();
        table.delivered("a", Step::Heartbeat, 6).await;
        assert!(!held.lease().is_expired());
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
}

/// B7: awslabs/amazon-dynamodb-lock-client PR 116, its second half
#[tokio::test(start_paused = true)]
async fn no_late_heartbeat_revives_a_released_lock() {
    let table = LockTable::new();
    let second_copy = Fate::delivered().again(LEASE);
    table.fate("a", Step::Heartbeat, 1, second_copy);
    let held = table.client("a").acquire(KEY).await.unwrap();
    table.delivered("a", Step::Heartbeat, 1).await;
    held.release().await.unwrap();
    let next = table.client("b").acquire(KEY).await.unwrap();
    next.release().await.unwrap();
    let before = table.row();
    tokio::time::sleep(LEASE * 2).await;
    assert_eq!(
        table.story("a").last().unwrap(),
        "heartbeat refused unheard"
    );
    assert_eq!(table.row(), before);
}

/// python_dynamodb_lock, which never heartbeats again after an outage; tristanls and dynamodb-lease, which
/// stop at the first error
#[tokio::test(start_paused = true)]
async fn heartbeats_go_on_when_an_outage_is_over() {
    let table = LockTable::new();
    for nth in 2..=7 {
        table.fate("a", Step::Heartbeat, nth, Fate::refused(Refusal::Throttled));
    }
    let held = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE * 5).await;
    assert!(!held.lease().is_expired());
    assert_eq!(held.health().heartbeat_overdue, None);
    held.release().await.unwrap();
}

/// deliveryhero/dynamodb-lock-nodejs and tristanls, where a heartbeat that fails ends the process
#[tokio::test(start_paused = true)]
async fn heartbeats_that_are_refused_for_good_end_one_lease_and_nothing_else() {
    let table = LockTable::new();
    let a = table.client("a");
    let doomed = a.acquire(KEY).await.unwrap();
    let other = a.acquire("another key").await.unwrap();
    table.dynamo().plan(|request: &Request| {
        let doomed = request.body["Key"]["id"]["S"] == KEY;
        match Step::of(request) {
            Step::Heartbeat if doomed => Fate::refused(Refusal::Denied),
            _ => Fate::delivered(),
        }
    });
    doomed.lost().await;
    assert!(!other.lease().is_expired());
    tokio::time::sleep(LEASE).await;
    assert!(!other.lease().is_expired());
    other.release().await.unwrap();
}

/// dlock, where one heartbeat that fails throws the result of the work away
#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_fails_once_costs_the_work_nothing() {
    let table = LockTable::new();
    table.fate("a", Step::Heartbeat, 1, Fate::refused(Refusal::Internal));
    let a = table.client("a");
    let work = a.with(KEY, |_| async {
        tokio::time::sleep(LEASE * 2).await;
        "mine"
    });
    assert_eq!(work.await.unwrap(), "mine");
    assert_eq!(table.story("a")[1], "heartbeat never arrived");
}

/// dlock, where the thief inherits the dead holder's short lease, and is robbed in turn
#[tokio::test(start_paused = true)]
async fn a_thief_has_its_own_lease_and_not_that_of_the_dead() {
    let table = LockTable::new();
    let dead = Fields {
        lease: SECOND,
        ..table.entry("dead", LEASE)
    };
    table.put(&table.row_of([dead]));
    let long = |s: Settings| s.lease(LEASE * 3).heartbeat_period(millis(0));
    let b = table.a_client("b").with(long).ready();
    let held = b.acquire(KEY).await.unwrap();
    assert!(
        table
            .client("c")
            .acquire(KEY)
            .await
            .unwrap_err()
            .is_timed_out()
    );
    assert!(!held.lease().is_expired());
    assert_eq!(owners(&table.row()), ["b"]);
    held.release().await.unwrap();
    assert_eq!(owners(&table.row()), NOBODY);
}
