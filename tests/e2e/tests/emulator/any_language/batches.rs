//! Batches for a function in Python: each record has its lock, and the handler gets one smaller event.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Error;
use testkit::dynamo::{Dynamo, Schema, Wire};
use testkit::emulator::{Environment, Line, Signal};
use testkit::lambda::{Answer, Function};
use testkit::programs::Programs;

use crate::scene::{PREFIX, TABLE, emulator, intents, orders_in};
use crate::seen::recovered;
use testkit::language::Language;

/// Two environments of one function that handles batches, over one table.
struct Batches {
    a: Environment,
    b: Environment,
    dynamo: Dynamo,
    _wire: Wire,
}

impl Batches {
    async fn start(change: impl Fn(Function) -> Function) -> Result<Option<Self>, Error> {
        let (Some(emulator), Some(orders)) = (emulator(), orders_in(Language::Python)) else {
            return Ok(None);
        };
        let programs = Programs::build()?;
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE))?;
        let wire = dynamo.listen().await?;
        let function = Function::new(&programs.function, &wire.url(), TABLE);
        let function = function.extension(&programs.extension);
        // The first event finds the interpreter not yet started, and the machine may be busy.
        let function = function.timeout(Duration::from_secs(10));
        let function = orders.handler("batches.handler").start(function);
        let function = change(function.variable("LOCKS_KEY", "/Records/*/body/orderId"));
        let a = emulator.start(&function).await?;
        let b = emulator.start(&function).await?;
        Ok(Some(Self {
            a,
            b,
            dynamo,
            _wire: wire,
        }))
    }

    /// Shuts both down: nothing is held, and nothing is left to recover.
    async fn end(self, orders: usize) -> Result<(), Error> {
        tokio::try_join!(self.a.shut_down(), self.b.shut_down())?;
        for environment in [&self.a, &self.b] {
            assert_eq!(intents(environment.journal()), 0, "the journal is empty");
        }
        for nth in 0..orders {
            let row = self.dynamo.row(TABLE, &order(nth), PREFIX);
            let row = row.unwrap_or_default();
            assert_eq!(row.get("queue"), None, "the queue of order {nth} is empty");
        }
        Ok(())
    }
}

fn order(nth: usize) -> String {
    format!("order-{nth}")
}

fn message(nth: usize, work_ms: u64, then: &str) -> Value {
    let body = json!({ "orderId": order(nth), "workMs": work_ms, "then": then });
    json!({
        "messageId": format!("m{nth}"),
        "receiptHandle": format!("receipt of {nth}"),
        "body": body.to_string(),
        "attributes": { "ApproximateReceiveCount": "1" },
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders",
        "awsRegion": "us-east-1"
    })
}

fn batch(records: impl IntoIterator<Item = Value>) -> Value {
    json!({ "Records": records.into_iter().collect::<Vec<_>>() })
}

fn ids(of: impl IntoIterator<Item = usize>) -> Value {
    of.into_iter().map(|nth| format!("m{nth}")).collect()
}

/// What the source of a batch was told to send again, and what the handler was given.
fn told(answer: &Answer) -> (Value, &Value) {
    let Answer::Response(response) = answer else {
        panic!("no response, but {answer:?}")
    };
    let failures = response["batchItemFailures"].as_array();
    let failures = failures.expect("it is a report").iter();
    let failed = failures.map(|failure| failure["itemIdentifier"].clone());
    (failed.collect(), &response["seen"])
}

fn begins(nth: usize) -> impl Fn(&Line) -> bool {
    move |line| {
        line.message() == Some("work begins")
            && line.field("order_id") == Some(&Value::from(order(nth)))
    }
}

#[tokio::test]
async fn busy_records_are_held_back_and_the_handler_gets_the_others() -> Result<(), Error> {
    let Some(batches) = Batches::start(|function| function).await? else {
        return Ok(());
    };
    batches.a.invoke(batch([message(20, 0, "ok")])).await?;
    let busy = batch([message(3, 700, "ok"), message(7, 700, "ok")]);
    let contend = async {
        batches.b.line(begins(3)).await?;
        let all = batch((0..10).map(|nth| message(nth, 0, "ok")));
        batches.a.invoke(all).await
    };
    let (first, second) = tokio::try_join!(batches.b.invoke(busy), contend)?;
    assert_eq!(told(&first), (ids([]), &ids([3, 7])));
    let others = ids([0, 1, 2, 4, 5, 6, 8, 9]);
    assert_eq!(told(&second), (ids([3, 7]), &others));
    let Answer::Response(response) = &second else {
        panic!("it is a response")
    };
    let fences = response["fences"].as_array().map(Vec::len);
    assert_eq!(fences, Some(8), "one lock for each record: {response}");
    // They come again, and are free.
    let again = batches
        .a
        .invoke(batch([3, 7].map(|nth| message(nth, 0, "ok"))));
    assert_eq!(told(&again.await?), (ids([]), &ids([3, 7])));
    batches.end(10).await
}

#[tokio::test]
async fn a_report_of_the_handler_is_merged_with_what_was_held_back() -> Result<(), Error> {
    let Some(batches) = Batches::start(|function| function).await? else {
        return Ok(());
    };
    batches.a.invoke(batch([message(20, 0, "ok")])).await?;
    let contend = async {
        batches.b.line(begins(1)).await?;
        let records = [
            message(0, 0, "report"),
            message(1, 0, "ok"),
            message(2, 0, "ok"),
        ];
        batches.a.invoke(batch(records)).await
    };
    let busy = batches.b.invoke(batch([message(1, 700, "ok")]));
    let (_, answer) = tokio::try_join!(busy, contend)?;
    assert_eq!(told(&answer), (ids([0, 1]), &ids([0, 2])));
    batches.end(3).await
}

