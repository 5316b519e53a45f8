//! Batches, each record with a lock of its own: what the handler gets, what the source is told, and what it costs.

mod duplicates;
mod endings;
mod order;
mod redelivery;
mod single;
mod sources;
mod waits;
mod words;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dynamodb_locks::{Locks, Vars};
use lambda_locks::{Error, LayerError, LockLayer, LockResponse, Locked};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use testkit::Clock;
use testkit::dynamo::{Fate, Request};
use testkit::locks::{LockTable, ROUND_TRIP};
use tower::{Layer, Service, ServiceExt};

type RawEvent = LambdaEvent<Box<RawValue>>;

const KEYS: [(&str, &str); 1] = [("LOCKS_KEY", "/Records/*/body/orderId")];

const ONCE: [(&str, &str); 3] = [
    ("LOCKS_KEY", "/Records/*/body/orderId"),
    ("LOCKS_DEDUP", "skip"),
    ("LOCKS_DEDUP_KEY", "/Records/*/messageId"),
];

fn layer<T>(locks: Locks, vars: &[(&str, &str)]) -> LockLayer<T> {
    try_layer(locks, vars).expect("the variables are right")
}

fn try_layer<T>(locks: Locks, vars: &[(&str, &str)]) -> Result<LockLayer<T>, Error> {
    let vars: Vars = vars.iter().copied().collect();
    LockLayer::builder().locks(locks).vars(&vars).build()
}

/// A message of a standard queue about an order.
fn message(id: &str, order: &str) -> Value {
    in_queue("orders", id, order, "")
}

fn in_queue(queue: &str, id: &str, order: &str, group: &str) -> Value {
    let body = match order {
        "" => json!({}),
        order => json!({ "orderId": order }),
    };
    json!({
        "messageId": id,
        "receiptHandle": format!("receipt of {id}"),
        "body": body.to_string(),
        "attributes": {"MessageGroupId": group, "ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:eu-west-1:123456789012:{queue}"),
        "awsRegion": "eu-west-1"
    })
}

fn batch(records: &[Value]) -> Value {
    json!({ "Records": records })
}

/// The report that names these.
fn report(failed: &[&str]) -> Value {
    let failures = failed.iter().map(|id| json!({"itemIdentifier": id}));
    json!({"batchItemFailures": failures.collect::<Vec<_>>()})
}

/// What the runtime sends for an event, or the name of what it reports.
async fn deliver<S, A, E>(service: &mut S, event: &Value) -> Result<Value, String>
where
    S: Service<RawEvent, Response = LockResponse<A>, Error = LayerError<E>>,
    LockResponse<A>: serde::Serialize,
    E: std::fmt::Display,
{
    deliver_within(service, event, Duration::from_secs(60)).await
}

async fn deliver_within<S, A, E>(
    service: &mut S,
    event: &Value,
    left: Duration,
) -> Result<Value, String>
where
    S: Service<RawEvent, Response = LockResponse<A>, Error = LayerError<E>>,
    LockResponse<A>: serde::Serialize,
    E: std::fmt::Display,
{
    match answered_within(service, event, left).await {
        Ok(answer) => Ok(serde_json::to_value(answer).expect("it is JSON")),
        Err(LayerError::Lock(failure)) => Err(failure.name().to_owned()),
        Err(other) => Err(other.to_string()),
    }
}

/// What the layer answers, before it is serialized.
async fn answered_within<S, A, E>(
    service: &mut S,
    event: &Value,
    left: Duration,
) -> Result<LockResponse<A>, LayerError<E>>
where
    S: Service<RawEvent, Response = LockResponse<A>, Error = LayerError<E>>,
{
    let mut context = Context::default();
    context.deadline = (Clock::system().since_epoch() + left).as_millis() as u64;
    let event = LambdaEvent::new(to_raw_value(event).expect("it is JSON"), context);
    service.ready().await?.call(event).await
}

/// A handler that writes down the events that it gets, and gives an answer.
#[derive(Clone, Debug)]
struct Handler {
    seen: Arc<Mutex<Vec<Value>>>,
    answer: Result<Value, String>,
}

impl Handler {
    fn new() -> Self {
        Self::answering(Value::Null)
    }

    fn answering(answer: Value) -> Self {
        let seen = Arc::default();
        let answer = Ok(answer);
        Self { seen, answer }
    }

    fn failing() -> Self {
        let answer = Err("it failed".to_owned());
        Self {
            answer,
            ..Self::new()
        }
    }

