use std::time::Duration;

use dynamodb_locks::protocol::{Fields, Row, Timestamp};
use dynamodb_locks::{AcquireOptions, Error, Locks};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};
use tokio::task::JoinHandle;

use super::{JUST_NOW, LONG_AGO, millis, owners};

/// Waits, and gives up before its turn can have come.
async fn wait_in_vain(locks: Locks) -> Error {
    let limits = AcquireOptions::wait(millis(1200));
    let refusal = locks.acquire_with(KEY, limits).await;
    refusal.expect_err("it is held")
}

/// A client whose looks have shown nothing for more than half of its lease: the one before it may
/// have left since, and its turn may have begun.
fn unsure(table: &LockTable) -> Locks {
    for nth in 1..=20 {
        table.fate("a", Step::Poll, nth, Fate::dropped());
    }
    table.a_client("a").with(|s| s.lease(JUST_NOW)).ready()
}

fn last(story: &[String], many: usize) -> Vec<&str> {
    let from = story.len().saturating_sub(many);
    story[from..].iter().map(String::as_str).collect()
}

/// A holder that came long ago, and has a long lease.
fn one(table: &LockTable) -> Row {
    table.row_of([Fields {
        lease: Duration::from_secs(60 * 60),
        ..table.entry("holder", LONG_AGO)
    }])
}

/// The same, and a waiter.
fn two(table: &LockTable) -> Row {
    let mut row = one(table);
    let waiter = table.entry("waiter", JUST_NOW);
    row.last = Some(waiter.ticket);
    row.queue.insert(waiter.into());
    row
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_third_or_later_leaves_the_renewal_time_alone() {
    for renewed_at in [None, Some(LONG_AGO / 2)] {
        let table = LockTable::new();
        let renewed_at = renewed_at.map(|ago| table.ago(ago));
        table.put(&Row {
            renewed_at,
            ..two(&table)
        });
        wait_in_vain(unsure(&table)).await;
        assert_eq!(last(&table.story("a"), 1), ["withdraw quietly"]);
        assert_eq!(owners(&table.row()), ["holder", "waiter"]);
        assert_eq!(table.row().renewed_at, renewed_at);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_may_be_first_raises_the_renewal_time() {
    for renewed_at in [None, Some(LONG_AGO / 2)] {
        let table = LockTable::new();
        let renewed_at = renewed_at.map(|ago| table.ago(ago));
        table.put(&Row {
            renewed_at,
            ..one(&table)
        });
        wait_in_vain(unsure(&table)).await;
        assert_eq!(last(&table.story("a"), 1), ["withdraw raising"]);
        assert_eq!(owners(&table.row()), ["holder"]);
        // A successor may be first by this, and its lease counts from here.
        assert!(table.row().renewed_at >= Some(table.now()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_saw_the_holder_a_moment_ago_gives_it_no_other_lease() {
    let table = LockTable::new();
    let renewed_at = Some(table.ago(JUST_NOW));
    table.put(&Row {
        renewed_at,
        ..one(&table)
    });
    wait_in_vain(table.client("a")).await;
    assert_eq!(last(&table.story("a"), 2), ["poll", "withdraw quietly"]);
    assert_eq!(table.row().renewed_at, renewed_at);
}

/// A client that gives up, and whose abandoning is held up on its way.
async fn held_up(table: &LockTable, step: Step) -> (Gate, JoinHandle<Error>) {
    let gate = Gate::closed();
    table.fate("a", step, 1, Fate::delivered().before(&gate));
    let leaving = tokio::spawn(wait_in_vain(unsure(table)));
    gate.reached(1).await;
    (gate, leaving)
}

/// A renewal time that is later than any now of this test.
fn ahead(table: &LockTable) -> Option<Timestamp> {
    Some(Timestamp(table.now().0 + 4_000_000))
}

#[tokio::test(start_paused = true)]
async fn a_renewal_time_that_is_later_is_never_lowered() {
    let table = LockTable::new();
    table.put(&one(&table));
    let (gate, leaving) = held_up(&table, Step::WithdrawRaising).await;
    let renewed_at = ahead(&table);
    table.put(&Row {
        renewed_at,
        ..table.row()
    });
    gate.open();
    leaving.await.unwrap();
    let story = table.story("a");
    let under = ["withdraw raising refused", "withdraw under"];
    assert_eq!(last(&story, 2), under);
    assert_eq!(owners(&table.row()), ["holder"]);
    assert_eq!(table.row().renewed_at, renewed_at);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_time_that_moves_while_it_is_left_alone_is_raised_after_all() {
    let table = LockTable::new();
    table.put(&one(&table));
    let under = Gate::closed();
    let delayed = Fate::delivered().before(&under);
    table.fate("a", Step::WithdrawUnder, 1, delayed);
    let (raising, leaving) = held_up(&table, Step::WithdrawRaising).await;
    table.put(&Row {
        renewed_at: ahead(&table),
        ..table.row()
    });
    raising.open();
    under.reached(1).await;
    table.put(&Row {
        renewed_at: None,
        ..table.row()
    });
    under.open();
    leaving.await.unwrap();
    let story = table.story("a");
    let raised = ["withdraw under refused", "withdraw raising"];
    assert_eq!(last(&story, 2), raised);
    assert_eq!(owners(&table.row()), ["holder"]);
}

/// A way out, and the row that leads to it.
type Way = (fn(&LockTable) -> Row, Step);

const WAYS: [Way; 2] = [(two, Step::WithdrawQuietly), (one, Step::WithdrawRaising)];

#[tokio::test(start_paused = true)]
async fn an_entry_that_was_taken_out_is_gone_and_nothing_else_happens() {
    for (row, step) in WAYS {
        let table = LockTable::new();
        let others = row(&table);
        table.put(&others);
        let (gate, leaving) = held_up(&table, step).await;
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
async fn a_second_copy_does_nothing() {
    for (row, step) in WAYS {
        let table = LockTable::new();
        table.put(&row(&table));
        table.fate("a", step, 1, Fate::delivered().again(millis(1)));
        wait_in_vain(unsure(&table)).await;
        let before = table.row();
        tokio::time::sleep(millis(2)).await;
        let story = table.story("a");
        let twice = [step.to_string(), format!("{step} refused unheard")];
        assert_eq!(last(&story, 2), twice);
        assert_eq!(table.row(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_under_a_later_renewal_time_does_nothing() {
    let table = LockTable::new();
    table.put(&one(&table));
    let again = Fate::delivered().again(millis(1));
    table.fate("a", Step::WithdrawUnder, 1, again);
    let (gate, leaving) = held_up(&table, Step::WithdrawRaising).await;
    table.put(&Row {
        renewed_at: ahead(&table),
        ..table.row()
    });
    gate.open();
    leaving.await.unwrap();
    let before = table.row();
    tokio::time::sleep(millis(2)).await;
    let twice = ["withdraw under", "withdraw under refused unheard"];
    assert_eq!(last(&table.story("a"), 2), twice);
    assert_eq!(table.row(), before);
}
