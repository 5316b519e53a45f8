//! Events of which nobody knows how their run ended.

use lambda_locks::{LockError, LockErrorKind};
use serde_json::{Value, json};
use testkit::dynamo::{Fate, Request};
use testkit::locks::{KEY, LockTable};

use super::{Counting, SKIP, deliver, deliver_within, millis};

fn refuse() -> Vec<(&'static str, &'static str)> {
    [&SKIP[..], &[("LOCKS_DEDUP_INTERRUPTED", "refuse")]].concat()
}

fn message(then: &str) -> Value {
    json!({ "orderId": KEY, "messageId": "m1", "then": then })
}

/// Two tickets of one moment would be the same.
async fn tick() {
    tokio::time::sleep(millis(1)).await;
}

/// The first delivery ends so; what becomes of the second, and how many have run.
async fn twice(vars: &[(&str, &str)], then: &str) -> (Result<Value, String>, u32) {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut first = handler.under(table.client("a"), vars);
    let event = message(then);
    let first = tokio::spawn(async move { deliver(&mut first, event).await });
    let ended = first.await;
    assert!(!matches!(ended, Ok(Ok(_))), "{ended:?}");
    tick().await;
    let mut second = handler.under(table.client("b"), vars);
    let second = deliver(&mut second, message("")).await;
    assert!(table.row().queue.is_empty());
    (second, handler.runs())
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panicked_or_was_stopped_is_refused_and_not_repeated() {
    for then in ["panic", "hang"] {
        let (second, runs) = twice(&refuse(), then).await;
        assert_eq!(second, Err("Lock.Interrupted".to_owned()), "{then}");
        assert_eq!(runs, 1, "{then}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_returns_an_error_runs_again() {
    let (second, runs) = twice(&refuse(), "fail").await;
    assert_eq!((second, runs), (Ok(json!({"run": 2})), 2));
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_is_repeated_unless_that_is_refused() {
    for then in ["panic", "hang"] {
        let (second, runs) = twice(&SKIP, then).await;
        assert_eq!((second, runs), (Ok(json!({"run": 2})), 2), "{then}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_done_is_skipped_at_most_once_too() {
    let (table, handler) = (LockTable::new(), Counting::default());
    for (name, answer) in [("a", json!({"run": 1})), ("b", Value::Null)] {
        let mut locked = handler.under(table.client(name), &refuse());
        assert_eq!(deliver(&mut locked, message("")).await, Ok(answer));
        tick().await;
    }
    assert_eq!(table.story("a"), ["try", "release"]);
    assert_eq!(table.story("b"), ["try refused"]);
}

#[test]
fn a_client_over_http_is_not_told_to_come_back() {
    let interrupted = LockError::new(LockErrorKind::Interrupted, "a run has begun");
    assert_eq!(
        (interrupted.name(), interrupted.status()),
        ("Lock.Interrupted", 409)
    );
    assert_eq!(interrupted.retry_after(), None);
    assert!(!interrupted.is_busy());
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_comes_too_late_for_a_run_begins_none() {
    let (table, handler) = (LockTable::new(), Counting::default());
    table
        .dynamo()
        .plan(|_: &Request| Fate::delivered().before(millis(97)).after(millis(97)));
    let vars = [&refuse()[..], &[("LOCKS_RESERVE_MS", "0")]].concat();
    let mut locked = handler.under(table.client("a"), &vars);
    let late = deliver_within(&mut locked, message(""), millis(250)).await;
    assert_eq!(late, Err("Lock.Deadline".to_owned()));
    assert_eq!(handler.runs(), 0);
    tokio::time::sleep(millis(1000)).await;
    assert_eq!(
        deliver(&mut locked, message("")).await,
        Ok(json!({"run": 1}))
    );
}