    /// The ids of the messages of each event that it got.
    fn ids(&self) -> Vec<Vec<String>> {
        let ids = |event: &Value| {
            let records = event["Records"].as_array().cloned().unwrap_or_default();
            let id = |record: &Value| record["messageId"].as_str().unwrap_or("?").to_owned();
            records.iter().map(id).collect()
        };
        self.seen
            .lock()
            .expect("nobody panicked")
            .iter()
            .map(ids)
            .collect()
    }

    fn events(&self) -> Vec<Value> {
        self.seen.lock().expect("nobody panicked").clone()
    }

    /// The handler under a layer.
    fn under(
        &self,
        locks: Locks,
        vars: &[(&str, &str)],
    ) -> Locked<
        impl Service<
            LambdaEvent<Value>,
            Response = Value,
            Error = String,
            Future = impl Future<Output = Result<Value, String>> + use<>,
        > + Clone
        + use<>,
        Value,
    > {
        let this = self.clone();
        let handler = tower::service_fn(move |event: LambdaEvent<Value>| {
            this.seen
                .lock()
                .expect("nobody panicked")
                .push(event.payload);
            std::future::ready(this.answer.clone())
        });
        layer(locks, vars).layer(handler)
    }
}

/// Two tickets of one moment would be the same.
async fn tick() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// How many requests of each kind a client has sent.
fn counted(table: &LockTable, client: &str, kind: &str) -> usize {
    let story = table.story(client);
    story.iter().filter(|step| *step == kind).count()
}

#[tokio::test(start_paused = true)]
async fn each_record_has_a_lock_of_its_own_at_two_writes_each_and_no_read() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let mut locked = handler.under(table.client("a"), &KEYS);
    let records: Vec<_> = (0..10)
        .map(|n| message(&format!("m{n}"), &format!("o{n}")))
        .collect();
    let whole = batch(&records);
    assert_eq!(deliver(&mut locked, &whole).await, Ok(Value::Null));
    assert_eq!(handler.events(), [whole]);
    assert_eq!(table.story("a").len(), 20);
    assert_eq!(counted(&table, "a", "release"), 10);
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_one_round_trip_before_the_handler_and_one_after_it() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let half = ROUND_TRIP / 2;
    let far = move |_: &Request| Fate::delivered().before(half).after(half);
    table.dynamo().plan(far);
    let mut locked = handler.under(table.client("a"), &KEYS);
    let records: Vec<_> = (0..10)
        .map(|n| message(&format!("m{n}"), &format!("o{n}")))
        .collect();
    let begun = table.now();
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(Value::Null)
    );
    assert_eq!(table.now().since(begun), ROUND_TRIP * 2);
}

#[tokio::test(start_paused = true)]
async fn records_of_one_key_share_an_acquisition() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let mut locked = handler.under(table.client("a"), &KEYS);
    let records: Vec<_> = (0..10).map(|n| message(&format!("m{n}"), "o1")).collect();
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(Value::Null)
    );
    assert_eq!(handler.ids()[0].len(), 10);
    assert_eq!(table.story("a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_busy_record_is_left_out_and_comes_again() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let held = table.client("b").acquire("o2").await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), &KEYS);
    let records = [
        message("m1", "o1"),
        message("m2", "o2"),
        message("m3", "o3"),
    ];
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(report(&["m2"]))
    );
    assert_eq!(
        handler.events(),
        [batch(&[records[0].clone(), records[2].clone()])]
    );
    held.release().await.expect("it is held");
    tick().await;
    assert_eq!(
        deliver(&mut locked, &batch(&records[1..2])).await,
        Ok(Value::Null)
    );
    assert_eq!(handler.ids(), [vec!["m1", "m3"], vec!["m2"]]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_does_not_run_if_no_record_remains() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let _held = table.client("b").acquire("o1").await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), &KEYS);
    let records = [message("m1", "o1"), message("m2", "")];
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(report(&["m1", "m2"]))
    );
    assert_eq!(handler.events(), [json!(null); 0]);
}

