//! What the caller is told of a release.

use std::error::Error;

use dynamodb_locks::Settings;
use testkit::dynamo::{Fate, Refusal, Request};
use testkit::locks::{KEY, LockTable, Step};

use super::{JUST_NOW, LONG_AGO, NOBODY, millis, owners};

#[tokio::test(start_paused = true)]
async fn a_release_whose_answer_was_lost_is_a_release() {
    let table = LockTable::new();
    table.fate("a", Step::Release, 1, Fate::lost());
    let held = table.client("a").acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    let story = ["enqueue", "release unheard", "release refused"];
    assert_eq!(table.story("a"), story);
    assert_eq!(owners(&table.row()), NOBODY);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_nobody_answers_is_unknown_and_says_why() {
    let table = LockTable::new();
    for nth in 1..=40 {
        table.fate("a", Step::Release, nth, Fate::refused(Refusal::Internal));
    }
    let held = table.client("a").acquire(KEY).await.unwrap();
    let unknown = held.release().await.unwrap_err();
    assert!(unknown.is_unknown(), "{unknown}");
    let message = "cannot tell whether lock `42` was released: no answer came; its lease ends";
    assert_eq!(unknown.to_string(), message);
    let source = unknown.source().unwrap().to_string();
    assert!(source.contains("Internal server error"), "{source}");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_released_is_released_by_the_next_call() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = a.acquire(KEY).await.unwrap();
    table.dynamo().plan(|_: &Request| Fate::dropped());
    assert!(held.release().await.unwrap_err().is_unknown());
    assert_eq!(owners(&table.row()), ["a"]);
    table.dynamo().plan(|_: &Request| Fate::delivered());
    let again = a.acquire(KEY).await.unwrap();
    let story = table.story("a");
    // It was the holder's, and its work was done: it is released.
    assert_eq!(story[story.len() - 2..], ["release", "enqueue"]);
    assert_eq!(owners(&table.row()), ["a"]);
    assert_eq!(table.row().last.unwrap().0, again.fence());
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_is_never_reported_as_released() {
    for fate in [Fate::delivered(), Fate::lost(), Fate::dropped()] {
        let table = LockTable::new();
        table.fate("a", Step::Release, 1, fate);
        let unbeaten = |s: Settings| s.heartbeat_period(millis(0));
        let a = table.a_client("a").with(unbeaten).ready();
        let held = a.acquire(KEY).await.unwrap();
        let next = table.client("b").acquire(KEY).await.unwrap();
        assert!(held.lease().is_expired(), "b stole from a");
        let before = table.row();
        let lost = held.release().await.unwrap_err();
        assert!(lost.is_lost(), "{lost}");
        assert_eq!(table.row(), before);
        next.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_whose_answer_was_lost_is_a_heartbeat() {
    let table = LockTable::new();
    table.fate("a", Step::Heartbeat, 1, Fate::lost());
    let held = table.client("a").acquire(KEY).await.unwrap();
    table.delivered("a", Step::Heartbeat, 2).await;
    let story = [
        "enqueue",
        "heartbeat unheard",
        "heartbeat refused",
        "heartbeat",
    ];
    assert_eq!(table.story("a"), story);
    assert!(!held.lease().is_expired());
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_heartbeat_stops_before_anybody_can_evict() {
    let table = LockTable::new();
    for nth in 1..=200 {
        table.fate("a", Step::Heartbeat, nth, Fate::dropped());
    }
    let a = table.client("a").acquire(KEY).await.unwrap();
    let b = table.client("b");
    let stealing = tokio::spawn(async move { b.acquire(KEY).await });
    a.lease().expired().await;
    assert_eq!(owners(&table.row())[0], "a", "nobody has stolen yet");
    let next = stealing.await.unwrap().unwrap();
    assert!(next.fence() > a.fence());
    assert!(a.release().await.unwrap_err().is_lost());
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_unavailable_and_names_its_cause() {
    let table = LockTable::new();
    table
        .dynamo()
        .plan(|_: &Request| Fate::refused(Refusal::Throttled));
    let a = table.client("a");
    let refusal = a.try_acquire(KEY).await.unwrap_err();
    assert!(refusal.is_unavailable(), "{refusal}");
    let message = "cannot acquire lock `42`: DynamoDB throttles table `locks` (";
    assert!(refusal.to_string().starts_with(message), "{refusal}");
    assert!(
        refusal.to_string().contains("ThrottlingException"),
        "{refusal}"
    );
    assert!(refusal.source().is_some());
    let patient = dynamodb_locks::AcquireOptions::wait(LONG_AGO);
    assert!(
        a.acquire_with(KEY, patient)
            .await
            .unwrap_err()
            .is_unavailable()
    );
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_passes_is_waited_out() {
    let table = LockTable::new();
    for nth in 1..=8 {
        table.fate("a", Step::Enqueue, nth, Fate::refused(Refusal::Throttled));
    }
    let begun = table.clock().now();
    let held = table.client("a").acquire(KEY).await.unwrap();
    assert!(
        table.clock().now() >= begun + JUST_NOW,
        "the copies keep away from each other"
    );
    held.release().await.unwrap();
}
