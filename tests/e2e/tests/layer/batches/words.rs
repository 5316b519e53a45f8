//! What a handler knows and says of each record: it is that record's own.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lambda_locks::{BatchReport, current, records};
use lambda_runtime::LambdaEvent;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use testkit::locks::{LockTable, die, orphan};
use tower::{Layer, service_fn};

use super::{KEYS, ONCE, answered_within, batch, deliver, layer, message, report, tick};

/// The ids of the messages that ran, in their order.
#[derive(Clone, Default)]
struct Ran(Arc<Mutex<Vec<String>>>);

impl Ran {
    fn add(&self, message: &LambdaEvent<Value>) -> String {
        let id = message.payload["messageId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.0.lock().expect("nobody panicked").push(id.clone());
        id
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panicked").clone()
    }
}

/// A handler of single records: `bad` fails, `hangs` never ends, `word` fails and says that it is done.
async fn work(ran: Ran, message: LambdaEvent<Value>) -> Result<(), String> {
    match ran.add(&message).as_str() {
        "bad" => Err("it failed".to_owned()),
        "hangs" => pending().await,
        "word" => {
            current().expect("it has a lock").set_done(true);
            Err("it must not run again".to_owned())
        }
        "transaction" => {
            let lock = current().expect("it has a lock");
            let applied = lock.complete_with(Vec::new(), None).await;
            applied.map_err(|error| error.to_string())
        }
        _ => Ok(()),
    }
}

async fn run(
    table: &LockTable,
    name: &str,
    vars: &[(&str, &str)],
    event: &Value,
    ran: &Ran,
) -> Result<Value, String> {
    let ran = ran.clone();
    let handler = service_fn(move |message: LambdaEvent<Value>| work(ran.clone(), message));
    let mut locked = layer(table.client(name), vars).layer(records(handler));
    deliver(&mut locked, event).await
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_reported_where_no_report_is_read_fails_the_invocation_and_runs_again() {
    let (table, ran) = (LockTable::new(), Ran::default());
    let vars = [&ONCE[..], &[("LOCKS_BATCH_REPORT", "error")]].concat();
    let event = batch(&[
        message("m1", "42"),
        message("bad", "43"),
        message("m3", "42"),
    ]);
    for name in ["a", "b"] {
        let told = run(&table, name, &vars, &event, &ran).await;
        assert_eq!(told, Err("Lock.PartialBatch".to_owned()));
        tick().await;
    }
    // Those of one key one after the other, and beside those of another.
    assert_eq!(ran.all(), ["m1", "m3", "bad", "bad"]);
    // The same by a handler of whole batches.
    let table = LockTable::new();
    let handler = super::Handler::answering(report(&["bad"]));
    let mut locked = handler.under(table.client("a"), &vars);
    assert_eq!(
        deliver(&mut locked, &event).await,
        Err("Lock.PartialBatch".to_owned())
    );
    tick().await;
    let handler = super::Handler::new();
    let mut locked = handler.under(table.client("b"), &vars);
    assert_eq!(deliver(&mut locked, &event).await, Ok(Value::Null));
    assert_eq!(handler.ids(), [["bad"]]);
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_a_lease_was_lost_is_not_done_again() {
    let (table, ran) = (LockTable::new(), Ran::default());
    let event = batch(&[
        message("m1", "o1"),
        message("hangs", "42"),
        message("m3", "o3"),
    ]);
    let operator = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let holder = table.row().queue.first().cloned().expect("it is held");
        let fence = holder.fields().expect("an entry").ticket.0;
        let forced = table
            .client("operator")
            .force_release("42", fence, "ada")
            .await;
        assert!(forced.is_ok(), "{forced:?}");
    };
    let (told, ()) = tokio::join!(run(&table, "a", &ONCE, &event, &ran), operator);
    assert_eq!(told, Err("Lock.Lost".to_owned()));
    tick().await;
    let again = batch(&[
        message("m1", "o1"),
        message("m2", "42"),
        message("m3", "o3"),
    ]);
    assert_eq!(run(&table, "b", &ONCE, &again, &ran).await, Ok(report(&[])));
    assert_eq!(ran.all(), ["m1", "hangs", "m3", "m2"], "m1 and m3 run once");
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_the_process_died_is_not_done_again() {
    let (table, ran) = (LockTable::new(), Ran::default());
    let dir = tempfile::tempdir().expect("there is room");
    let folder = dir.path().join("journal");
    let recorded = |name| table.a_client(name).with(|s| s.journal(&folder)).ready();
    let event = batch(&[message("m1", "o1"), message("hangs", "42")]);
    let works = ran.clone();
    let handler = service_fn(move |message: LambdaEvent<Value>| work(works.clone(), message));
    let mut locked = layer(recorded("a"), &ONCE).layer(records(handler));
    let mut call = Box::pin(deliver(&mut locked, &event));
    let ended = tokio::time::timeout(Duration::from_secs(1), &mut call).await;
    assert!(ended.is_err(), "{ended:?}");
    die(call);

    orphan(&folder).expect("the records are there");
    let recovery = recorded("sweep")
        .recover_orphans(Duration::from_secs(1))
        .await;
    assert_eq!(recovery.recovered(), 2);
    let again = batch(&[message("m1", "o1"), message("m2", "42")]);
    assert_eq!(run(&table, "b", &ONCE, &again, &ran).await, Ok(report(&[])));
    assert_eq!(ran.all(), ["m1", "hangs", "m2"], "m1 runs once");
}

#[tokio::test(start_paused = true)]
async fn a_records_own_word_is_about_that_record_alone() {
    let (table, ran) = (LockTable::new(), Ran::default());
    let event = batch(&[
        message("m1", "42"),
        message("word", "42"),
        message("bad", "42"),
    ]);
    assert_eq!(
        run(&table, "a", &ONCE, &event, &ran).await,
        Ok(report(&["bad"]))
    );
    tick().await;
    assert_eq!(
        run(&table, "b", &ONCE, &event, &ran).await,
        Ok(report(&["bad"]))
    );
    assert_eq!(ran.all(), ["m1", "word", "bad", "bad"]);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_completes_no_other_record_of_the_same_key() {
    let (table, ran) = (LockTable::new(), Ran::default());
    let event = batch(&[message("bad", "42"), message("transaction", "42")]);
    let told = run(&table, "a", &ONCE, &event, &ran).await;
    assert_eq!(told, Ok(report(&["bad", "transaction"])));
    tick().await;
    // A record that has its key for itself has its operation, too.
    let alone = batch(&[message("transaction", "43"), message("m2", "44")]);
    assert_eq!(run(&table, "b", &ONCE, &alone, &ran).await, Ok(report(&[])));
    assert_eq!(
        run(&table, "c", &ONCE, &event, &ran).await,
        Ok(report(&["bad", "transaction"]))
    );
    assert_eq!(ran.all().iter().filter(|id| *id == "bad").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_lock_sees_none() {
    let table = LockTable::new();
    let vars = [KEYS[0], ("LOCKS_ON_MISSING", "run")];
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let handler = service_fn(move |_: LambdaEvent<Value>| {
        let lock = current().map(|lock| lock.key().to_string());
        sees.lock().expect("nobody panicked").push(lock);
        std::future::ready(Ok::<_, String>(()))
    });
    let mut locked = layer(table.client("a"), &vars).layer(records(handler));
    let event = batch(&[message("m1", "42"), message("m2", "")]);
    assert_eq!(deliver(&mut locked, &event).await, Ok(report(&[])));
    let seen = seen.lock().expect("nobody panicked").clone();
    assert_eq!(seen, [Some("42".to_owned()), None]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_batch_reaches_the_handler() {
    let table = LockTable::new();
    let handler = super::Handler::answering(json!({"state": {"sum": 7}}));
    let mut locked = handler.under(table.client("a"), &ONCE);
    let event = json!({"Records": [], "isFinalInvokeForWindow": true});
    let told = deliver(&mut locked, &event).await;
    assert_eq!(told, Ok(json!({"state": {"sum": 7}})));
    assert_eq!(handler.events(), [event]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_serialize_completes_nothing() {
    let table = LockTable::new();
    let answer = service_fn(async |_: LambdaEvent<Value>| {
        Ok::<_, String>(BTreeMap::from([(
            (1_u8, 2_u8),
            "a pair is no name of a member",
        )]))
    });
    let mut locked = layer(table.client("a"), &ONCE).layer(answer);
    let event = batch(&[message("m1", "o1")]);
    let told = answered_within(&mut locked, &event, Duration::from_secs(60)).await;
    let told = told.expect("the handler has answered");
    assert!(
        to_raw_value(&told).is_err(),
        "the runtime sees that for itself"
    );
    tick().await;
    let handler = super::Handler::new();
    let mut again = handler.under(table.client("b"), &ONCE);
    assert_eq!(deliver(&mut again, &event).await, Ok(Value::Null));
    assert_eq!(handler.ids(), [["m1"]]);
}

#[tokio::test(start_paused = true)]
async fn without_locks_of_records_a_failure_is_told_as_the_source_reads_it() {
    for (told, expected) in [
        (BatchReport::Items, Ok(report(&["bad"]))),
        (BatchReport::Error, Err("it failed".to_owned())),
    ] {
        let (table, ran) = (LockTable::new(), Ran::default());
        let handler = service_fn(move |message: LambdaEvent<Value>| work(ran.clone(), message));
        let vars = [("LOCKS_KEY", "'all'")];
        let mut locked = layer(table.client("a"), &vars).layer(records(handler).report(told));
        let event = batch(&[message("m1", "o1"), message("bad", "o2")]);
        assert_eq!(deliver(&mut locked, &event).await, expected);
    }
}