#[tokio::test(start_paused = true)]
async fn the_handlers_own_failures_are_told_together_with_those_held_back() {
    let table = LockTable::new();
    let handler = Handler::answering(report(&["m3"]));
    let _held = table.client("b").acquire("o1").await.expect("it is free");
    tick().await;
    let mut locked = handler.under(table.client("a"), &KEYS);
    let records = [
        message("m1", "o1"),
        message("m2", "o2"),
        message("m3", "o3"),
    ];
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(report(&["m1", "m3"]))
    );
    assert_eq!(
        deliver(&mut locked, &batch(&records[1..])).await,
        Ok(report(&["m3"]))
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_key_does_as_the_settings_say() {
    for (on_missing, given, failed) in [
        ("error", vec!["m1"], Ok(report(&["m2"]))),
        ("run", vec!["m1", "m2"], Ok(Value::Null)),
        ("skip", vec!["m1"], Ok(report(&[]))),
    ] {
        let (table, handler) = (LockTable::new(), Handler::new());
        let vars = [KEYS[0], ("LOCKS_ON_MISSING", on_missing)];
        let mut locked = handler.under(table.client("a"), &vars);
        let records = [message("m1", "o1"), message("m2", "")];
        let answer = deliver(&mut locked, &batch(&records)).await;
        assert_eq!(handler.ids(), [given], "{on_missing}");
        match on_missing {
            // All that was given up counts as done, and the handler's answer says so.
            "skip" => assert_eq!(answer, Ok(Value::Null)),
            _ => assert_eq!(answer, failed, "{on_missing}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pointers_are_of_the_record_where_the_setting_says_each() {
    let (table, handler) = (LockTable::new(), Handler::new());
    let vars = [
        ("LOCKS_KEY", "@source,/body/orderId"),
        ("LOCKS_RECORDS", "each"),
    ];
    let mut locked = handler.under(table.client("a"), &vars);
    let _held = table
        .client("b")
        .acquire("aws:sqs#o1")
        .await
        .expect("it is free");
    tick().await;
    let records = [message("m1", "o1"), message("m2", "o2")];
    assert_eq!(
        deliver(&mut locked, &batch(&records)).await,
        Ok(report(&["m1"]))
    );
    // An event that is no batch is one record.
    assert_eq!(
        deliver(
            &mut locked,
            &json!({"source": "x", "body": {"orderId": "o1"}})
        )
        .await,
        Ok(Value::Null)
    );
}

#[tokio::test(start_paused = true)]
async fn contradictions_are_refused_at_the_start() {
    let table = LockTable::new();
    for (vars, expected) in [
        (vec![KEYS[0], ("LOCKS_RECORDS", "whole")], "LOCKS_RECORDS"),
        (
            vec![
                ("LOCKS_KEY", "/a"),
                ONCE[1],
                ("LOCKS_DEDUP_KEY", "/b"),
                ("LOCKS_DEDUP_FINGERPRINT", "/Records/*/body"),
            ],
            "LOCKS_RECORDS",
        ),
        (
            vec![
                ("LOCKS_KEY", "/Records/0/body/orderId"),
                ("LOCKS_RECORDS", "each"),
            ],
            "write `*`",
        ),
        (
            vec![("LOCKS_KEY", "/Records/*/body/orderId,/orderId")],
            "write `*`",
        ),
        (vec![("LOCKS_KEY", "/Records/*")], "a whole record changes"),
        (
            vec![("LOCKS_KEY", "/Records/*/receiptHandle")],
            "receipt handle",
        ),
        (vec![("LOCKS_KEY", "/a/*/b")], "stands for each record"),
        (
            vec![("LOCKS_KEY", "/a"), ("LOCKS_RECORDS", "some")],
            "`whole` or `each`",
        ),
        (
            vec![KEYS[0], ("LOCKS_BATCH_REPORT", "none")],
            "`items` or `error`",
        ),
        (
            vec![ONCE[0], ("LOCKS_DEDUP", "replay"), ONCE[2]],
            "nobody reads the response",
        ),
        (
            vec![ONCE[0], ONCE[1], ("LOCKS_DEDUP_KEY", "/messageId")],
            "LOCKS_RECORDS",
        ),
        (
            vec![
                ONCE[0],
                ONCE[1],
                ("LOCKS_DEDUP_KEY", "@request-id"),
                ("LOCKS_RECORDS", "each"),
            ],
            "all but one",
        ),
        (
            vec![ONCE[0], ONCE[1], ONCE[2], ("LOCKS_ON_BUSY", "skip")],
            "LOCKS_ON_BUSY",
        ),
        (
            vec![
                ONCE[0],
                ONCE[1],
                ONCE[2],
                ("LOCKS_DEDUP_INTERRUPTED", "refuse"),
            ],
            "expected `retry`",
        ),
        (
            vec![
                ONCE[0],
                ONCE[1],
                ONCE[2],
                ("LOCKS_DEDUP_PERMANENT", "BadOrder"),
            ],
            "LOCKS_DEDUP_PERMANENT does not go together with a lock for each record",
        ),
    ] {
        let refused = try_layer::<Value>(table.client("a"), &vars);
        let refused = refused.expect_err(expected).to_string();
        assert!(refused.contains(expected), "{vars:?}: {refused}");
    }
}
