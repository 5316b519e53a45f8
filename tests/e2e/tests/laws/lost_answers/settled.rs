//! Every kind of write, whatever becomes of its first copy, is settled by the second.

use dynamodb_locks::protocol::{Fields, Row, Timestamp};
use dynamodb_locks::{AcquireOptions, Settings};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};

use super::{LONG_AGO, NOBODY, in_the_end, millis, owners, troubles};

/// A holder that came long ago, and has a long lease.
fn one(table: &LockTable) -> Row {
    table.row_of([Fields {
        lease: LONG_AGO * 60,
        ..table.entry("holder", LONG_AGO)
    }])
}

/// How many copies of a step have arrived, or got lost on their way.
fn copies(table: &LockTable, step: Step) -> usize {
    let story = table.story("a");
    let of = |told: &&String| told.starts_with(&step.to_string());
    story.iter().filter(of).count()
}

fn dead(table: &LockTable) -> Row {
    table.row_of([table.entry("dead", LONG_AGO)])
}

#[tokio::test(start_paused = true)]
async fn an_enqueue() {
    for (trouble, fate) in troubles() {
        let table = LockTable::new();
        table.fate("a", Step::Enqueue, 1, fate);
        let held = table.client("a").acquire(KEY).await.expect(trouble);
        assert_eq!(owners(&table.row()), ["a"], "{trouble}");
        held.release().await.expect(trouble);
        assert_eq!(in_the_end(&table).await, NOBODY, "{trouble}");
        assert!(copies(&table, Step::Enqueue) >= 2, "{trouble}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_enqueue_behind_another_entry() {
    for (trouble, fate) in troubles() {
        let table = LockTable::new();
        table.put(&one(&table));
        table.fate("a", Step::Enqueue, 1, fate);
        let limits = AcquireOptions::wait(millis(3000));
        let refusal = table
            .client("a")
            .acquire_with(KEY, limits)
            .await
            .expect_err(trouble);
        assert!(refusal.is_timed_out(), "{trouble}: {refusal}");
        assert_eq!(in_the_end(&table).await, ["holder"], "{trouble}");
        assert!(copies(&table, Step::Enqueue) >= 2, "{trouble}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial() {
    for (trouble, fate) in troubles() {
        let table = LockTable::new();
        table.fate("a", Step::Try, 1, fate);
        let held = table.client("a").try_acquire(KEY).await.expect(trouble);
        assert_eq!(owners(&table.row()), ["a"], "{trouble}");
        held.release().await.expect(trouble);
        assert_eq!(in_the_end(&table).await, NOBODY, "{trouble}");
        assert!(copies(&table, Step::Try) >= 2, "{trouble}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release() {
    for (trouble, fate) in troubles() {
        let table = LockTable::new();
        table.fate("a", Step::Release, 1, fate);
        let held = table.client("a").acquire(KEY).await.expect(trouble);
        held.release().await.expect(trouble);
        let next = table.client("b").acquire(KEY).await.expect(trouble);
        assert_eq!(in_the_end(&table).await, ["b"], "{trouble}");
        next.release().await.expect(trouble);
        assert!(copies(&table, Step::Release) >= 2, "{trouble}");
    }
}

/// Gives up. If it does not leave quietly, the holder leaves while the first withdrawal is on its way, under
/// this renewal time.
async fn give_up(table: &LockTable, step: Step, renewed_at: Option<Timestamp>) {
    let gate = Gate::closed();
    if step != Step::WithdrawQuietly {
        let unseen = Fate::delivered().before(&gate);
        table.fate("a", Step::WithdrawQuietly, 1, unseen);
    }
    let leaves = async {
        if step != Step::WithdrawQuietly {
            gate.reached(1).await;
            let mut row = table.row();
            row.queue.pop_first();
            table.put(&Row { renewed_at, ..row });
            gate.open();
        }
    };
    let limits = AcquireOptions::wait(millis(1200));
    let a = table.client("a");
    let (given_up, ()) = tokio::join!(a.acquire_with(KEY, limits), leaves);
    drop(given_up.expect_err("it is held"));
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal() {
    let ahead = |table: &LockTable| Some(Timestamp(table.now().0 + 5_000_000));
    for (trouble, fate) in troubles() {
        for step in [
            Step::WithdrawQuietly,
            Step::WithdrawRaising,
            Step::WithdrawUnder,
        ] {
            let table = LockTable::new();
            table.put(&one(&table));
            table.fate("a", step, 1, fate.clone());
            let ahead = ahead(&table).filter(|_| step == Step::WithdrawUnder);
            give_up(&table, step, ahead).await;
            in_the_end(&table).await;
            let row = table.row();
            let left = match step {
                Step::WithdrawQuietly => vec!["holder"],
                _ => Vec::new(),
            };
            assert_eq!(owners(&row), left, "{trouble}, {step}");
            assert!(ahead.is_none() || row.renewed_at == ahead, "{trouble}");
            assert!(copies(&table, step) >= 1, "{trouble}, {step}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_beat() {
    for (trouble, fate) in troubles() {
        let table = LockTable::new();
        table.fate("a", Step::Heartbeat, 1, fate);
        let held = table.client("a").acquire(KEY).await.expect(trouble);
        table.delivered("a", Step::Heartbeat, 2).await;
        assert!(!held.lease().is_expired(), "{trouble}");
        held.release().await.expect(trouble);
        let next = table.client("b").acquire(KEY).await.expect(trouble);
        assert_eq!(in_the_end(&table).await, ["b"], "{trouble}");
        next.release().await.expect(trouble);
        assert!(copies(&table, Step::Heartbeat) >= 2, "{trouble}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_theft() {
    for (trouble, fate) in troubles() {
        let table = LockTable::new();
        table.put(&dead(&table));
        table.fate("a", Step::Evict, 1, fate);
        let held = table.client("a").acquire(KEY).await.expect(trouble);
        assert_eq!(owners(&table.row()), ["a"], "{trouble}");
        held.release().await.expect(trouble);
        assert_eq!(in_the_end(&table).await, NOBODY, "{trouble}");
        assert!(copies(&table, Step::Evict) >= 2, "{trouble}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_taking_of_a_dead_holders_place() {
    for (trouble, fate) in troubles() {
        let table = LockTable::new();
        table.put(&dead(&table));
        table.fate("a", Step::EvictAndEnter, 1, fate);
        let held = table.client("a").try_acquire(KEY).await.expect(trouble);
        assert_eq!(owners(&table.row()), ["a"], "{trouble}");
        held.release().await.expect(trouble);
        assert_eq!(in_the_end(&table).await, NOBODY, "{trouble}");
        assert!(copies(&table, Step::EvictAndEnter) >= 2, "{trouble}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_voiding() {
    for (trouble, fate) in troubles() {
        let table = LockTable::new();
        table.put(&one(&table));
        // The first copy comes in when the lock has long been free again.
        let late = Fate::delivered().before(LONG_AGO);
        table.fate("a", Step::Try, 1, late);
        table.fate("a", Step::Invalidate, 1, fate);
        let refusal = table.client("a").try_acquire(KEY).await.expect_err(trouble);
        assert!(refusal.is_busy(), "{trouble}: {refusal}");
        table.put(&Row {
            queue: Default::default(),
            ..table.row()
        });
        tokio::time::sleep(LONG_AGO).await;
        assert_eq!(owners(&table.row()), NOBODY, "{trouble}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_shows_nothing_and_does_no_harm() {
    for (trouble, fate) in troubles() {
        let table = LockTable::new();
        let eager = |s: Settings| s.retry_delay(millis(50));
        let held = table.client("a").acquire(KEY).await.expect(trouble);
        table.fate("b", Step::Poll, 1, fate);
        let b = table.a_client("b").with(eager).ready();
        let waiting = tokio::spawn(async move { b.acquire(KEY).await });
        table.delivered("b", Step::Poll, 1).await;
        held.release().await.expect(trouble);
        let next = waiting.await.unwrap().expect(trouble);
        next.release().await.expect(trouble);
        assert_eq!(in_the_end(&table).await, NOBODY, "{trouble}");
    }
}
