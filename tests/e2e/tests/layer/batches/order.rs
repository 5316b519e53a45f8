//! Sources that keep an order, and batches that wait.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::locks::LockTable;

use super::{Handler, KEYS, ONCE, batch, deliver, deliver_within, in_queue, message, report, tick};

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

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_busy_locks_if_it_is_told_to() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let held = table.client("b").acquire("o2").await.expect("it is free");
    tick().await;
    let vars = [KEYS[0], ("LOCKS_ON_BUSY", "wait")];
    let mut locked = handler.under(table.client("a"), &vars);
    let records = [
        message("m1", "o1"),
        message("m2", "o2"),
        message("m3", "o3"),
    ];
    let whole = batch(&records);
    let release = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        held.release().await.expect("it is held");
    };
    let (answer, ()) = tokio::join!(deliver(&mut locked, &whole), release);
    assert_eq!(answer, Ok(Value::Null));
    assert_eq!(handler.events(), [whole]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_waits_in_vain_hands_over_what_it_has() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let _held = table.client("b").acquire("o2").await.expect("it is free");
    tick().await;
    let vars = [KEYS[0], ("LOCKS_ON_BUSY", "wait")];
    let mut locked = handler.under(table.client("a"), &vars);
    let records = [
        message("m1", "o1"),
        message("m2", "o2"),
        message("m3", "o3"),
    ];
    let told = deliver_within(&mut locked, &batch(&records), Duration::from_secs(5)).await;
    assert_eq!(told, Ok(report(&["m2"])));
    assert_eq!(handler.ids(), [["m1", "m3"]]);
}

#[tokio::test(start_paused = true)]
async fn batches_that_wait_never_wait_for_each_other() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let vars = [KEYS[0], ("LOCKS_ON_BUSY", "wait")];
    let orders = ["o1", "o2", "o3", "o4", "o5"];
    let deliveries = (0..12_usize).map(|n| {
        let mut locked = handler.under(table.client(&format!("e{n}")), &vars);
        let records: Vec<_> = (0..3)
            .map(|m| {
                message(
                    &format!("m{n}.{m}"),
                    orders[(n * 2 + m * (1 + n % 3)) % orders.len()],
                )
            })
            .collect();
        async move { deliver(&mut locked, &batch(&records)).await }
    });
    let deliveries: Vec<_> = deliveries.map(tokio::spawn).collect();
    for answer in deliveries {
        assert_eq!(answer.await.expect("no panic"), Ok(Value::Null));
    }
    assert_eq!(handler.ids().concat().len(), 36);
}

#[tokio::test(start_paused = true)]
async fn no_lock_is_held_while_another_one_is_waited_for() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let _held = table.client("b").acquire("o2").await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), &ONCE);
    let records = [
        message("m1", "o1"),
        message("m2", "o2"),
        message("m3", "o3"),
    ];
    let begun = table.now();
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(report(&["m2"]))
    );
    assert!(
        table.now().since(begun) < Duration::from_millis(100),
        "it does not wait"
    );
}
