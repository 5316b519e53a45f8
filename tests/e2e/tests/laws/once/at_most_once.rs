//! What is done at most once: law 19 of DESIGN.md.

use std::time::Duration;

use dynamodb_locks::protocol::OperationState;
use dynamodb_locks::{AcquireOptions, Error, LockGuard, LockHandle, Locks, Once, Operation};
use testkit::dynamo::Fate;
use testkit::locks::{KEY, LockTable, Step, die};

use super::{LEASE, is_attempted, is_completed, millis, payment, states, tick};
use crate::journal::folder::Folder;

const RELEASE: Duration = Duration::from_secs(3);

fn charge() -> Operation {
    payment().at_most_once()
}

fn limits() -> AcquireOptions {
    AcquireOptions::wait(millis(20_000)).operation(charge())
}

async fn begin(locks: &Locks) -> Result<LockGuard, Error> {
    locks.acquire_with(KEY, limits()).await
}

/// Does the operation, and tells whether it was done just now.
async fn charged(locks: &Locks) -> Result<bool, Error> {
    let charged = locks.once(KEY, charge(), async |_| Ok::<_, ()>(())).await?;
    Ok(matches!(charged, Once::Done(())))
}

fn is_begun(table: &LockTable) -> bool {
    matches!(states(table)[..], [OperationState::Begun(_)])
}

