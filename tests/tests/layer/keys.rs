use serde::Serialize;
use serde_json::{Value, json};
use tower::{Layer, service_fn};
use world::locks::LockTable;

use super::{MINUTE, event, invoke, layer, reported};

/// The key that an event is locked under.
async fn locked_under(pointers: &str, payload: impl Serialize) -> String {
    let table = LockTable::new();
    let layer = layer(table.client("a"), &[("LOCKS_KEY", pointers)]);
    let handler = service_fn(async |_| Ok::<_, String>(lambda_locks::current()));
    let held = invoke(&mut layer.layer(handler), event(payload, MINUTE)).await;
    let held = held.expect("the lock is free");
    let key = held.expect("the handler has a lock").key().to_string();
    assert!(table.dynamo().row("locks", &key, "default").is_some());
    key
}

/// What is said of an event that has no key.
async fn bad_key(pointers: &str, payload: Value) -> String {
    let table = LockTable::new();
    let layer = layer(table.client("a"), &[("LOCKS_KEY", pointers)]);
    let handler = service_fn(async |_| -> Result<(), String> { panic!("it is never called") });
    let failure = invoke(&mut layer.layer(handler), event(payload, MINUTE)).await;
    let (name, message) = reported(failure.expect_err("there is no key"));
    assert_eq!(name, "Lock.BadKey", "{message}");
    assert_eq!(table.dynamo().counts().total().requests, 0, "{message}");
    message
}

#[tokio::test(start_paused = true)]
async fn it_is_taken_from_the_event() {
    assert_eq!(
        locked_under("/orderId", json!({ "orderId": "42" })).await,
        "42"
    );
    assert_eq!(
        locked_under("/order/id", json!({ "order": { "id": 42 } })).await,
        "42"
    );
    let two = json!({ "tenant": "t", "order": "o" });
    assert_eq!(locked_under("/tenant,/order", two).await, "t#o");
}

#[tokio::test(start_paused = true)]
async fn it_is_taken_from_a_message_inside_a_queues_record() {
    let record = json!({ "body": "{\"orderId\":\"42\"}" });
    let event = json!({ "Records": [record] });
    assert_eq!(locked_under("/Records/0/body/orderId", event).await, "42");
}

#[tokio::test(start_paused = true)]
async fn it_is_taken_from_a_payload_of_the_users_own_type() {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Order<'a> {
        order_id: &'a str,
    }
    assert_eq!(
        locked_under("/orderId", Order { order_id: "42" }).await,
        "42"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_without_the_key_is_refused_and_says_what_to_do() {
    let message = bad_key("/orderId", json!({ "id": 1 })).await;
    assert!(message.starts_with("`/orderId` is missing"), "{message}");
    let help = "; set LOCKS_KEY to where the key stands, and see that the handler's payload type keeps \
                that field";
    assert!(message.ends_with(help), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_key_of_a_wrong_type_is_refused() {
    let right = "the key must be a string, a number or a boolean";
    for (value, kind) in [
        (json!(null), "null"),
        (json!({}), "an object"),
        (json!([1]), "an array"),
    ] {
        let message = bad_key("/orderId", json!({ "orderId": value })).await;
        assert!(
            message.starts_with(&format!("`/orderId` is {kind}")),
            "{message}"
        );
        assert!(message.ends_with(right), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_key_is_refused() {
    let message = bad_key("/orderId", json!({ "orderId": "" })).await;
    assert_eq!(
        message,
        "`/orderId` is an empty string; a lock needs a name"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_too_long_is_refused() {
    let message = bad_key("/orderId", json!({ "orderId": "x".repeat(2049) })).await;
    assert_eq!(
        message,
        "the key has 2049 bytes; DynamoDB takes at most 2048 in a partition key"
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_never_locked_by_its_first_record() {
    let batch = json!({ "Records": [{ "body": "{\"id\":1}" }, { "body": "{\"id\":2}" }] });
    let message = bad_key("/Records/0/body/id", batch).await;
    assert_eq!(
        message,
        "`/Records/0/body/id` points to one of 2 records, and the lock would protect only that one; \
         set BatchSize 1, or point to something above the records"
    );
}
