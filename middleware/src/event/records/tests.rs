use super::*;

fn found(event: &Value) -> (String, Records) {
    let text = event.to_string();
    let records = Records::find(&text).expect("it is a batch");
    (text, records)
}

fn groups(records: &Records) -> Vec<Option<&str>> {
    let groups = records.records.iter().map(|record| record.group.as_deref());
    groups.collect()
}

fn message(id: &str, queue: &str, group: &str) -> Value {
    json!({
        "messageId": id, "receiptHandle": "r", "body": "{\"a\": 1}", "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:eu-west-1:123456789012:{queue}"),
        "attributes": {"MessageGroupId": group, "ApproximateReceiveCount": "1"}
    })
}

#[test]
fn a_queue_names_each_message() {
    let batch = json!({"Records": [message("m1", "orders", "g"), message("m2", "orders", "g")]});
    let (_, records) = found(&batch);
    assert_eq!(records.kind, BatchKind::Each);
    assert_eq!(records.origin.as_deref(), Some("aws:sqs"));
    assert_eq!(records.records[1].id, Some("m2".into()));
    // A fair queue has groups, and no order.
    assert_eq!(groups(&records), [None, None]);
}

#[test]
fn a_fifo_queue_is_known_by_its_name() {
    let batch =
        json!({"Records": [message("m1", "orders.fifo", "g"), message("m2", "orders.fifo", "h")]});
    let (_, records) = found(&batch);
    assert_eq!(groups(&records), [Some("g"), Some("h")]);
}

#[test]
fn a_stream_keeps_the_order_of_a_partition_key() {
    let record = |sequence: &str, key: &str| {
        json!({
            "eventSource": "aws:kinesis",
            "kinesis": {"partitionKey": key, "sequenceNumber": sequence, "data": "e30="}
        })
    };
    let (_, records) = found(&json!({"Records": [record("1", "a"), record("2", "b")]}));
    assert_eq!(records.kind, BatchKind::FromFirst);
    assert_eq!(records.records[0].id, Some("1".into()));
    assert_eq!(groups(&records), [Some("a"), Some("b")]);
}

#[test]
fn a_stream_of_a_table_keeps_the_order_of_an_item() {
    let record = |sequence: &str, keys: Value| {
        json!({
            "eventSource": "aws:dynamodb",
            "dynamodb": {"Keys": keys, "SequenceNumber": sequence, "NewImage": {}}
        })
    };
    let text = format!(
        r#"{{"Records": [{}, {}]}}"#,
        record("1", json!({"id": {"N": "1"}})),
        r#"{"eventSource": "aws:dynamodb", "dynamodb": {"Keys": {"id": {"N":  "1"}}, "SequenceNumber": "2"}}"#,
    );
    let records = Records::find(&text).expect("it is a batch");
    assert_eq!(records.records[1].id, Some("2".into()));
    let groups = groups(&records);
    assert!(groups[0].is_some() && groups[0] == groups[1], "{groups:?}");
}

fn kafka() -> Value {
    let record = |topic: &str, partition: u64, offset: u64| json!({"topic": topic, "partition": partition, "offset": offset, "key": "a2V5", "value": "e30="});
    json!({
        "eventSource": "aws:kafka", "bootstrapServers": "b",
        "records": {
            "orders-0": [record("orders", 0, 7), record("orders", 0, 8)],
            "orders-1": [record("orders", 1, 3)]
        }
    })
}

#[test]
fn kafka_names_a_record_by_its_partition_and_offset() {
    let (_, records) = found(&kafka());
    assert_eq!(records.kind, BatchKind::FromFirst);
    let id = json!({"partition": "orders-0", "offset": 8});
    assert_eq!(records.records[1].id, Some(id));
    assert_eq!(records.records[2].shard, "orders-1");
    assert_ne!(records.records[1].group, records.records[2].group);
}

#[test]
fn a_topic_a_bucket_and_an_unknown_source_learn_of_no_record() {
    for record in [
        json!({"EventSource": "aws:sns", "Sns": {"MessageId": "m"}}),
        json!({"eventSource": "aws:s3", "s3": {"object": {"key": "k"}}}),
        json!({"eventSource": "aws:new"}),
        json!({}),
        json!(7),
    ] {
        let (_, records) = found(&json!({"Records": [record]}));
        assert_eq!(records.kind, BatchKind::Whole);
        assert_eq!(records.records[0].id, None);
    }
}

#[test]
fn an_event_without_records_is_no_batch() {
    for event in [
        json!({"orderId": 1}),
        json!({"Records": {"a": 1}}),
        json!({"detail": {"Records": [1]}}),
        // Data Firehose wants an answer for each record.
        json!({"deliveryStreamArn": "arn", "records": [{"recordId": "1"}]}),
        json!(null),
    ] {
        assert_eq!(Records::find(&event.to_string()), None, "{event}");
    }
}

#[test]
fn a_damaged_message_has_no_name() {
    for damaged in [
        json!({"eventSource": "aws:sqs", "messageId": 7}),
        json!({"messageId": ""}),
        json!([]),
    ] {
        let batch = json!({"Records": [message("m1", "orders", "g"), damaged]});
        let (_, records) = found(&batch);
        assert_eq!(records.records[1].id, None);
    }
}

#[test]
fn what_is_left_of_an_event_is_as_it_was() {
    let text = r#"{"x" : 1.0, "Records" : [ {"messageId": "1"},  {"messageId":"2" } , {"a": "]"}
        ], "y": "é\n" }"#;
    let records = Records::find(text).expect("it is a batch");
    let only = |kept: [bool; 3]| records.only(text, &kept);
    let second = r#"{"x" : 1.0, "Records" : [ {"messageId":"2" }
        ], "y": "é\n" }"#;
    assert_eq!(only([false, true, false]), second);
    let two = r#"{"x" : 1.0, "Records" : [ {"messageId": "1"},{"a": "]"}
        ], "y": "é\n" }"#;
    assert_eq!(only([true, false, true]), two);
}

#[test]
fn a_partition_without_records_is_left_out() {
    let (text, records) = found(&kafka());
    let only: Value =
        serde_json::from_str(&records.only(&text, &[false, true, false])).expect("it is JSON");
    let mut expected = kafka();
    let left = expected["records"]["orders-0"][1].clone();
    expected["records"] = json!({"orders-0": [left]});
    assert_eq!(only, expected);
}

#[test]
fn a_batch_may_be_empty() {
    let (text, records) = found(&json!({"Records": []}));
    assert_eq!(records.records, []);
    assert_eq!(records.only(&text, &[]), text);
}

#[test]
fn a_tumbling_window_has_a_state() {
    let record = json!({"eventSource": "aws:kinesis", "kinesis": {"partitionKey": "a", "sequenceNumber": "1"}});
    let window = json!({"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"});
    let state = |event: &Value| found(event).1.state;
    let event = json!({"Records": [&record], "window": window, "state": {"sum": 3}});
    assert_eq!(state(&event).as_deref(), Some(r#"{"sum":3}"#));
    assert_eq!(state(&json!({"Records": [record], "state": {}})), None);
}
