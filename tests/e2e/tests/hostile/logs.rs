#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its stage cannot be set"
)]

use dynamodb_locks::protocol::OperationState;
use dynamodb_locks::{Locks, Vars};
use lambda_locks::{LayerError, LockLayer};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use testkit::Clock;
use testkit::locks::{KEY, LockTable};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::log::Log;
use super::{LEASE, keys};

/// One invocation for this key; what its caller is told of the lock.
async fn invoke(table: &LockTable, locks: Locks, key: &str) -> Option<String> {
    let layer = LockLayer::builder().locks(locks).key("/orderId");
    let layer = layer.build().unwrap();
    let handler = service_fn(async |event: LambdaEvent<Value>| {
        // An operator deletes the row: the lease is lost, and a release must fail.
        let row = event.payload["orderId"].as_str().unwrap_or_default();
        table.dynamo().delete_row("locks", row, "default").unwrap();
        let patience = event.payload["patience"].as_u64().unwrap_or_default();
        tokio::time::sleep(LEASE * patience as u32).await;
        Ok::<_, String>(())
    });
    let mut locked = layer.layer(handler);
    let mut told = None;
    for patience in [0, 2] {
        let mut context = Context::default();
        context.deadline = (Clock::system().since_epoch() + 6 * LEASE).as_millis() as u64;
        let order = to_raw_value(&json!({ "orderId": key, "patience": patience })).unwrap();
        let event = LambdaEvent::new(order, context);
        if let Err(LayerError::Lock(lock)) = locked.ready().await.unwrap().call(event).await {
            told = Some(lock.to_string());
        }
        tokio::time::sleep(LEASE / 1000).await;
    }
    told
}

/// Does what is logged with the key in it; what people are told meanwhile.
async fn stir(key: &str) -> Vec<String> {
    let table = LockTable::new();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("journal");
    let locks = table.a_client("a").with(|s| s.journal(dir)).ready();
    // From now on no note can be taken.
    drop(folder);
    let told = invoke(&table, locks, key).await;
    let held = table.client("a").acquire(key).await.unwrap();
    let busy = table.client("b").try_acquire(key).await.unwrap_err();
    held.release().await.unwrap();
    [told, Some(busy.to_string())]
        .into_iter()
        .flatten()
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_stays_in_its_line_and_in_its_field() {
    for key in keys() {
        let log = Log::default();
        let logging = log.json();
        stir(&key).await;
        drop(logging);
        let shown = key.escape_debug().to_string();
        let lines = log.ours();
        for line in &lines {
            let fields = line["fields"].as_object().expect("a line has fields");
            let named = fields.get("key").and_then(Value::as_str);
            assert_eq!(named, Some(shown.as_str()), "{line}");
            assert_ne!(fields["message"], "forged");
        }
        let messages: Vec<_> = lines
            .iter()
            .filter_map(|line| line["fields"]["message"].as_str())
            .collect();
        for message in [
            "lock step",
            "the journal could not record a lock",
            "the lease is lost",
            "the lock was not released",
        ] {
            assert!(messages.contains(&message), "{message}: {messages:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_cannot_begin_a_line_of_a_log_in_plain_text() {
    let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];
    for key in keys() {
        let log = Log::default();
        let logging = log.text();
        stir(&key).await;
        drop(logging);
        let lines = log.lines();
        assert!(lines.len() >= 8, "{lines:?}");
        for line in lines {
            let level = line.split_whitespace().next().unwrap_or_default();
            assert!(levels.contains(&level), "{line:?}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_one_line_whatever_the_key_is() {
    for key in keys() {
        let told = stir(&key).await;
        assert_eq!(told.len(), 2, "{told:?}");
        for message in told {
            assert!(!message.contains(char::is_control), "{message:?}");
        }
    }
}

/// Neither the key nor the run that has done the event is shown, and nobody can tell why it was skipped.
#[tokio::test(start_paused = true)]
async fn a_duplicate_is_logged_with_its_key_and_the_fence_of_the_run_that_has_done_it() {
    let (table, log) = (LockTable::new(), Log::default());
    let vars: Vars = [
        ("LOCKS_KEY", "/orderId"),
        ("LOCKS_DEDUP", "skip"),
        ("LOCKS_DEDUP_KEY", "/messageId"),
    ]
    .into_iter()
    .collect();
    let logging = log.json();
    for name in ["a", "b"] {
        let layer = LockLayer::builder().locks(table.client(name)).vars(&vars);
        let handler = service_fn(async |_: LambdaEvent<Value>| Ok::<_, String>(()));
        let mut locked = layer.build().unwrap().layer(handler);
        let mut context = Context::default();
        context.deadline = (Clock::system().since_epoch() + 6 * LEASE).as_millis() as u64;
        let event = to_raw_value(&json!({ "orderId": KEY, "messageId": "m1" })).unwrap();
        let answered = locked.ready().await.unwrap();
        let answered = answered.call(LambdaEvent::new(event, context)).await;
        assert!(answered.is_ok());
        tokio::time::sleep(LEASE / 1000).await;
    }
    drop(logging);
    let done = table.row().operations.into_values().next();
    let Some(OperationState::Completed(done)) = done else {
        panic!("it is not done: {done:?}");
    };
    let lines = log.ours();
    let is_duplicate = |line: &&Value| {
        let message = line["fields"]["message"].as_str();
        message.is_some_and(|message| message.starts_with("a duplicate"))
    };
    let line = lines.iter().find(is_duplicate).expect("it is logged");
    assert_eq!(line["fields"]["key"], KEY);
    assert_eq!(line["fields"]["fence"], done.fence.0);
    assert_eq!(line["fields"]["from_memory"], false);
}
