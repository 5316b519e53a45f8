//! A handler for single records.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lambda_locks::records;
use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::locks::LockTable;
use tower::{Layer, service_fn};

use super::{KEYS, ONCE, batch, deliver_within, in_queue, layer, message, report, tick};

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "messageId")]
    id: String,
}

/// What the handler of single messages has done, in its order.
#[derive(Clone, Default)]
struct Done(Arc<Mutex<Vec<String>>>);

impl Done {
    fn add(&self, what: &str) {
        self.0
            .lock()
            .expect("nobody panicked")
            .push(what.to_owned());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panicked").clone()
    }
}

/// Delivers a batch to a handler that fails at messages whose ids begin with `bad`, panics at `panic`, and takes a second.
async fn run(
    table: &LockTable,
    vars: &[(&str, &str)],
    event: &Value,
    left: Duration,
    done: &Done,
) -> Result<Value, String> {
    let done = done.clone();
    let handler = service_fn(move |message: LambdaEvent<Message>| {
        let done = done.clone();
        async move {
            let id = message.payload.id;
            let key = lambda_locks::current().map(|lock| lock.key().to_string());
            done.add(&format!("{id} begins under {}", key.unwrap_or_default()));
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(!id.starts_with("panic"), "a bug");
            match id.starts_with("bad") {
                true => Err(format!("{id} failed")),
                false => {
                    done.add(&format!("{id} ends"));
                    Ok(())
                }
            }
        }
    });
    let each = records(handler).concurrency(NonZeroUsize::new(3).expect("three"));
    let mut locked = layer(table.client("a"), vars).layer(each);
    deliver_within(&mut locked, event, left).await
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn each_record_runs_under_its_own_lock() {
    let (table, done) = (LockTable::new(), Done::default());
    let event = batch(&[message("m1", "o1"), message("m2", "o2")]);
    assert_eq!(
        run(&table, &KEYS, &event, MINUTE, &done).await,
        Ok(report(&[]))
    );
    let expected = [
        "m1 begins under o1",
        "m2 begins under o2",
        "m1 ends",
        "m2 ends",
    ];
    assert_eq!(done.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn records_of_one_lock_run_one_after_the_other() {
    let (table, done) = (LockTable::new(), Done::default());
    let event = batch(&[message("m1", "o1"), message("m2", "o1")]);
    assert_eq!(
        run(&table, &KEYS, &event, MINUTE, &done).await,
        Ok(report(&[]))
    );
    let expected = [
        "m1 begins under o1",
        "m1 ends",
        "m2 begins under o1",
        "m2 ends",
    ];
    assert_eq!(done.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_fails_panics_or_cannot_be_read_fails_alone() {
    let (table, done) = (LockTable::new(), Done::default());
    let mut unreadable = message("m4", "o4");
    unreadable["messageId"] = json!(4);
    let event = batch(&[
        message("bad", "o1"),
        message("panic", "o2"),
        message("m3", "o3"),
    ]);
    assert_eq!(
        run(&table, &KEYS, &event, MINUTE, &done).await,
        Ok(report(&["bad", "panic"]))
    );
    // Its source cannot be told of a message without a name.
    let event = batch(&[message("m3", "o3"), unreadable]);
    let told = run(&table, &KEYS, &event, MINUTE, &done).await;
    assert!(told.is_err(), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn behind_a_failure_the_rest_of_its_group_does_not_run() {
    let (table, done) = (LockTable::new(), Done::default());
    let fifo = |id: &str, order: &str, group: &str| in_queue("orders.fifo", id, order, group);
    let event = batch(&[
        fifo("bad", "o1", "g"),
        fifo("m2", "o2", "g"),
        fifo("m3", "o3", "h"),
    ]);
    assert_eq!(
        run(&table, &KEYS, &event, MINUTE, &done).await,
        Ok(report(&["bad", "m2"]))
    );
    assert!(!done.all().iter().any(|line| line.starts_with("m2")));
}

#[tokio::test(start_paused = true)]
async fn before_the_deadline_there_is_a_report_of_what_was_done() {
    let (table, done) = (LockTable::new(), Done::default());
    let records: Vec<_> = (0..12)
        .map(|n| message(&format!("m{n}"), &format!("o{n}")))
        .collect();
    let event = batch(&records);
    let left = Duration::from_millis(3200);
    let told = run(&table, &ONCE, &event, left, &done)
        .await
        .expect("a report");
    let failed = told["batchItemFailures"].as_array().expect("a list").len();
    let ended = done
        .all()
        .iter()
        .filter(|line| line.ends_with("ends"))
        .count();
    assert_eq!((failed, ended), (6, 6));
    tick().await;
    // Only the rest runs when they are delivered again.
    let again = run(&table, &ONCE, &event, MINUTE, &done).await;
    assert_eq!(again, Ok(report(&[])));
    let ended = done
        .all()
        .iter()
        .filter(|line| line.ends_with("ends"))
        .count();
    assert_eq!(ended, 12);
}

#[tokio::test(start_paused = true)]
async fn a_stream_does_again_only_what_failed() {
    let (table, done) = (LockTable::new(), Done::default());
    let of_stream = |id: &str, sequence: &str| {
        json!({
            "messageId": id, "eventSource": "aws:kinesis",
            "kinesis": {"partitionKey": id, "sequenceNumber": sequence}
        })
    };
    let vars = [
        ("LOCKS_KEY", "/Records/*/messageId"),
        ("LOCKS_DEDUP", "skip"),
        ("LOCKS_DEDUP_KEY", "/Records/*/kinesis/sequenceNumber"),
    ];
    let event = batch(&[
        of_stream("m1", "1"),
        of_stream("bad", "2"),
        of_stream("m3", "3"),
    ]);
    assert_eq!(
        run(&table, &vars, &event, MINUTE, &done).await,
        Ok(report(&["2"]))
    );
    tick().await;
    let again = batch(&event["Records"].as_array().expect("a list")[1..]);
    assert_eq!(
        run(&table, &vars, &again, MINUTE, &done).await,
        Ok(report(&["2"]))
    );
    let count = |what: &str| {
        done.all()
            .iter()
            .filter(|line| line.starts_with(what))
            .count()
    };
    assert_eq!((count("m3 ends"), count("bad begins")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_no_batch_is_one_record() {
    let (table, done) = (LockTable::new(), Done::default());
    let vars = [("LOCKS_KEY", "/orderId"), ("LOCKS_RECORDS", "each")];
    let event = json!({"messageId": "m1", "orderId": "o1"});
    assert_eq!(
        run(&table, &vars, &event, MINUTE, &done).await,
        Ok(report(&[]))
    );
    let event = json!({"messageId": "bad", "orderId": "o1"});
    assert_eq!(
        run(&table, &vars, &event, MINUTE, &done).await,
        Err("bad failed".to_owned())
    );
}
