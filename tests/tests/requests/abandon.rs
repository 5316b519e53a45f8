use dynamodb_locks::protocol::{Micros, Row};
use dynamodb_locks::{Error, Limits, Locks};
use tokio::task::JoinHandle;
use world::dynamo::{Fate, Gate};
use world::locks::{KEY, LockTable, Step};

use super::{JUST_NOW, millis, owners};

/// Waits, and gives up before its turn can have come.
async fn wait_in_vain(locks: Locks) -> Error {
    let limits = Limits::wait(millis(300));
    let refusal = locks
        .acquire_within(KEY, limits)
        .await
        .expect_err("it is held");
    assert!(refusal.is_timed_out(), "{refusal}");
    refusal
}

fn last(story: &[String], many: usize) -> Vec<&str> {
    let from = story.len().saturating_sub(many);
    story[from..].iter().map(String::as_str).collect()
}

/// A row with a holder and a waiter, both alive.
fn two(table: &LockTable) -> Row {
    let (holder, waiter) = (
        table.entry("holder", JUST_NOW),
        table.entry("waiter", JUST_NOW / 2),
    );
    table.row_of([holder, waiter])
}

fn one(table: &LockTable) -> Row {
    table.row_of([table.entry("holder", JUST_NOW)])
}

#[tokio::test(start_paused = true)]
async fn whoever_is_third_or_later_leaves_the_anchor_alone() {
    for anchor in [None, Some(JUST_NOW)] {
        let table = LockTable::new();
        let anchor = anchor.map(|ago| table.ago(ago));
        table.put(&Row {
            anchor,
            ..two(&table)
        });
        wait_in_vain(table.client("a")).await;
        assert_eq!(last(&table.story("a"), 1), ["abandon quietly"]);
        assert_eq!(owners(&table.row()), ["holder", "waiter"]);
        assert_eq!(table.row().anchor, anchor);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_second_raises_the_anchor() {
    for anchor in [None, Some(JUST_NOW)] {
        let table = LockTable::new();
        let anchor = anchor.map(|ago| table.ago(ago));
        table.put(&Row {
            anchor,
            ..one(&table)
        });
        wait_in_vain(table.client("a")).await;
        assert_eq!(last(&table.story("a"), 1), ["abandon raising"]);
        assert_eq!(owners(&table.row()), ["holder"]);
        // A successor may be first by this, and its lease counts from here.
        assert!(table.row().anchor >= Some(table.now()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_anchor_that_is_later_is_never_lowered() {
    let table = LockTable::new();
    let ahead = Some(Micros(table.now().0 + 3_000_000));
    table.put(&Row {
        anchor: ahead,
        ..one(&table)
    });
    wait_in_vain(table.client("a")).await;
    let story = table.story("a");
    assert_eq!(
        last(&story, 2),
        ["abandon raising refused", "abandon under"]
    );
    assert_eq!(owners(&table.row()), ["holder"]);
    assert_eq!(table.row().anchor, ahead);
}

/// A client that gives up, and whose abandoning is held up on its way.
async fn held_up(table: &LockTable, step: Step, nth: usize) -> (Gate, JoinHandle<Error>) {
    let gate = Gate::closed();
    table.fate("a", step, nth, Fate::delivered().before(&gate));
    let leaving = tokio::spawn(wait_in_vain(table.client("a")));
    gate.reached(1).await;
    (gate, leaving)
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_somebody_took_out_is_gone_and_nothing_else_happens() {
    for (row, step) in [
        (two as fn(&_) -> _, Step::AbandonQuietly),
        (one, Step::AbandonRaising),
    ] {
        let table = LockTable::new();
        let others = row(&table);
        table.put(&others);
        let (gate, leaving) = held_up(&table, step, 1).await;
        let removed = Row {
            queue: others.queue,
            ..table.row()
        };
        table.put(&removed);
        gate.open();
        leaving.await.unwrap();
        assert_eq!(last(&table.story("a"), 1), [format!("{step} refused")]);
        assert_eq!(table.row(), removed);
    }
}

#[tokio::test(start_paused = true)]
async fn an_anchor_that_moves_while_it_is_left_alone_is_raised_after_all() {
    let table = LockTable::new();
    let ahead = Some(Micros(table.now().0 + 3_000_000));
    table.put(&Row {
        anchor: ahead,
        ..one(&table)
    });
    let (gate, leaving) = held_up(&table, Step::AbandonUnder, 1).await;
    table.put(&Row {
        anchor: None,
        ..table.row()
    });
    gate.open();
    leaving.await.unwrap();
    let story = table.story("a");
    assert_eq!(
        last(&story, 2),
        ["abandon under refused", "abandon raising"]
    );
    assert_eq!(owners(&table.row()), ["holder"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_does_nothing() {
    let rows = [
        (two as fn(&_) -> _, Step::AbandonQuietly),
        (one, Step::AbandonRaising),
    ];
    for (row, step) in rows {
        let table = LockTable::new();
        table.put(&row(&table));
        table.fate("a", step, 1, Fate::delivered().again(millis(1)));
        wait_in_vain(table.client("a")).await;
        let before = table.row();
        tokio::time::sleep(millis(2)).await;
        let story = table.story("a");
        assert_eq!(
            last(&story, 2),
            [step.to_string(), format!("{step} refused unheard")]
        );
        assert_eq!(table.row(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_under_a_later_anchor_does_nothing() {
    let table = LockTable::new();
    let ahead = Some(Micros(table.now().0 + 3_000_000));
    table.put(&Row {
        anchor: ahead,
        ..one(&table)
    });
    table.fate(
        "a",
        Step::AbandonUnder,
        1,
        Fate::delivered().again(millis(1)),
    );
    wait_in_vain(table.client("a")).await;
    let before = table.row();
    tokio::time::sleep(millis(2)).await;
    assert_eq!(
        last(&table.story("a"), 1),
        ["abandon under refused unheard"]
    );
    assert_eq!(table.row(), before);
}
