//! Copies that arrive after their client has moved on.

use dynamodb_locks::protocol::Row;
use dynamodb_locks::{AcquireOptions, Settings};
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};

use super::{JUST_NOW, NOBODY, in_the_end, millis, owners};

/// Holds back every copy of one step until the gate is opened.
fn hold_back(table: &LockTable, step: Step) -> Gate {
    let gate = Gate::closed();
    for nth in 1..=20 {
        table.fate("a", step, nth, Fate::delivered().before(&gate));
    }
    gate
}

#[tokio::test(start_paused = true)]
async fn an_enqueue_that_comes_after_the_caller_gave_up_does_not_enter() {
    let table = LockTable::new();
    let gate = hold_back(&table, Step::Enqueue);
    let limits = AcquireOptions::wait(millis(300));
    let refusal = table
        .client("a")
        .acquire_with(KEY, limits)
        .await
        .unwrap_err();
    assert!(refusal.is_unavailable(), "{refusal}");
    assert_eq!(table.story("a"), ["invalidate"], "nothing else has arrived");
    gate.open();
    assert_eq!(in_the_end(&table).await, NOBODY);
    assert!(table.story("a").len() >= 3);
}

#[tokio::test(start_paused = true)]
async fn an_enqueue_that_comes_before_the_invalidation_is_withdrawn() {
    let table = LockTable::new();
    let enqueues = hold_back(&table, Step::Enqueue);
    let void = Gate::closed();
    table.fate("a", Step::Invalidate, 1, Fate::delivered().before(&void));
    let a = table.client("a");
    let limits = AcquireOptions::wait(millis(300));
    let acquiring = tokio::spawn(async move { a.acquire_with(KEY, limits).await });
    void.reached(1).await;
    enqueues.open();
    tokio::time::sleep(millis(1)).await;
    assert_eq!(owners(&table.row()), ["a"]);
    void.open();
    assert!(acquiring.await.unwrap().unwrap_err().is_unavailable());
    assert_eq!(in_the_end(&table).await, NOBODY);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gave_up_in_vain_is_cleaned_up_after_by_its_client() {
    let table = LockTable::new();
    let gates = [
        hold_back(&table, Step::Enqueue),
        hold_back(&table, Step::Invalidate),
    ];
    let a = table.client("a");
    let limits = AcquireOptions::wait(millis(300));
    assert!(
        a.acquire_with(KEY, limits)
            .await
            .unwrap_err()
            .is_unavailable()
    );
    assert_eq!(table.story("a"), NOBODY);
    gates[0].open();
    tokio::time::sleep(millis(1)).await;
    gates[1].open();
    assert_eq!(in_the_end(&table).await, NOBODY);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_has_grown_old_is_not_sent_again() {
    let table = LockTable::new();
    for nth in 1..=400 {
        table.fate("a", Step::Enqueue, nth, Fate::dropped());
    }
    let limits = AcquireOptions::wait(millis(70_000));
    table
        .client("a")
        .acquire_with(KEY, limits)
        .await
        .unwrap_err();
    let log = table.log_of("a");
    let entry = |logged: &testkit::dynamo::Logged| {
        logged.request.body["ExpressionAttributeValues"][":in"]["SS"][0].clone()
    };
    let mut first_seen = std::collections::HashMap::new();
    for logged in log.iter().filter(|logged| !entry(logged).is_null()) {
        let first = first_seen
            .entry(entry(logged).to_string())
            .or_insert(logged.at);
        let age = logged.at.duration_since(*first).unwrap();
        assert!(age <= millis(61_000), "{age:?}");
    }
    assert_eq!(first_seen.len(), 2, "the ticket was renewed once");
    let voids = table
        .story("a")
        .iter()
        .filter(|told| *told == "invalidate")
        .count();
    assert_eq!(voids, 2, "once for the new ticket, once for giving up");
}

#[tokio::test(start_paused = true)]
async fn an_enqueue_that_comes_while_its_second_copy_waits_changes_nothing() {
    let table = LockTable::new();
    table.put(&table.row_of([table.entry("holder", JUST_NOW)]));
    let gate = Gate::closed();
    table.fate("a", Step::Enqueue, 1, Fate::delivered().before(&gate));
    let a = table.client("a");
    let waiting = tokio::spawn(async move { a.acquire(KEY).await });
    table.delivered("a", Step::Enqueue, 1).await;
    let before = table.row();
    gate.open();
    table.delivered("a", Step::Poll, 2).await;
    assert_eq!(table.row(), before);
    waiting.abort();
}

#[tokio::test(start_paused = true)]
async fn a_late_enqueue_never_comes_back_to_life_when_the_row_was_swept_away() {
    let table = LockTable::new();
    let gate = Gate::closed();
    let thrown = Fate::lost().before(&gate);
    table.fate("a", Step::Enqueue, 1, thrown);
    let held = table.client("a").acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    // DynamoDB refuses a signature that is older than five minutes; the row lives for a day.
    tokio::time::sleep(JUST_NOW * 300).await;
    assert_eq!(table.dynamo().sweep_ttl(), 0);
    gate.open();
    assert_eq!(in_the_end(&table).await, NOBODY);
}

#[tokio::test(start_paused = true)]
async fn a_late_abandoning_leaves_the_next_acquisition_alone() {
    let table = LockTable::new();
    let holder = table.row_of([table.entry("holder", JUST_NOW)]);
    table.put(&holder);
    let gate = Gate::closed();
    let late = Fate::delivered().before(&gate);
    table.fate("a", Step::WithdrawQuietly, 1, late);
    let a = table
        .a_client("a")
        .with(|s: Settings| s.max_wait(millis(300)))
        .ready();
    a.acquire(KEY).await.unwrap_err();
    table.put(&Row {
        queue: Default::default(),
        ..table.row()
    });
    let held = a.acquire(KEY).await.unwrap();
    let before = table.row();
    gate.open();
    in_the_end(&table).await;
    let story = table.story("a");
    let late = story.iter().rfind(|told| told.starts_with("withdraw"));
    assert_eq!(late.unwrap(), "withdraw quietly refused");
    assert_eq!(table.row().queue, before.queue);
    held.release().await.unwrap();
}
