//! What a person forgets stays forgotten, also where its completion was moved or is still being moved.

use testkit::dynamo::Fate;
use testkit::locks::{KEY, LockTable, Step};

use super::{begin, client, crowd, deliver, event, tick};
use crate::once::LEASE;

#[tokio::test(start_paused = true)]
async fn a_moved_operation_that_is_forgotten_is_done_again() {
    let table = LockTable::new();
    crowd(&table, 3).await;
    tick().await;
    table.client("person").forget(KEY, event(0)).await.unwrap();
    assert_eq!(table.story("person"), ["enqueue", "forget", "release"]);
    let b = client(&table, "b", 2);
    assert!(deliver(&b, event(0)).await.unwrap());
    // Its new completion is moved in its turn, and found.
    for number in 10..13 {
        assert!(deliver(&b, event(number)).await.unwrap());
    }
    let c = table.client("c");
    for number in [0, 1, 2, 3, 4, 10, 11, 12] {
        assert!(!deliver(&c, event(number)).await.unwrap(), "event {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_that_arrives_after_a_person_has_forgotten_changes_nothing() {
    let table = LockTable::new();
    crowd(&table, 1).await;
    tick().await;
    // It dies with its moves on their way.
    let held = begin(&client(&table, "a", 2), event(5)).await.unwrap();
    for nth in 1..=100 {
        table.fate("a", Step::Move, nth, Fate::delivered().before(LEASE * 3));
        table.fate("a", Step::Release, nth, Fate::dropped());
        table.fate("a", Step::Heartbeat, nth, Fate::dropped());
    }
    assert!(held.complete(None).await.is_err());
    table.client("person").forget(KEY, event(1)).await.unwrap();
    tokio::time::sleep(LEASE * 5).await;
    assert!(deliver(&table.client("b"), event(1)).await.unwrap());
    assert!(!deliver(&table.client("c"), event(1)).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_late_word_of_a_person_whose_lease_was_lost_takes_no_later_completion_away() {
    let table = LockTable::new();
    crowd(&table, 3).await;
    tick().await;
    let person = table.client("person");
    for nth in 1..=100 {
        table.fate(
            "person",
            Step::Forget,
            nth,
            Fate::delivered().before(LEASE * 3),
        );
        table.fate("person", Step::Release, nth, Fate::dropped());
        table.fate("person", Step::Heartbeat, nth, Fate::dropped());
    }
    assert!(person.forget(KEY, event(0)).await.is_err());
    // Another one forgets it, it is done again, and moved.
    table.client("other").forget(KEY, event(0)).await.unwrap();
    let b = client(&table, "b", 1);
    for number in [0, 11, 12] {
        assert!(deliver(&b, event(number)).await.unwrap());
    }
    tokio::time::sleep(LEASE * 5).await;
    assert!(!deliver(&table.client("c"), event(0)).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_forgotten_beside_the_lock_stays_done() {
    let table = LockTable::new();
    crowd(&table, 3).await;
    tick().await;
    for nth in 1..=100 {
        table.fate("person", Step::Forget, nth, Fate::dropped());
    }
    let failed = table.client("person").forget(KEY, event(4)).await;
    assert!(failed.unwrap_err().is_unavailable());
    assert!(table.row().queue.is_empty());
    assert!(!deliver(&table.client("b"), event(4)).await.unwrap());
}