#[tokio::test(start_paused = true)]
async fn a_run_says_that_it_begins_before_it_acts_at_no_further_cost() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = begin(&a).await.unwrap();
    assert!(is_begun(&table) && !held.handle().was_attempted());
    held.complete(None).await.unwrap();
    assert!(is_completed(&table));
    assert_eq!(table.story("a"), ["try", "release"]);
    tick().await;
    assert!(!charged(&table.client("b")).await.unwrap());
    assert_eq!(table.story("b"), ["try refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waited_says_that_it_begins_with_one_more_write() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let b = table.client("b");
    let waits = tokio::spawn(async move { begin(&b).await });
    table.delivered("b", Step::Poll, 1).await;
    assert!(states(&table).is_empty());
    held.release().await.unwrap();
    let held = waits.await.unwrap().unwrap();
    assert!(is_begun(&table));
    held.complete(None).await.unwrap();
    let mut story = table.story("b");
    story.retain(|step| step != "poll");
    assert_eq!(story, ["try refused", "enqueue", "heartbeat", "release"]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_waits_for_a_run_that_is_at_work_and_is_answered() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    tick().await;
    let b = table.client("b");
    let waits = tokio::spawn(async move { charged(&b).await });
    table.delivered("b", Step::Poll, 2).await;
    held.complete(None).await.unwrap();
    assert!(!waits.await.unwrap().unwrap());
    assert!(table.row().queue.is_empty() && is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_dropped_is_not_repeated() {
    let table = LockTable::new();
    drop(begin(&table.client("a")).await.unwrap());
    tokio::time::sleep(millis(100)).await;
    assert!(table.row().queue.is_empty() && is_begun(&table));
    let b = table.client("b");
    let refused = charged(&b).await.unwrap_err();
    assert!(refused.is_interrupted(), "{refused}");
    assert_eq!(
        refused.to_string(),
        "a run of the operation has begun under lock `42`, and it is not known how it ended; the operation is done at \
         most once: find out, and forget it if it is to run again"
    );
    assert_eq!(table.story("b"), ["try refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_died_is_not_repeated_after_any_removal() {
    let table = LockTable::new();
    die(begin(&table.client("a")).await.unwrap());
    // It waits for the end of the lease, evicts the dead run, and does not take its place.
    let refused = begin(&table.client("b")).await.unwrap_err();
    assert!(refused.is_interrupted(), "{refused}");
    assert!(table.row().queue.is_empty() && is_begun(&table));
    let person = table.client("person");
    let (table, folder) = (LockTable::new(), Folder::new());
    die(begin(&folder.client(&table, "a")).await.unwrap());
    folder.orphan();
    let sweep = folder.client(&table, "sweep");
    assert_eq!(sweep.recover_orphans(LEASE / 5).await.recovered(), 1);
    assert!(table.row().queue.is_empty() && is_begun(&table));
    drop(person);
}

#[tokio::test(start_paused = true)]
async fn a_forced_release_keeps_the_run_from_being_repeated() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    let person = table.client("person");
    assert!(
        person
            .force_release(KEY, held.fence(), "ada")
            .await
            .unwrap()
    );
    assert!(
        begin(&table.client("b"))
            .await
            .unwrap_err()
            .is_interrupted()
    );
    die(held);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_behind_a_run_that_dies_is_told_so_in_its_turn() {
    let table = LockTable::new();
    let dead = begin(&table.client("a")).await.unwrap();
    let waits: Vec<_> = (0..3)
        .map(|n| {
            let locks = table.client(&format!("b{n}"));
            tokio::spawn(async move { begin(&locks).await })
        })
        .collect();
    tokio::time::sleep(millis(1000)).await;
    die(dead);
    for waits in waits {
        assert!(waits.await.unwrap().unwrap_err().is_interrupted());
    }
    assert!(table.row().queue.is_empty() && is_begun(&table));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_lease_was_lost_is_not_repeated() {
    let table = LockTable::new();
    let zombie = begin(&table.client("a")).await.unwrap();
    for nth in 1..=100 {
        table.fate("a", Step::Heartbeat, nth, Fate::dropped());
    }
    let refused = begin(&table.client("b")).await.unwrap_err();
    assert!(refused.is_interrupted(), "{refused}");
    assert!(zombie.complete(None).await.unwrap_err().is_lost());
    assert!(is_begun(&table));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_and_says_so_may_be_repeated() {
    let table = LockTable::new();
    let a = table.client("a");
    let failed = a.once(KEY, charge(), async |_| Err::<(), _>("no money"));
    assert_eq!(failed.await.unwrap(), Once::Failed("no money"));
    assert!(states(&table).is_empty());
    tick().await;
    begin(&a).await.unwrap().release().await.unwrap();
    tick().await;
    let held = begin(&a).await.unwrap();
    held.release_unused(RELEASE).await.unwrap();
    tick().await;
    assert!(charged(&table.client("b")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_or_was_stopped_is_not_repeated() {
    let table = LockTable::new();
    let a = table.client("a");
    let panics = tokio::spawn({
        let a = a.clone();
        async move {
            let work = async |_: LockHandle| -> Result<(), ()> { panic!("at work") };
            a.once(KEY, charge(), work).await
        }
    });
    assert!(panics.await.unwrap_err().is_panic());
    assert!(table.row().queue.is_empty() && is_begun(&table));
    tick().await;
    assert!(charged(&a).await.unwrap_err().is_interrupted());

    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    held.release_interrupted(RELEASE).await.unwrap();
    assert!(table.row().queue.is_empty() && is_begun(&table));
}

#[tokio::test(start_paused = true)]
async fn what_release_all_takes_over_in_mid_work_is_not_repeated() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = begin(&a).await.unwrap();
    assert!(a.release_all(LEASE / 5).await.is_empty());
    assert!(held.complete(None).await.unwrap_err().is_lost());
    assert!(charged(&a).await.unwrap_err().is_interrupted());
}

#[tokio::test(start_paused = true)]
async fn a_person_who_forgets_the_run_lets_it_begin_again() {
    let table = LockTable::new();
    drop(begin(&table.client("a")).await.unwrap());
    tokio::time::sleep(millis(100)).await;
    table.client("person").forget(KEY, charge()).await.unwrap();
    assert!(charged(&table.client("b")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_run_may_begin_again_when_its_window_is_over() {
    let table = LockTable::new();
    let short = AcquireOptions::wait(millis(1000)).operation(charge().window(LEASE));
    drop(table.client("a").acquire_with(KEY, short).await.unwrap());
    tokio::time::sleep(LEASE - millis(2000)).await;
    let b = table.client("b");
    let refused = b.acquire_with(KEY, short).await.unwrap_err();
    assert!(refused.is_interrupted(), "{refused}");
    tokio::time::sleep(millis(6000)).await;
    let held = b.acquire_with(KEY, short).await.unwrap();
    held.complete(None).await.unwrap();
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_write_that_begins_a_run_is_settled() {
    for fate in [
        Fate::lost(),
        Fate::dropped(),
        Fate::delivered().before(millis(700)),
    ] {
        let table = LockTable::new();
        table.fate("a", Step::Try, 1, fate.clone());
        assert!(charged(&table.client("a")).await.unwrap());
        let held = table.client("x").acquire(KEY).await.unwrap();
        table.client("x").forget("other", charge()).await.unwrap();
        let b = table.client("b");
        table.fate("b", Step::Heartbeat, 1, fate);
        let other = AcquireOptions::wait(millis(20_000))
            .operation(Operation::new("payments", "invoice-9").at_most_once());
        let waits = tokio::spawn(async move { b.acquire_with(KEY, other).await });
        table.delivered("b", Step::Poll, 1).await;
        held.release().await.unwrap();
        waits.await.unwrap().unwrap().complete(None).await.unwrap();
        assert!(is_done_twice(&table), "{:?}", states(&table));
    }
}

fn is_done_twice(table: &LockTable) -> bool {
    let states = states(table);
    let done = states.iter();
    done.filter(|state| matches!(state, OperationState::Completed(_)))
        .count()
        == 2
}

#[tokio::test(start_paused = true)]
async fn an_acquisition_that_is_dropped_before_it_holds_leaves_no_run_behind() {
    let table = LockTable::new();
    let a = table.client("a");
    table.fate("a", Step::Try, 1, Fate::lost());
    for nth in 2..=20 {
        table.fate("a", Step::Try, nth, Fate::dropped());
    }
    let begins = tokio::spawn({
        let a = a.clone();
        async move { begin(&a).await.map(drop) }
    });
    tokio::time::sleep(millis(50)).await;
    assert!(is_begun(&table));
    begins.abort();
    tokio::time::sleep(millis(500)).await;
    let (story, states) = (table.story("a"), states(&table));
    assert!(table.row().queue.is_empty(), "{story:?}");
    assert!(states.is_empty(), "{states:?} {story:?}");
    assert!(charged(&table.client("b")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_runs_an_operation_at_least_once_does_not_mind_an_interrupted_run() {
    let table = LockTable::new();
    drop(begin(&table.client("a")).await.unwrap());
    tokio::time::sleep(millis(100)).await;
    let held = super::begin(&table.client("b")).await.unwrap();
    assert!(held.handle().was_attempted());
    held.release().await.unwrap();
    assert!(is_begun(&table) && !is_attempted(&table));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_completes_what_has_begun() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    held.handle().complete_with(Vec::new(), None).await.unwrap();
    drop(held);
    tokio::time::sleep(millis(100)).await;
    assert!(is_completed(&table) && table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_whose_begin_was_not_answered_in_time_has_not_begun() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let b = table.client("b");
    let limits = AcquireOptions::wait(millis(2000)).operation(charge());
    // Its turn comes at the end of its wait: the write that begins is applied, and the answer comes too late.
    table.fate(
        "b",
        Step::Heartbeat,
        1,
        Fate::delivered().after(millis(4000)),
    );
    for nth in 2..=20 {
        table.fate("b", Step::Heartbeat, nth, Fate::dropped());
    }
    let waits = tokio::spawn(async move { b.acquire_with(KEY, limits).await });
    tokio::time::sleep(millis(1500)).await;
    held.release().await.unwrap();
    assert!(waits.await.unwrap().is_err());
    tokio::time::sleep(millis(10_000)).await;
    assert!(
        charged(&table.client("c")).await.unwrap(),
        "nothing has run"
    );
}
