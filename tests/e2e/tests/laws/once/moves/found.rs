//! What was moved is found: by duplicates, by batches, by people.

use dynamodb_locks::{AcquireOptions, Operation, Response, Settings};
use serde_json::json;
use testkit::dynamo::{Fate, Refusal};
use testkit::locks::{KEY, LockTable, Step, die};

use super::{WINDOW, begin, client, completions, crowd, deliver, event, millis, tick};

#[tokio::test(start_paused = true)]
async fn a_moved_operation_is_never_done_again_within_its_window() {
    let table = LockTable::new();
    crowd(&table, 20).await;
    for number in 0..22 {
        assert!(!deliver(&table.client("b"), event(number)).await.unwrap());
    }
    tokio::time::sleep(WINDOW * 2).await;
    assert!(deliver(&table.client("b"), event(0)).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_moved_response_is_replayed_wherever_it_stands() {
    for text in ["{\"total\":42}".to_owned(), "x".repeat(50 * 1024)] {
        let table = LockTable::new();
        let a = client(&table, "a", 1);
        let held = begin(&a, event(0).replays()).await.unwrap();
        held.complete(Some(text.clone())).await.unwrap();
        assert!(deliver(&a, event(1)).await.unwrap());
        assert_eq!(completions(&table).len(), 1);
        tick().await;
        let b = table.client("b");
        let completed = begin(&b, event(0).replays()).await.unwrap_err();
        let response = completed.completion().unwrap().response().clone();
        assert_eq!(response, Response::Text(text.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn another_request_with_a_moved_idempotency_key_is_refused() {
    let table = LockTable::new();
    let a = client(&table, "a", 1);
    assert!(deliver(&a, event(0).fingerprint("ten")).await.unwrap());
    assert!(deliver(&a, event(1)).await.unwrap());
    let b = table.client("b");
    let reused = begin(&b, event(0).fingerprint("a thousand")).await;
    assert!(reused.unwrap_err().is_key_reused());
    assert!(!deliver(&b, event(0).fingerprint("ten")).await.unwrap());
    assert!(table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_finds_in_its_turn_what_was_moved_meanwhile() {
    let table = LockTable::new();
    crowd(&table, 1).await;
    tick().await;
    let a = client(&table, "a", 1);
    let held = begin(&a, event(10)).await.unwrap();
    let b = table.client("b");
    // It stands in the row when the waiter comes... and has left it when its turn has come.
    let waits = tokio::spawn(async move { begin(&b, event(11)).await });
    table.delivered("b", Step::Poll, 2).await;
    held.complete(None).await.unwrap();
    waits.await.unwrap().unwrap().release().await.unwrap();
    assert_eq!(completions(&table).len(), 1);
    for number in [0, 1, 2, 10] {
        assert!(!deliver(&table.client("c"), event(number)).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_whose_answer_is_lost_is_sent_again() {
    for fate in [
        Fate::lost(),
        Fate::dropped(),
        Fate::refused(Refusal::Throttled),
        Fate::delivered().after(millis(900)),
    ] {
        let table = LockTable::new();
        crowd(&table, 3).await;
        table.fate("b", Step::Check, 1, fate);
        let b = table.client("b");
        assert!(!deliver(&b, event(0)).await.unwrap());
        assert!(table.row().queue.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_looked_for_is_not_run() {
    let table = LockTable::new();
    crowd(&table, 3).await;
    for nth in 1..=100 {
        table.fate("b", Step::Check, nth, Fate::dropped());
    }
    let limits = AcquireOptions::wait(millis(3000)).operation(event(0));
    let refused = table.client("b").acquire_with(KEY, limits).await;
    assert!(refused.unwrap_err().is_unavailable());
    assert!(table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_finds_what_was_moved() {
    let table = LockTable::new();
    crowd(&table, 3).await;
    tick().await;
    let b = table.client("b");
    let held = begin(&b, event(9)).await.unwrap();
    let mut found = Vec::new();
    for number in 0..10 {
        found.push(held.completed(&event(number)).await.unwrap().is_some());
    }
    let done: Vec<_> = (0..10).map(|number| number < 5).collect();
    assert_eq!(found, done);
    // Three that were moved, and four that are to be done.
    let checks = table.story("b").iter().filter(|it| *it == "check").count();
    assert_eq!(checks, 1 + 3 + 4);
    table.fate("b", Step::Check, 9, Fate::dropped());
    table.fate("b", Step::Check, 10, Fate::lost());
    assert!(held.completed(&event(0)).await.unwrap().is_some());
    for nth in 12..=20 {
        table.fate("b", Step::Check, nth, Fate::dropped());
    }
    let unknown = held.completed(&event(0)).await.unwrap_err();
    assert!(unknown.is_unavailable(), "{unknown}");
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_moved_and_is_done_at_most_once_is_answered_and_not_interrupted() {
    let table = LockTable::new();
    let a = client(&table, "a", 1);
    assert!(deliver(&a, event(0).at_most_once()).await.unwrap());
    assert!(deliver(&a, event(1)).await.unwrap());
    let b = table.client("b");
    assert!(!deliver(&b, event(0).at_most_once()).await.unwrap());
    assert_eq!(table.story("b"), ["try", "check", "release"]);
    assert_eq!(table.row().operations.len(), 1, "its own line is gone");
    // Another one died between its trial and the read.
    let c = table.client("c");
    for nth in 1..=100 {
        table.fate("c", Step::Check, nth, Fate::dropped());
    }
    let mut dying = Box::pin(begin(&c, event(0).at_most_once()));
    let unfinished = tokio::time::timeout(millis(200), &mut dying).await;
    assert!(unfinished.is_err());
    die(dying);
    for name in ["d", "e"] {
        let locks = table.client(name);
        assert!(!deliver(&locks, event(0).at_most_once()).await.unwrap());
    }
    // What has begun and is not done beside the lock is interrupted as ever.
    let begun = begin(&table.client("f"), event(7).at_most_once()).await;
    begun
        .unwrap()
        .release_interrupted(millis(1000))
        .await
        .unwrap();
    for wait in [0, 1000] {
        let limits = AcquireOptions::wait(millis(wait)).operation(event(7).at_most_once());
        let refused = table
            .client("g")
            .acquire_with(KEY, limits)
            .await
            .unwrap_err();
        assert!(refused.is_interrupted(), "{refused}");
        assert!(table.row().queue.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_sees_what_was_moved() {
    let table = LockTable::new();
    crowd(&table, 3).await;
    let person = table.client("person");
    let seen = person.inspect(KEY).await.unwrap();
    assert!(seen.completion(&event(0)).is_none());
    assert!(person.completion(KEY, &event(0)).await.unwrap().is_some());
    assert!(person.completion(KEY, &event(4)).await.unwrap().is_some());
    assert!(person.completion(KEY, &event(5)).await.unwrap().is_none());
    let mut listing = person.list().await;
    let mut listed = Vec::new();
    while let Some(page) = listing.next().await.unwrap() {
        listed.extend(page.iter().map(|status| status.key().to_owned()));
    }
    assert_eq!(listed, [KEY], "other rows are no locks");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_row_beside_the_lock_is_neither_run_nor_dropped() {
    let table = LockTable::new();
    let a = client(&table, "a", 1);
    assert!(deliver(&a, event(0)).await.unwrap());
    let id = *table.row().operations.keys().next().unwrap();
    assert!(deliver(&a, event(1)).await.unwrap());
    let (group, column) = (format!("default#once:{id}"), format!("@{id}"));
    let mut beside = table.dynamo().row("locks", KEY, &group).unwrap();
    beside[column] = json!({ "S": "done soon" });
    table.dynamo().put_item("locks", beside).unwrap();
    let error = begin(&table.client("b"), event(0)).await.unwrap_err();
    assert!(error.is_bad_table(), "{error}");
    assert!(table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_row_beside_the_lock_outlives_its_window_by_a_day() {
    let table = LockTable::new();
    let a = client(&table, "a", 1);
    let week = Operation::new("events", "week").window(Operation::LONGEST_WINDOW);
    assert!(deliver(&a, week).await.unwrap());
    let (&id, _) = table.row().operations.iter().next().unwrap();
    let until = completions(&table)[0].until;
    assert!(deliver(&a, event(1)).await.unwrap());
    let beside = table
        .dynamo()
        .row("locks", KEY, &format!("default#once:{id}"));
    let ttl = beside.unwrap()["ttl"]["N"].as_str().unwrap().parse::<u64>();
    assert_eq!(ttl.unwrap(), until + 24 * 60 * 60);
    assert_eq!(table.row().moved_until, Some(until));
    // A later move with an earlier end leaves the later one.
    assert!(deliver(&a, event(2)).await.unwrap());
    assert_eq!(table.row().moved_until, Some(until));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_end_of_what_was_moved_is_reported() {
    let table = LockTable::new();
    crowd(&table, 1).await;
    table.set("moved_until", json!({ "S": "soon" }));
    let error = begin(&table.client("b"), event(0)).await.unwrap_err();
    assert!(error.is_bad_table(), "{error}");
    let own = |settings: Settings| settings.ttl_key(Some("moved_until".to_owned()));
    assert!(table.client("c").with_settings(own).is_err());
}
