//! Events are read raw: the key first, then the lock, then the handler's payload.

use lambda_locks::LayerError;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::locks::LockTable;
use tower::{Layer, service_fn};

use super::{MINUTE, event, invoke, layer, queued, reported};

/// A payload that is not `Serialize`, and drops the field in which the key stands.
#[derive(Deserialize)]
struct Items {
    items: Vec<u8>,
}

/// What comes of an event whose handler takes `Items`.
async fn handled(table: &LockTable, payload: Value) -> Result<usize, LayerError<String>> {
    let handler =
        service_fn(async |event: LambdaEvent<Items>| Ok::<_, String>(event.payload.items.len()));
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    invoke(&mut locked, event(payload, MINUTE)).await
}

#[tokio::test(start_paused = true)]
async fn the_key_may_stand_in_a_field_that_the_payload_type_does_not_have() {
    let table = LockTable::new();
    let many = handled(&table, json!({ "orderId": 42, "items": [1, 2] })).await;
    assert_eq!(many.expect("the lock is free"), 2);
    assert_eq!(table.story("a"), ["enqueue", "release"]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_key_is_refused_even_where_the_payload_does_not_deserialize() {
    let table = LockTable::new();
    let failure = handled(&table, json!({ "items": "none" })).await;
    let (name, _) = reported(failure.expect_err("it has no key"));
    assert_eq!(name, "Lock.BadKey");
    assert_eq!(table.dynamo().counts().total().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_does_not_deserialize_gets_the_runtimes_own_words_and_leaves_no_lock() {
    let table = LockTable::new();
    let failure = handled(&table, json!({ "orderId": 42, "items": [1, "x"] })).await;
    let failure = failure.expect_err("it is no number");
    assert!(matches!(failure, LayerError::Payload(_)));
    let Diagnostic {
        error_type,
        error_message,
    } = failure.into();
    assert_eq!(error_type, "lambda_runtime::deserializer::DeserializeError");
    let words = "failed to deserialize the incoming data into the function's payload type: [items[1]] \
                 items[1]: invalid type: string \"x\", expected u8";
    assert!(error_message.starts_with(words), "{error_message}");
    assert_eq!(queued(&table), 0);
}
