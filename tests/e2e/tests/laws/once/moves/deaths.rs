//! Moves whose answers are lost, and clients that die or lose their lease between a move and its release.

use testkit::dynamo::{Fate, Refusal};
use testkit::locks::{KEY, LockTable, Step, die};
use tokio::time::timeout;

use super::{begin, client, completions, crowd, deliver, event, millis, tick};
use crate::journal::folder::Folder;
use crate::once::{LEASE, noted};

/// All that `crowd` has done, and this one, is known to others.
async fn is_known(table: &LockTable, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        let reader = table.client("reader");
        assert!(
            !deliver(&reader, event(number)).await.unwrap(),
            "event {number}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_move_is_settled_by_another_copy() {
    for fate in [
        Fate::lost(),
        Fate::dropped(),
        Fate::delivered().before(millis(700)),
        Fate::delivered().after(millis(700)),
        Fate::delivered().again(millis(5000)),
        Fate::applied_but(Refusal::Internal),
        Fate::refused(Refusal::Throttled),
    ] {
        let table = LockTable::new();
        crowd(&table, 1).await;
        table.fate("a", Step::Move, 1, fate);
        let a = client(&table, "a", 2);
        assert!(deliver(&a, event(5)).await.unwrap());
        assert_eq!(completions(&table).len(), 2);
        is_known(&table, [0, 1, 2, 5]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_moved_stays_in_the_row() {
    for fate in [Fate::dropped(), Fate::refused(Refusal::Denied)] {
        let table = LockTable::new();
        crowd(&table, 1).await;
        for nth in 1..=10 {
            table.fate("a", Step::Move, nth, fate.clone());
        }
        let a = client(&table, "a", 2);
        assert!(deliver(&a, event(5)).await.unwrap());
        assert_eq!(completions(&table).len(), 3);
        is_known(&table, [0, 1, 2, 5]).await;
        // The next one moves it.
        assert!(deliver(&client(&table, "b", 2), event(6)).await.unwrap());
        assert_eq!(completions(&table).len(), 2);
        is_known(&table, [0, 1, 2, 5, 6]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_dies_between_a_move_and_its_release_loses_nothing() {
    let (table, folder) = (LockTable::new(), Folder::new());
    crowd(&table, 1).await;
    tick().await;
    let small = table.a_client("a");
    let small = small.with(|s| s.journal(folder.path()).room_for_completions(2 * 56));
    let held = begin(&small.ready(), event(5)).await.unwrap();
    for nth in 1..=20 {
        table.fate("a", Step::Release, nth, Fate::dropped());
    }
    let mut completing = Box::pin(held.complete(None));
    let unfinished = timeout(millis(100), &mut completing).await;
    assert!(unfinished.is_err());
    assert_eq!(noted(&folder).len(), 1);
    let story = table.story("a");
    assert_eq!(story[2..4], ["move", "release never arrived"], "{story:?}");
    die(completing);
    folder.orphan();
    assert_eq!(completions(&table).len(), 2, "nothing was dropped");
    let sweep = folder.client(&table, "sweep");
    let recovery = sweep.recover_orphans(LEASE / 5).await;
    assert_eq!(recovery.recovered(), 1, "{recovery:?}");
    // Recovery completes and moves nothing, so the row is longer by one.
    assert_eq!(completions(&table).len(), 3);
    is_known(&table, [0, 1, 2, 5]).await;
    assert!(deliver(&client(&table, "b", 2), event(6)).await.unwrap());
    assert_eq!(completions(&table).len(), 2);
    is_known(&table, [0, 1, 2, 5, 6]).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_dies_before_it_has_moved_anything_has_completed_nothing() {
    let table = LockTable::new();
    crowd(&table, 1).await;
    tick().await;
    let a = client(&table, "a", 2);
    let held = begin(&a, event(5)).await.unwrap();
    for nth in 1..=20 {
        table.fate("a", Step::Move, nth, Fate::dropped());
    }
    let mut completing = Box::pin(held.complete(None));
    let unfinished = timeout(millis(20), &mut completing).await;
    assert!(unfinished.is_err());
    die(completing);
    assert!(deliver(&table.client("b"), event(5)).await.unwrap());
    is_known(&table, [0, 1, 2, 5]).await;
}

#[tokio::test(start_paused = true)]
async fn a_move_of_a_client_whose_lease_was_lost_does_no_harm() {
    let table = LockTable::new();
    crowd(&table, 1).await;
    tick().await;
    let zombie = begin(&client(&table, "a", 2), event(5)).await.unwrap();
    for nth in 1..=100 {
        table.fate("a", Step::Heartbeat, nth, Fate::dropped());
    }
    // It moves while its lease runs, the requests arrive late, and it does not release in time.
    for nth in 1..=10 {
        table.fate("a", Step::Move, nth, Fate::delivered().before(LEASE * 2));
        table.fate("a", Step::Release, nth, Fate::delivered().before(LEASE * 2));
    }
    assert!(zombie.complete(None).await.is_err());
    let b = client(&table, "b", 2);
    assert!(deliver(&b, event(5)).await.unwrap(), "it is not done");
    assert!(deliver(&b, event(6)).await.unwrap());
    tokio::time::sleep(LEASE * 4).await;
    is_known(&table, [0, 1, 2, 5, 6]).await;
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_was_completed_by_a_transaction_is_moved_like_any_other() {
    let table = LockTable::new();
    let a = client(&table, "a", 1);
    for number in 0..4 {
        tick().await;
        let held = begin(&a, event(number)).await.unwrap();
        held.handle().complete_with(Vec::new(), None).await.unwrap();
        match number % 2 {
            0 => held.complete(None).await.unwrap(),
            _ => held.release().await.unwrap(),
        }
        assert_eq!(completions(&table).len(), 1);
    }
    is_known(&table, 0..4).await;
    assert!(table.row().queue.is_empty());
    let held = table.client("b").acquire(KEY).await.unwrap();
    held.release().await.unwrap();
}
