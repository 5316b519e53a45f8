//! One batch of each source, as AWS's own documentation shows its events.

use serde_json::{Value, json};
use testkit::locks::LockTable;

use super::{Handler, deliver, tick};

const BUCKET: &str = include_str!("../../../events/bucket.json");
const BUS: &str = include_str!("../../../events/bus.json");
const FIFO_QUEUE: &str = include_str!("../../../events/fifo_queue.json");
const KAFKA: &str = include_str!("../../../events/kafka.json");
const KINESIS: &str = include_str!("../../../events/stream.json");
const QUEUE: &str = include_str!("../../../events/queue.json");
const TABLE: &str = include_str!("../../../events/table.json");
const TOPIC: &str = include_str!("../../../events/topic.json");

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

fn told(id: Value) -> Result<Value, String> {
    Ok(json!({"batchItemFailures": [{"itemIdentifier": id}]}))
}

fn once<'a>(key: &'a str, event: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("LOCKS_KEY", key),
        ("LOCKS_DEDUP", "skip"),
        ("LOCKS_DEDUP_KEY", event),
        ("LOCKS_RECORDS", "each"),
    ]
}

/// What a source is told when the second order is busy, and what once it is free; and how many events the handler has
/// got.
async fn told_of(
    event: Value,
    vars: &[(&str, &str)],
    busy: &str,
) -> (Result<Value, String>, Result<Value, String>, Vec<Value>) {
    let (table, handler) = (LockTable::new(), Handler::new());
    let held = table.client("b").acquire(busy).await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), vars);
    let busy = deliver(&mut locked, &event).await;
    held.release().await.expect("it is held");
    tick().await;
    let free = deliver(&mut locked, &event).await;
    (busy, free, handler.events())
}

#[tokio::test(start_paused = true)]
async fn queues() {
    for (queue, vars) in [
        (QUEUE, once("/body/orderId", "/messageId")),
        (FIFO_QUEUE, once("/body/orderId", "/messageId")),
    ] {
        let (busy, free, seen) = told_of(json(queue), &vars, "o2").await;
        assert_eq!(busy, told("2e1424d4-f796-459a-8184-9c92662be6da".into()));
        assert_eq!(free, Ok(Value::Null));
        assert_eq!(seen.len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn kinesis() {
    let vars = once("/kinesis/data/orderId", "/kinesis/sequenceNumber");
    let (busy, free, seen) = told_of(json(KINESIS), &vars, "o2").await;
    assert_eq!(
        busy,
        told("49590338271490256608559692540925702759324208523137515618".into())
    );
    assert_eq!(free, Ok(Value::Null));
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1]["Records"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_a_table() {
    let vars = once("/dynamodb/NewImage/orderId/S", "/eventID");
    let (busy, free, seen) = told_of(json(TABLE), &vars, "o2").await;
    assert_eq!((busy, free), (told("222".into()), Ok(Value::Null)));
    assert_eq!(seen.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn kafka() {
    for source in ["aws:kafka", "SelfManagedKafka"] {
        let mut event = json(KAFKA);
        event["eventSource"] = source.into();
        for vars in [
            once("/value/orderId", "/topic,/partition,/offset"),
            once(
                "/records/*/*/value/orderId",
                "/records/*/*/topic,/records/*/*/partition,/records/*/*/offset",
            ),
        ] {
            let (busy, free, seen) = told_of(event.clone(), &vars, "o2").await;
            assert_eq!(busy, told(json!({"partition": "mytopic-0", "offset": 16})));
            assert_eq!(free, Ok(Value::Null));
            assert_eq!(
                seen[1]["records"]["mytopic-0"].as_array().map(Vec::len),
                Some(1)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_reads_no_report_so_the_invocation_fails_and_its_retry_runs_the_rest() {
    let vars = once("/s3/object/key", "/s3/object/sequencer");
    let (busy, free, seen) = told_of(json(BUCKET), &vars, "o2").await;
    assert_eq!(
        (busy, free),
        (Err("Lock.PartialBatch".to_owned()), Ok(Value::Null))
    );
    let keys = |event: &Value| event["Records"][0]["s3"]["object"]["key"].clone();
    assert_eq!(seen.iter().map(keys).collect::<Vec<_>>(), ["o1", "o2"]);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_without_deduplication_runs_whole_or_not_at_all() {
    let vars = [("LOCKS_KEY", "/Records/*/s3/object/key")];
    let (busy, free, seen) = told_of(json(BUCKET), &vars, "o2").await;
    assert_eq!(
        (busy, free),
        (Err("Lock.PartialBatch".to_owned()), Ok(Value::Null))
    );
    assert_eq!(seen, [json(BUCKET)]);
}

#[tokio::test(start_paused = true)]
async fn a_topic() {
    let vars = once("/Sns/Message/orderId", "/Sns/MessageId");
    let (busy, free, seen) = told_of(json(TOPIC), &vars, "o1").await;
    assert_eq!(
        (busy, free),
        (Err("Lock.PartialBatch".to_owned()), Ok(Value::Null))
    );
    assert_eq!(seen, [json(TOPIC)]);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_bus_is_one_record() {
    let vars = once("/detail/orderId", "/id");
    let (busy, free, seen) = told_of(
        json(BUS),
        &[
            vars[0],
            vars[1],
            vars[2],
            vars[3],
            ("LOCKS_ON_BUSY", "fail"),
        ],
        "o1",
    )
    .await;
    assert_eq!((busy, free), (Err("Lock.Busy".to_owned()), Ok(Value::Null)));
    assert_eq!(seen, [json(BUS)]);
}

#[tokio::test(start_paused = true)]
async fn a_mapping_without_reports_gets_an_error_and_its_retry_runs_the_rest() {
    let vars = once("/kinesis/data/orderId", "/kinesis/sequenceNumber");
    let vars = [&vars[..], &[("LOCKS_BATCH_REPORT", "error")]].concat();
    let (busy, free, seen) = told_of(json(KINESIS), &vars, "o2").await;
    assert_eq!(
        (busy, free),
        (Err("Lock.PartialBatch".to_owned()), Ok(Value::Null))
    );
    assert_eq!(seen.len(), 2);
}