fn once(function: Function) -> Function {
    let function = function.variable("LOCKS_DEDUP", "skip");
    function.variable("LOCKS_DEDUP_KEY", "/Records/*/messageId")
}

#[tokio::test]
async fn duplicates_are_left_out_and_a_batch_of_them_does_not_wake_the_runtime() -> Result<(), Error>
{
    let Some(batches) = Batches::start(once).await? else {
        return Ok(());
    };
    let records = |range: std::ops::Range<usize>| batch(range.map(|nth| message(nth, 0, "ok")));
    assert_eq!(
        told(&batches.a.invoke(records(0..6)).await?),
        (ids([]), &ids(0..6))
    );
    assert_eq!(
        told(&batches.b.invoke(records(4..10)).await?),
        (ids([]), &ids(6..10))
    );
    let function = batches.b.function()?;
    let before = function.context_switches()?;
    for _ in 0..3 {
        let answer = batches.b.invoke(records(0..10)).await?;
        assert_eq!(told(&answer), (ids([]), &Value::Null));
    }
    assert_eq!(function.context_switches()?, before, "the runtime slept");
    batches.end(10).await
}

#[tokio::test]
async fn what_was_reported_is_not_done_and_runs_again() -> Result<(), Error> {
    let Some(batches) = Batches::start(once).await? else {
        return Ok(());
    };
    let records = [message(0, 0, "ok"), message(1, 0, "report")];
    assert_eq!(
        told(&batches.a.invoke(batch(records)).await?),
        (ids([1]), &ids([0, 1]))
    );
    let again = [message(0, 0, "ok"), message(1, 0, "ok")];
    assert_eq!(
        told(&batches.b.invoke(batch(again)).await?),
        (ids([]), &ids([1]))
    );
    batches.end(2).await
}

#[tokio::test]
async fn a_handler_that_raises_fails_its_batch_and_releases_all_of_it() -> Result<(), Error> {
    let Some(batches) = Batches::start(once).await? else {
        return Ok(());
    };
    let records = [
        message(0, 0, "ok"),
        message(1, 0, "error"),
        message(2, 0, "ok"),
    ];
    let failed = batches.a.invoke(batch(records)).await?;
    assert!(
        matches!(&failed, Answer::Error { kind, .. } if kind == "ValueError"),
        "{failed:?}"
    );
    let again = (0..3).map(|nth| message(nth, 0, "ok"));
    assert_eq!(
        told(&batches.b.invoke(batch(again)).await?),
        (ids([]), &ids(0..3))
    );
    batches.end(3).await
}

#[tokio::test]
async fn a_source_that_reads_no_report_is_told_by_an_error() -> Result<(), Error> {
    let error = |function: Function| once(function).variable("LOCKS_BATCH_REPORT", "error");
    let Some(batches) = Batches::start(error).await? else {
        return Ok(());
    };
    batches.a.invoke(batch([message(20, 0, "ok")])).await?;
    let records = || batch([0, 1].map(|nth| message(nth, 0, "ok")));
    let contend = async {
        batches.b.line(begins(1)).await?;
        batches.a.invoke(records()).await
    };
    let busy = batches.b.invoke(batch([message(1, 700, "ok")]));
    let (_, answer) = tokio::try_join!(busy, contend)?;
    assert!(
        matches!(&answer, Answer::Error { kind, .. } if kind == "Lock.PartialBatch"),
        "{answer:?}"
    );
    // What was held back was done by the other one, and nothing runs twice.
    let retried = batches.a.invoke(records()).await?;
    assert_eq!(retried, Answer::Response(Value::Null));
    batches.end(2).await
}

#[tokio::test]
async fn all_locks_of_a_batch_whose_function_is_killed_are_recovered() -> Result<(), Error> {
    let Some(batches) = Batches::start(|function| function).await? else {
        return Ok(());
    };
    let kill = async {
        batches.a.line(begins(2)).await?;
        batches.a.function()?.signal(Signal::KILL)
    };
    let records = (0..5).map(|nth| message(nth, 0, if nth == 2 { "hang" } else { "ok" }));
    let (died, ()) = tokio::try_join!(batches.a.invoke(batch(records)), kill)?;
    assert_eq!(died, Answer::Died);
    let free = batches
        .b
        .invoke(batch((0..5).map(|nth| message(nth, 0, "ok"))));
    assert_eq!(told(&free.await?), (ids([]), &ids(0..5)));
    // The proxy holds them, and releases them itself at SHUTDOWN.
    assert!(!batches.a.lines().iter().any(recovered));
    batches.end(5).await
}

#[tokio::test]
async fn all_locks_of_a_batch_whose_extension_is_killed_are_recovered_by_the_next()
-> Result<(), Error> {
    let Some(batches) = Batches::start(|function| function).await? else {
        return Ok(());
    };
    let kill = async {
        batches.a.line(begins(2)).await?;
        let function = batches.a.function()?;
        batches.a.extension()?.signal(Signal::KILL)?;
        function.death().await
    };
    let records = (0..5).map(|nth| message(nth, 0, if nth == 2 { "hang" } else { "ok" }));
    let (died, _) = tokio::try_join!(batches.a.invoke(batch(records)), kill)?;
    assert_eq!(died, Answer::Died);
    batches.a.invoke(batch([message(20, 0, "ok")])).await?;
    batches.a.line(recovered).await?;
    let free = batches
        .b
        .invoke(batch((0..5).map(|nth| message(nth, 0, "ok"))));
    assert_eq!(told(&free.await?), (ids([]), &ids(0..5)));
    let lines = batches.a.lines();
    assert_eq!(lines.iter().filter(|line| recovered(line)).count(), 5);
    batches.end(5).await
}
