//! Runs that die, that lose their lease, and whose answers are lost.

use dynamodb_locks::{AcquireOptions, ErrorKind, RecoveryOutcome};
use testkit::dynamo::{Fate, Refusal};
use testkit::locks::{KEY, LockTable, Step, die};

use super::{LEASE, begin, is_attempted, is_completed, millis, noted, pay, payment, states, tick};
use crate::journal::folder::Folder;

#[tokio::test(start_paused = true)]
async fn a_run_whose_lease_was_lost_neither_completes_nor_overwrites() {
    let table = LockTable::new();
    let zombie = begin(&table.client("a")).await.unwrap();
    for nth in 1..=100 {
        table.fate("a", Step::Heartbeat, nth, Fate::dropped());
    }
    let successor = begin(&table.client("b")).await.unwrap();
    assert!(successor.handle().was_attempted());
    let lost = zombie.complete(None).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Lost, "{lost}");
    assert!(is_attempted(&table));
    let fence = successor.fence();
    successor.complete(None).await.unwrap();
    let completed = begin(&table.client("c")).await.unwrap_err();
    assert_eq!(completed.completion().unwrap().fence(), fence);
}

#[tokio::test(start_paused = true)]
async fn a_completion_of_a_lost_run_that_arrives_late_changes_nothing() {
    let table = LockTable::new();
    let zombie = begin(&table.client("a")).await.unwrap();
    for nth in 1..=100 {
        table.fate("a", Step::Heartbeat, nth, Fate::dropped());
        table.fate("a", Step::Release, nth, Fate::delivered().before(LEASE * 2));
    }
    assert!(zombie.complete(None).await.is_err());
    let successor = begin(&table.client("b")).await.unwrap();
    tokio::time::sleep(LEASE / 2).await;
    successor.release().await.unwrap();
    tokio::time::sleep(LEASE * 3).await;
    assert!(is_attempted(&table), "{:?}", states(&table));
    assert!(pay(&table.client("c")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_completing_write_is_settled() {
    for fate in [
        Fate::lost(),
        Fate::dropped(),
        Fate::delivered().before(millis(700)),
        Fate::delivered().after(millis(700)),
        Fate::applied_but(Refusal::Internal),
        Fate::refused(Refusal::Throttled),
    ] {
        let table = LockTable::new();
        table.fate("a", Step::Release, 1, fate);
        assert!(pay(&table.client("a")).await.unwrap());
        assert!(is_completed(&table) && table.row().queue.is_empty());
        tick().await;
        assert!(!pay(&table.client("b")).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_settled_by_the_fence_even_when_the_lease_is_over() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    tokio::time::sleep(LEASE / 4).await;
    table.fate("a", Step::Release, 1, Fate::lost());
    let fence = held.fence();
    held.complete(None).await.unwrap();
    let completed = begin(&table.client("b")).await.unwrap_err();
    assert_eq!(completed.completion().unwrap().fence(), fence);
}

#[tokio::test(start_paused = true)]
async fn a_lost_enqueue_is_no_duplicate() {
    for fate in [
        Fate::lost(),
        Fate::dropped(),
        Fate::applied_but(Refusal::Internal),
    ] {
        let table = LockTable::new();
        table.fate("a", Step::Enqueue, 1, fate);
        assert!(pay(&table.client("a")).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_run_leaves_an_attempt_after_any_removal() {
    let table = LockTable::new();
    die(begin(&table.client("a")).await.unwrap());
    let successor = begin(&table.client("b")).await.unwrap();
    assert!(successor.handle().was_attempted());
    assert!(is_attempted(&table));
    successor.complete(None).await.unwrap();
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_behind_a_dead_run_learns_of_the_attempt() {
    let table = LockTable::new();
    let dead = begin(&table.client("a")).await.unwrap();
    let b = table.client("b");
    let waits = tokio::spawn(async move { begin(&b).await });
    table.delivered("b", Step::Poll, 1).await;
    die(dead);
    let successor = waits.await.unwrap().unwrap();
    assert!(successor.handle().was_attempted());
    successor.complete(None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn killed_between_the_effect_and_the_completion_it_is_completed_by_recovery() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = begin(&folder.client(&table, "a")).await.unwrap();
    for nth in 1..=20 {
        table.fate("a", Step::Release, nth, Fate::dropped());
    }
    // The work has ended and is noted; no copy of the completion arrives before the process dies.
    let completing = tokio::spawn(held.complete(None));
    tokio::time::sleep(millis(100)).await;
    let noted = noted(&folder);
    assert!(
        noted.len() == 1 && noted[0].starts_with("done "),
        "{noted:?}"
    );
    completing.abort();
    folder.orphan();
    let sweep = folder.client(&table, "sweep");
    let recovery = sweep.recover_orphans(LEASE / 5).await;
    let outcome = &recovery.entries().next().unwrap().outcome;
    assert_eq!(*outcome.as_ref().unwrap(), RecoveryOutcome::Completed);
    assert!(is_completed(&table) && table.row().queue.is_empty());
    assert!(!pay(&table.client("b")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn killed_at_work_it_runs_again_and_knows() {
    let (table, folder) = (LockTable::new(), Folder::new());
    die(begin(&folder.client(&table, "a")).await.unwrap());
    folder.orphan();
    let sweep = folder.client(&table, "sweep");
    assert_eq!(sweep.recover_orphans(LEASE / 5).await.recovered(), 1);
    assert!(is_attempted(&table));
    let again = begin(&table.client("b")).await.unwrap();
    assert!(again.handle().was_attempted());
    again.complete(None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_note_of_another_run_completes_nothing() {
    let (table, folder) = (LockTable::new(), Folder::new());
    die(begin(&folder.client(&table, "a")).await.unwrap());
    folder.orphan();
    let file = folder.files().remove(0);
    let mut intent = folder.intents().remove(0);
    let (_, operation) = intent["entry"].as_str().unwrap().split_once('@').unwrap();
    let line = "done 9999999999 1763640123456789 - none";
    intent["completions"] = serde_json::json!({ operation: line });
    folder.write(
        file.file_name().unwrap().to_str().unwrap(),
        &intent.to_string(),
    );
    let sweep = folder.client(&table, "sweep");
    sweep.recover_orphans(LEASE / 5).await;
    assert!(is_attempted(&table));
}

#[tokio::test(start_paused = true)]
async fn a_recovery_that_comes_too_late_completes_nothing() {
    let (table, folder) = (LockTable::new(), Folder::new());
    let held = begin(&folder.client(&table, "a")).await.unwrap();
    for nth in 1..=20 {
        table.fate("a", Step::Release, nth, Fate::dropped());
    }
    let completing = tokio::spawn(held.complete(None));
    tokio::time::sleep(millis(100)).await;
    completing.abort();
    folder.orphan();
    let successor = begin(&table.client("b")).await.unwrap();
    let sweep = folder.client(&table, "sweep");
    let recovery = sweep.recover_orphans(LEASE / 5).await;
    let outcome = &recovery.entries().next().unwrap().outcome;
    assert_eq!(*outcome.as_ref().unwrap(), RecoveryOutcome::Gone);
    assert!(is_attempted(&table));
    successor.complete(None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_release_all_takes_over_is_completed() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = begin(&a).await.unwrap();
    for nth in 1..=2 {
        table.fate("a", Step::Release, nth, Fate::dropped());
    }
    let completing = tokio::spawn(held.complete(None));
    tokio::time::sleep(millis(100)).await;
    let left = a.release_all(LEASE / 5).await;
    assert!(left.is_empty(), "{left:?}");
    drop(completing);
    assert!(is_completed(&table) && table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_release_all_released_before_its_end_is_not_done_and_nobody_is_told_so() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = begin(&a).await.unwrap();
    assert!(a.release_all(LEASE / 5).await.is_empty());
    let lost = held.complete(None).await.unwrap_err();
    assert!(lost.is_lost(), "{lost}");
    assert!(is_attempted(&table));
    assert!(pay(&a).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_release_all_takes_over_is_known_to_be_done_only_when_the_table_has_said_so() {
    let table = LockTable::new();
    let a = table.client("a");
    let limits = AcquireOptions::wait(LEASE).operation(payment().replays());
    let held = a.acquire_with(KEY, limits).await.unwrap();
    table.fate(
        "a",
        Step::KeepResponse,
        1,
        Fate::delivered().before(millis(300)),
    );
    for nth in 1..=100 {
        table.fate("a", Step::Release, nth, Fate::dropped());
    }
    let completing = tokio::spawn(held.complete(Some("x".repeat(2048))));
    tokio::time::sleep(millis(100)).await;
    assert_eq!(a.release_all(millis(700)).await.len(), 1);
    // It is recorded, so the next attempt to release the lock completes it.
    completing.await.unwrap().unwrap();
    assert!(states(&table).is_empty());
    for nth in 1..=100 {
        table.fate("a", Step::Release, nth, Fate::delivered());
    }
    let done = begin(&a).await.unwrap_err();
    assert!(done.is_completed() && !done.is_from_memory(), "{done}");
    assert!(is_completed(&table));
}

#[tokio::test(start_paused = true)]
async fn a_forced_release_leaves_an_attempt() {
    let table = LockTable::new();
    let held = begin(&table.client("a")).await.unwrap();
    let person = table.client("person");
    let forced = person.force_release(KEY, held.fence(), "ada").await;
    assert!(forced.unwrap());
    assert!(is_attempted(&table));
    die(held);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_gives_up_leaves_no_attempt() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let limits = AcquireOptions::wait(millis(1000)).operation(payment());
    let waited = table.client("b").acquire_with(KEY, limits).await;
    assert!(waited.unwrap_err().is_timed_out());
    held.release().await.unwrap();
    assert!(states(&table).is_empty());
}
