//! One batch of each source, as AWS's own documentation shows its events.

use serde_json::{Value, json};
use testkit::locks::LockTable;

use super::{Handler, deliver, tick};

const TOPIC: &str = r#"{"Records": [{"EventVersion": "1.0", "EventSource": "aws:sns",
    "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:ExampleTopic",
    "Sns": {"Type": "Notification", "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
    "TopicArn": "arn:aws:sns:us-east-1:123456789012:ExampleTopic", "Subject": "example subject",
    "Message": "{\"orderId\": \"o1\"}", "Timestamp": "1970-01-01T00:00:00.000Z"}}]}"#;

const BUCKET: &str = r#"{"Records": [
    {"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": "ObjectCreated:Put",
     "s3": {"bucket": {"name": "incoming"}, "object": {"key": "o1", "size": 1, "sequencer": "0A1"}}},
    {"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": "ObjectCreated:Put",
     "s3": {"bucket": {"name": "incoming"}, "object": {"key": "o2", "size": 1, "sequencer": "0A2"}}}]}"#;

const KINESIS: &str = r#"{"Records": [
    {"kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "1", "data": "eyJvcmRlcklkIjoibzEifQ==",
     "sequenceNumber": "49590338271490256608559692538361571095921575989136588898", "approximateArrivalTimestamp": 1545084650.987},
     "eventSource": "aws:kinesis", "eventVersion": "1.0",
     "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
     "eventName": "aws:kinesis:record", "awsRegion": "us-east-2",
     "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"},
    {"kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "1", "data": "eyJvcmRlcklkIjoibzIifQ==",
     "sequenceNumber": "49590338271490256608559692540925702759324208523137515618", "approximateArrivalTimestamp": 1545084711.166},
     "eventSource": "aws:kinesis", "eventVersion": "1.0",
     "eventID": "shardId-000000000006:49590338271490256608559692540925702759324208523137515618",
     "eventName": "aws:kinesis:record", "awsRegion": "us-east-2",
     "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"}]}"#;

const TABLE: &str = r#"{"Records": [
    {"eventID": "1", "eventVersion": "1.0", "dynamodb": {"Keys": {"Id": {"N": "101"}},
     "NewImage": {"orderId": {"S": "o1"}}, "StreamViewType": "NEW_AND_OLD_IMAGES",
     "SequenceNumber": "111", "SizeBytes": 26}, "awsRegion": "us-west-2", "eventName": "INSERT",
     "eventSourceARN": "arn:aws:dynamodb:us-east-2:123456789012:table/t/stream/2019", "eventSource": "aws:dynamodb"},
    {"eventID": "2", "eventVersion": "1.0", "dynamodb": {"Keys": {"Id": {"N": "102"}},
     "NewImage": {"orderId": {"S": "o2"}}, "StreamViewType": "NEW_AND_OLD_IMAGES",
     "SequenceNumber": "222", "SizeBytes": 59}, "awsRegion": "us-west-2", "eventName": "MODIFY",
     "eventSourceARN": "arn:aws:dynamodb:us-east-2:123456789012:table/t/stream/2019", "eventSource": "aws:dynamodb"}]}"#;

const KAFKA: &str = r#"{"eventSource": "SOURCE", "eventSourceArn": "arn:aws:kafka:sa-east-1:123456789012:cluster/v/7",
    "bootstrapServers": "b-2.demo.kafka.us-east-1.amazonaws.com:9092",
    "records": {"mytopic-0": [
      {"topic": "mytopic", "partition": 0, "offset": 15, "timestamp": 1545084650987, "timestampType": "CREATE_TIME",
       "key": "YQ==", "value": "eyJvcmRlcklkIjoibzEifQ==", "headers": [{"headerKey": [104]}]},
      {"topic": "mytopic", "partition": 0, "offset": 16, "timestamp": 1545084650988, "timestampType": "CREATE_TIME",
       "key": "Yg==", "value": "eyJvcmRlcklkIjoibzIifQ==", "headers": []}]}}"#;

const BUS: &str = r#"{"version": "0", "id": "53dc4d37", "detail-type": "Order placed", "source": "shop",
    "account": "123456789012", "time": "2015-11-11T21:31:47Z", "region": "us-east-1", "resources": [],
    "detail": {"orderId": "o1"}}"#;

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
        let event = json(&KAFKA.replace("SOURCE", source));
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
