use dynamodb_locks::protocol::{Row, Ticket};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};

use super::{JUST_NOW, LONG_AGO, millis, owners};

/// None of the client's entries gets through.
fn cut_off(table: &LockTable, step: Step) {
    for nth in 1..=20 {
        table.fate("a", step, nth, Fate::dropped());
    }
}

#[tokio::test(start_paused = true)]
async fn it_leaves_nothing_but_the_ticket() {
    let table = LockTable::new();
    cut_off(&table, Step::Try);
    let begun = table.now();
    let error = table.client("a").try_acquire(KEY).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert_eq!(table.story("a").last().unwrap(), "invalidate");
    let row = table.row();
    assert!(row.queue.is_empty() && row.renewed_at.is_none());
    assert!(row.last >= Some(Ticket(begun.0)));
    assert!(table.ttl().is_some());
}

#[tokio::test(start_paused = true)]
async fn it_leaves_the_queue_and_the_renewal_time_as_they_are() {
    let table = LockTable::new();
    let held = Row {
        renewed_at: Some(table.ago(JUST_NOW)),
        ..table.row_of([table.entry("holder", JUST_NOW)])
    };
    table.put(&held);
    cut_off(&table, Step::Try);
    table.client("a").try_acquire(KEY).await.unwrap_err();
    assert_eq!(table.story("a").last().unwrap(), "invalidate");
    assert!(table.row().last > held.last);
    assert_eq!(
        Row {
            last: held.last,
            ..table.row()
        },
        held
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_where_the_ticket_has_passed_already() {
    let table = LockTable::new();
    cut_off(&table, Step::Try);
    let gate = Gate::closed();
    table.fate("a", Step::Invalidate, 1, Fate::delivered().before(&gate));
    let locks = table.client("a");
    let trying = tokio::spawn(async move { locks.try_acquire(KEY).await });
    gate.reached(1).await;
    let next = table.client("b").acquire(KEY).await.unwrap();
    let before = table.row();
    gate.open();
    assert!(trying.await.unwrap().unwrap_err().is_unavailable());
    assert_eq!(table.story("a").last().unwrap(), "invalidate refused");
    assert_eq!(table.row(), before);
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_where_the_entry_has_arrived_and_that_is_withdrawn() {
    let table = LockTable::new();
    cut_off(&table, Step::Try);
    let late = Gate::closed();
    table.fate("a", Step::Try, 1, Fate::lost().before(&late));
    let gate = Gate::closed();
    table.fate("a", Step::Invalidate, 1, Fate::delivered().before(&gate));
    let locks = table.client("a");
    let trying = tokio::spawn(async move { locks.try_acquire(KEY).await });
    gate.reached(1).await;
    late.open();
    tokio::time::sleep(millis(1)).await;
    assert_eq!(owners(&table.row()), ["a"], "the late entry has come in");
    gate.open();
    assert!(trying.await.unwrap().unwrap_err().is_unavailable());
    let story = table.story("a");
    assert_eq!(
        story[story.len() - 2..],
        ["invalidate refused", "withdraw raising"]
    );
    assert!(table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_does_nothing() {
    let table = LockTable::new();
    cut_off(&table, Step::Try);
    table.fate("a", Step::Invalidate, 1, Fate::delivered().again(millis(1)));
    table.client("a").try_acquire(KEY).await.unwrap_err();
    let before = table.row();
    tokio::time::sleep(LONG_AGO).await;
    assert_eq!(
        table.story("a").last().unwrap(),
        "invalidate refused unheard"
    );
    assert_eq!(table.row(), before);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_comes_after_it_is_kept_out() {
    let table = LockTable::new();
    cut_off(&table, Step::Try);
    let late = Gate::closed();
    table.fate("a", Step::Try, 1, Fate::lost().before(&late));
    table.client("a").try_acquire(KEY).await.unwrap_err();
    let before = table.row();
    late.open();
    tokio::time::sleep(millis(1)).await;
    assert_eq!(table.story("a").last().unwrap(), "try refused unheard");
    assert_eq!(table.row(), before);
}
