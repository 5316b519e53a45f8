//! Sources that keep an order.

use serde_json::{Value, json};
use testkit::locks::LockTable;

use super::{Handler, KEYS, batch, deliver, in_queue, report, tick};

fn fifo(id: &str, order: &str, group: &str) -> Value {
    in_queue("orders.fifo", id, order, group)
}

fn of_stream(sequence: &str, order: &str) -> Value {
    json!({
        "eventSource": "aws:kinesis",
        "kinesis": {
            "partitionKey": order, "sequenceNumber": sequence,
            "data": aws_smithy_types::base64::encode(json!({"orderId": order}).to_string())
        }
    })
}

const STREAM: [(&str, &str); 3] = [
    ("LOCKS_KEY", "/Records/*/kinesis/data/orderId"),
    ("LOCKS_DEDUP", "skip"),
    ("LOCKS_DEDUP_KEY", "/Records/*/kinesis/sequenceNumber"),
];

#[tokio::test(start_paused = true)]
async fn a_message_group_is_not_overtaken() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let _held = table.client("b").acquire("o1").await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), &KEYS);
    let records = [
        fifo("m1", "o1", "g"),
        fifo("m2", "o2", "g"),
        fifo("m3", "o3", "h"),
    ];
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(report(&["m1", "m2"]))
    );
    assert_eq!(handler.ids(), [["m3"]]);
    let free = table.client("c").try_acquire("o2").await;
    assert!(free.is_ok(), "a lock that is not needed is given back");
}

#[tokio::test(start_paused = true)]
async fn a_fair_queue_keeps_no_order() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let _held = table.client("b").acquire("o1").await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), &KEYS);
    let records = [
        in_queue("orders", "m1", "o1", "g"),
        in_queue("orders", "m2", "o2", "g"),
    ];
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(report(&["m1"]))
    );
    assert_eq!(handler.ids(), [["m2"]]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_told_of_its_first_failure_and_what_was_done_behind_it_is_not_done_again() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let held = table.client("b").acquire("o2").await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), &STREAM);
    let records: Vec<_> = ["o1", "o2", "o3", "o2"]
        .iter()
        .enumerate()
        .map(|(n, order)| of_stream(&n.to_string(), order))
        .collect();
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(report(&["1"]))
    );
    held.release().await.expect("it is held");
    tick().await;
    assert_eq!(
        deliver(&mut locked, &batch(&records[1..])).await,
        Ok(Value::Null)
    );
    let orders = |event: &Value| {
        let records = event["Records"].as_array().expect("a batch").iter();
        let sequences = records.map(|record| record["kinesis"]["sequenceNumber"].clone());
        sequences.collect::<Vec<_>>()
    };
    let seen: Vec<_> = handler.events().iter().map(orders).collect();
    assert_eq!(seen, [["0", "2"], ["1", "3"]]);
}

/// The same records, in a tumbling window.
fn in_window(records: &[Value], state: &Value) -> Value {
    let mut event = batch(records);
    event["window"] = json!({"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"});
    event["state"] = state.clone();
    event
}

#[tokio::test(start_paused = true)]
async fn a_tumbling_window_gets_its_state_back_where_the_handler_does_not_run() {
    let table = LockTable::new();
    let answer = json!({"state": {"sum": 5}, "batchItemFailures": []});
    let handler = Handler::answering(answer.clone());
    let held = table.client("b").acquire("o1").await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), &STREAM);
    let event = in_window(&[of_stream("1", "o1")], &json!({"sum": 3}));
    let busy = json!({"state": {"sum": 3}, "batchItemFailures": [{"itemIdentifier": "1"}]});
    assert_eq!(deliver(&mut locked, &event).await, Ok(busy));
    held.release().await.expect("it is held");
    tick().await;
    assert_eq!(deliver(&mut locked, &event).await, Ok(answer));
    let again = json!({"state": {"sum": 3}, "batchItemFailures": []});
    assert_eq!(deliver(&mut locked, &event).await, Ok(again));
    assert_eq!(handler.events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_deduplication_nothing_of_a_stream_runs_twice_because_of_a_lock() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let _held = table.client("b").acquire("o2").await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), &STREAM[..1]);
    let records: Vec<_> = ["o1", "o2", "o3"]
        .iter()
        .enumerate()
        .map(|(n, order)| of_stream(&n.to_string(), order))
        .collect();
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(report(&["1"]))
    );
    assert_eq!(handler.events(), [batch(&records[..1])]);
}
