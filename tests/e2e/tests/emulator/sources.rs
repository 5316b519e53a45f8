//! An event of each source, as AWS's own documentation shows it, to a real function: what the handler gets, and what the
//! source is told, while an order is busy, once it is free, and when the event comes again.

use std::time::Duration;

use dynamodb_locks::{Locks, Settings};
use serde_json::{Value, json};
use testkit::Error;
use testkit::dynamo::{Dynamo, Schema};
use testkit::lambda::{Answer, Function};
use testkit::programs::{self, Programs};

use crate::scene::{TABLE, emulator};

/// A source, and how its records are told apart.
struct Source {
    event: &'static str,
    key: &'static str,
    event_key: &'static str,
    /// The order that is busy at first.
    busy: &'static str,
    /// What the source is told to deliver again meanwhile; none where it reads no report.
    again: Option<Value>,
}

/// Delivers the event three times. The function answers with what it was given.
async fn three_deliveries(source: Source) -> Result<(), Error> {
    let Some(emulator) = emulator() else {
        return Ok(());
    };
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    let wire = dynamo.listen().await?;
    let function = Function::new(programs::quickstart()?, &wire.url(), TABLE)
        .extension(&Programs::build()?.extension)
        .variable("LOCKS_KEY", source.key)
        .variable("LOCKS_RECORDS", "each")
        .variable("LOCKS_ON_BUSY", "fail")
        .variable("LOCKS_DEDUP", "skip")
        .variable("LOCKS_DEDUP_KEY", source.event_key)
        .timeout(Duration::from_secs(10));
    let environment = emulator.start(&function).await?;
    let failed = |error: dynamodb_locks::Error| Error::new(error.to_string());
    let other = Locks::with_client(&dynamo.client("other"), Settings::new().table(TABLE));
    let other = other.map_err(failed)?;
    let event: Value = serde_json::from_str(source.event).expect("it is JSON");
    let all = many(&event);

    let held = other.acquire(source.busy).await.map_err(failed)?;
    let busy = environment.invoke(event.clone()).await?;
    match (&busy, &source.again) {
        (Answer::Response(response), Some(again)) => {
            let failures = json!([{ "itemIdentifier": again }]);
            assert_eq!(response["batchItemFailures"], failures);
            assert_eq!(many(response), all - 1, "{response}");
        }
        (Answer::Error { kind, .. }, None) => {
            let expected = if all == 0 {
                "Lock.Busy"
            } else {
                "Lock.PartialBatch"
            };
            assert_eq!(kind, expected);
        }
        (other, again) => panic!("{again:?} should come again, but {other:?}"),
    }
    held.release().await.map_err(failed)?;

    let Answer::Response(free) = environment.invoke(event.clone()).await? else {
        panic!("nothing is busy any more")
    };
    assert!(free.get("batchItemFailures").is_none(), "{free}");
    let rest = if source.again.is_some() {
        1
    } else {
        all.min(1)
    };
    assert_eq!(many(&free), rest, "only what was left runs: {free}");

    let Answer::Response(duplicate) = environment.invoke(event).await? else {
        panic!("all is done")
    };
    assert_eq!(many(&duplicate), 0, "nothing runs again: {duplicate}");
    environment.shut_down().await
}

/// How many records an event has, or a function has got.
fn many(event: &Value) -> usize {
    let lists = match &event["Records"] {
        Value::Array(records) => vec![records],
        _ => event["records"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, list)| list.as_array())
            .collect(),
    };
    lists.into_iter().map(Vec::len).sum()
}

/// A test of each source.
macro_rules! each_source {
    ($($name:ident: $event:literal, $key:literal, $event_key:literal, $busy:literal, $again:expr;)*) => {
        $(#[tokio::test]
        async fn $name() -> Result<(), Error> {
            three_deliveries(Source {
                event: include_str!(concat!("../../events/", $event, ".json")),
                key: $key,
                event_key: $event_key,
                busy: $busy,
                again: $again,
            })
            .await
        })*
    };
}

each_source! {
    a_queue: "queue", "/body/orderId", "/messageId", "o2", Some("2e1424d4-f796-459a-8184-9c92662be6da".into());
    a_fifo_queue: "fifo_queue", "/body/orderId", "/messageId", "o2", Some("2e1424d4-f796-459a-8184-9c92662be6da".into());
    a_stream: "stream", "/kinesis/data/orderId", "/eventID", "o2", Some("49590338271490256608559692540925702759324208523137515618".into());
    a_stream_of_a_table: "table", "/dynamodb/NewImage/orderId/S", "/eventID", "o2", Some("222".into());
    kafka: "kafka", "/value/orderId", "/topic,/partition,/offset", "o2", Some(json!({"partition": "mytopic-0", "offset": 16}));
    a_topic: "topic", "/Sns/Message/orderId", "/Sns/MessageId", "o1", None;
    a_bucket: "bucket", "/s3/bucket/name,/s3/object/key", "/s3/bucket/name,/s3/object/key,/s3/object/sequencer", "incoming#o2", None;
    an_event_bus: "bus", "/detail/orderId", "/id", "o1", None;
}
