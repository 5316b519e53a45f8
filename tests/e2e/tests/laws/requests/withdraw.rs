use std::time::Duration;

use dynamodb_locks::protocol::{Fields, Row, Timestamp};
use dynamodb_locks::{AcquireOptions, Error, Locks};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};
use tokio::task::JoinHandle;

use super::{JUST_NOW, LONG_AGO, millis, owners};

/// Waits, and gives up.
async fn wait_in_vain(locks: Locks) -> Error {
    let limits = AcquireOptions::wait(millis(1200));
    let refusal = locks.acquire_with(KEY, limits).await;
    refusal.expect_err("it is held")
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
async fn a_client_behind_others_leaves_the_renewal_time_alone_however_long_ago_it_looked() {
    for row in [one, two] {
        for renewed_at in [None, Some(LONG_AGO / 2)] {
            let table = LockTable::new();
            for nth in 1..=20 {
                table.fate("a", Step::Poll, nth, Fate::dropped());
            }
            let renewed_at = renewed_at.map(|ago| table.ago(ago));
            let before = Row {
                renewed_at,
                ..row(&table)
            };
            table.put(&before);
            wait_in_vain(table.client("a")).await;
            assert_eq!(last(&table.story("a"), 1), ["withdraw quietly"]);
            assert_eq!(table.row().queue, before.queue);
            assert_eq!(table.row().renewed_at, renewed_at);
        }
    }
}

/// A renewal time that is later than any now of this test.
fn ahead(table: &LockTable) -> Option<Timestamp> {
    Some(Timestamp(table.now().0 + 4_000_000))
}

/// A client that gives up, and whose withdrawal of this kind meets with this fate. Unless it leaves quietly, the
/// holder has left while the client's first withdrawal was on its way.
async fn gives_up(table: &LockTable, step: Step, fate: Fate) -> JoinHandle<Error> {
    let unseen = Gate::closed();
    if step != Step::WithdrawQuietly {
        let delayed = Fate::delivered().before(&unseen);
        table.fate("a", Step::WithdrawQuietly, 1, delayed);
    }
    table.fate("a", step, 1, fate);
    let leaving = tokio::spawn(wait_in_vain(table.client("a")));
    if step != Step::WithdrawQuietly {
        unseen.reached(1).await;
        let mut row = table.row();
        row.queue.pop_first();
        if step == Step::WithdrawUnder {
            row.renewed_at = ahead(table);
        }
        table.put(&row);
        unseen.open();
    }
    leaving
}

/// The same, held up on its way.
async fn held_up(table: &LockTable, step: Step) -> (Gate, JoinHandle<Error>) {
    let gate = Gate::closed();
    let leaving = gives_up(table, step, Fate::delivered().before(&gate)).await;
    gate.reached(1).await;
    (gate, leaving)
}

/// It is the waiter's turn, and it does not know that yet.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_first_raises_the_renewal_time() {
    for renewed_at in [None, Some(LONG_AGO / 2)] {
        let table = LockTable::new();
        let renewed_at = renewed_at.map(|ago| table.ago(ago));
        table.put(&Row {
            renewed_at,
            ..one(&table)
        });
        let delivered = Fate::delivered();
        let leaving = gives_up(&table, Step::WithdrawRaising, delivered).await;
        leaving.await.unwrap();
        let raised = ["withdraw quietly refused", "withdraw raising"];
        assert_eq!(last(&table.story("a"), 2), raised);
        assert_eq!(table.row().queue.len(), 0);
        // A successor may be first by this, and its lease counts from here.
        assert!(table.row().renewed_at >= Some(table.now()));
    }
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
    let under = ["withdraw raising refused", "withdraw under"];
    assert_eq!(last(&table.story("a"), 2), under);
    assert_eq!(table.row().renewed_at, renewed_at);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_time_that_moves_while_it_is_left_alone_is_raised_after_all() {
    let table = LockTable::new();
    table.put(&one(&table));
    let (gate, leaving) = held_up(&table, Step::WithdrawUnder).await;
    table.put(&Row {
        renewed_at: None,
        ..table.row()
    });
    gate.open();
    leaving.await.unwrap();
    let raised = ["withdraw under refused", "withdraw raising"];
    assert_eq!(last(&table.story("a"), 2), raised);
    assert_eq!(table.row().queue.len(), 0);
}

const WAYS: [Step; 3] = [
    Step::WithdrawQuietly,
    Step::WithdrawRaising,
    Step::WithdrawUnder,
];

#[tokio::test(start_paused = true)]
async fn an_entry_that_was_taken_out_is_gone_and_nothing_else_happens() {
    for step in WAYS {
        let table = LockTable::new();
        table.put(&one(&table));
        let (gate, leaving) = held_up(&table, step).await;
        let mut removed = table.row();
        removed.queue.pop_last();
        table.put(&removed);
        gate.open();
        leaving.await.unwrap();
        assert_eq!(last(&table.story("a"), 1), [format!("{step} refused")]);
        assert_eq!(table.row(), removed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_does_nothing() {
    for step in WAYS {
        let table = LockTable::new();
        table.put(&one(&table));
        let twice = Fate::delivered().again(millis(1));
        let leaving = gives_up(&table, step, twice).await;
        leaving.await.unwrap();
        let before = table.row();
        tokio::time::sleep(millis(2)).await;
        let twice = [step.to_string(), format!("{step} refused unheard")];
        assert_eq!(last(&table.story("a"), 2), twice);
        assert_eq!(table.row(), before);
    }
}

/// The waiter's own lease is long, and so are its pauses; the one behind it has a short lease.
#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_unaware_of_its_turn_leaves_the_next_one_a_whole_lease() {
    let table = LockTable::new();
    let holder = table.client("holder").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(10)).await;
    for nth in 1..=20 {
        table.fate("a", Step::Poll, nth, Fate::dropped());
    }
    let a = table.a_client("a").with(|s| s.lease(LONG_AGO)).ready();
    let leaving = tokio::spawn(wait_in_vain(a));
    table.delivered("a", Step::Enqueue, 1).await;
    tokio::time::sleep(millis(10)).await;
    let next = table
        .a_client("next")
        .with(|s| s.lease(millis(500)))
        .ready();
    for nth in 1..=20 {
        table.fate("next", Step::Poll, nth, Fate::dropped());
    }
    let next = tokio::spawn(async move { next.acquire(KEY).await });
    table.delivered("next", Step::Enqueue, 1).await;
    holder.release().await.unwrap();
    leaving.await.unwrap();
    assert_eq!(owners(&table.row()), ["next"]);
    let left = table.row().lease_ends().unwrap().since(table.now());
    assert!(left >= millis(490), "its turn has {left:?} left");
    next.await.unwrap().unwrap().release().await.unwrap();
}
