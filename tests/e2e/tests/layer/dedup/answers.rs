//! What a duplicate is answered with, by its source.

use serde_json::{Value, json};
use testkit::locks::LockTable;

use super::{Counting, REPLAY, SKIP, deliver, message};

/// A message as a source delivers it, and what the handler answers.
fn from(source: Value, answer: Value) -> Value {
    let mut event = source;
    event["orderId"] = "42".into();
    event["messageId"] = "m1".into();
    event["then"] = answer;
    event
}

fn http() -> Value {
    json!({"version": "2.0", "rawPath": "/pay", "requestContext": {"http": {"method": "POST"}}})
}

fn queue() -> Value {
    json!({"Records": [{"eventSource": "aws:sqs"}]})
}

/// The answers to two deliveries, in two environments.
async fn twice(event: Value, vars: &[(&str, &str)]) -> [Result<Value, String>; 2] {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut a = handler.under(table.client("a"), vars);
    let mut b = handler.under(table.client("b"), vars);
    let first = deliver(&mut a, event.clone()).await;
    tokio::time::sleep(super::millis(1)).await;
    let second = deliver(&mut b, event).await;
    assert_eq!(handler.runs(), 1);
    [first, second]
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_the_first_response() {
    let [first, second] = twice(message("m1"), &REPLAY).await;
    assert_eq!(first, Ok(json!({"run": 1})));
    assert_eq!(second, first);
}

#[tokio::test(start_paused = true)]
async fn over_http_a_replay_is_marked() {
    let answer = json!({"statusCode": 201, "headers": {"a": "b"}, "body": "{}"});
    let [first, second] = twice(from(http(), answer.clone()), &REPLAY).await;
    assert_eq!(first, Ok(answer));
    let second = second.expect("it is answered");
    assert_eq!(second["statusCode"], 201);
    assert_eq!(second["headers"]["idempotent-replayed"], "true");
    assert_eq!(second["headers"]["a"], "b");
}

#[tokio::test(start_paused = true)]
async fn over_http_a_skipped_duplicate_gets_an_empty_response() {
    let [_, second] = twice(from(http(), json!({"statusCode": 200})), &SKIP).await;
    assert_eq!(second.expect("it is answered")["statusCode"], 204);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_gone_is_told_to_those_who_read_it() {
    let large = json!({"text": "x".repeat(400 * 1024)});
    let [_, second] = twice(from(json!({}), large.clone()), &REPLAY).await;
    assert_eq!(second, Err("Lock.ResponseGone".to_owned()));
    let [_, second] = twice(from(http(), large.clone()), &REPLAY).await;
    assert_eq!(second.expect("it is answered")["statusCode"], 410);
    // A queue would deliver it again and again.
    let [_, second] = twice(from(queue(), large), &REPLAY).await;
    assert_eq!(second, Ok(Value::Null));
}

#[tokio::test(start_paused = true)]
async fn the_same_key_with_another_request_is_refused() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut a = handler.under(table.client("a"), &REPLAY);
    let mut event = from(http(), json!({"statusCode": 200}));
    event["body"] = "ten euros".into();
    deliver(&mut a, event.clone()).await.expect("it runs");
    event["body"] = "a thousand euros".into();
    let reused = deliver(&mut a, event).await.expect("it is answered");
    assert_eq!(reused["statusCode"], 422);
    assert_eq!(handler.runs(), 1);

    let vars = [&SKIP[..], &[("LOCKS_DEDUP_FINGERPRINT", "/total")]].concat();
    let mut b = handler.under(table.client("b"), &vars);
    let mut message = message("m2");
    message["total"] = 10.into();
    deliver(&mut b, message.clone()).await.expect("it runs");
    message["total"] = 1000.into();
    let reused = deliver(&mut b, message.clone()).await;
    assert_eq!(reused, Err("Lock.KeyReused".to_owned()));
    message["total"] = Value::Null;
    let missing = deliver(&mut b, message).await;
    assert_eq!(missing, Err("Lock.BadKey".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_completion_is_neither_run_nor_dropped() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut a = handler.under(table.client("a"), &SKIP);
    deliver(&mut a, message("m1")).await.expect("it runs");
    let id = *table.row().operations.keys().next().expect("it is done");
    table.set(&format!("@{id}"), json!({"S": "done"}));
    let mut b = handler.under(table.client("b"), &SKIP);
    let damaged = deliver(&mut b, message("m1")).await;
    assert_eq!(damaged, Err("Lock.BadTable".to_owned()));
    assert_eq!(handler.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_text_counts_as_one() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut locked = handler.under(table.client("a"), &SKIP);
    let failed = from(http(), json!({"statusCode": "500", "body": "sorry"}));
    for run in 1..=2 {
        let answer = deliver(&mut locked, failed.clone()).await;
        assert_eq!(answer.expect("it is answered")["statusCode"], "500");
        assert_eq!(handler.runs(), run);
        tokio::time::sleep(super::millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_as_a_response_deletes_no_event_whose_twin_may_fail() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let held = table.client("b").acquire("42").await.expect("it is free");
    tokio::time::sleep(super::millis(1)).await;
    let forced = [("LOCKS_REFUSAL", "http"), ("LOCKS_ON_BUSY", "fail")];
    let event = from(queue(), Value::Null);
    let mut locked = handler.under(table.client("a"), &[&SKIP[..], &forced].concat());
    let refused = deliver(&mut locked, event.clone()).await;
    assert_eq!(refused, Err("Lock.Busy".to_owned()));
    let vars = [&[("LOCKS_KEY", "/orderId")][..], &forced].concat();
    let mut alone = handler.under(table.client("c"), &vars);
    let refused = deliver(&mut alone, event).await;
    assert_eq!(refused.expect("it is a response")["statusCode"], 409);
    held.release().await.expect("it is held");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_json_cannot_be_replayed() {
    for (event, expected) in [
        (message("m1"), Err("Lock.ResponseGone".to_owned())),
        (from(queue(), Value::Null), Ok(Value::Null)),
    ] {
        let (table, runs) = (LockTable::new(), Counting::default());
        let counted = runs.clone();
        let handler = tower::service_fn(move |_: lambda_runtime::LambdaEvent<Value>| {
            counted.run();
            async {
                let lock = lambda_locks::current().expect("it has a lock");
                let paid = lock
                    .complete_with(Vec::new(), Some("paid".to_owned()))
                    .await;
                paid.map_err(|error| error.to_string())?;
                // What was kept stands, although the handler fails.
                Err::<Value, _>("it failed".to_owned())
            }
        });
        let layer = tower::Layer::layer(&super::layer(table.client("a"), &REPLAY), handler);
        let mut locked = layer;
        let first = deliver(&mut locked, event.clone()).await;
        assert_eq!(first, Err("it failed".to_owned()));
        tokio::time::sleep(super::millis(1)).await;
        assert_eq!(deliver(&mut locked, event).await, expected);
        assert_eq!(runs.runs(), 1);
    }
}
