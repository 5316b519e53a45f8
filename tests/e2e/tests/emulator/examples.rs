//! The examples in Rust, each with an event of its source.

use std::time::Duration;

use lambda_locks::{LockError, LockErrorKind};
use serde_json::{Value, json};
use testkit::Error;
use testkit::dynamo::{Dynamo, Schema, Wire};
use testkit::emulator::Environment;
use testkit::lambda::{Answer, Function};
use testkit::programs::{self, Programs};

use crate::scene::{TABLE, emulator};

/// An example on the emulator; none where there is no emulator.
async fn start(
    example: &str,
    variables: &[(&str, &str)],
) -> Result<Option<(Environment, Wire)>, Error> {
    let Some(emulator) = emulator() else {
        return Ok(None);
    };
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    let wire = dynamo.listen().await?;
    let mut function = Function::new(&programs::example(example)?, &wire.url(), TABLE)
        .extension(&Programs::build()?.extension)
        .timeout(Duration::from_secs(10));
    for (name, value) in variables {
        function = function.variable(name, value);
    }
    Ok(Some((emulator.start(&function).await?, wire)))
}

#[tokio::test]
async fn messages_of_a_queue() -> Result<(), Error> {
    let variables = [
        ("LOCKS_KEY", "/Records/*/body/orderId"),
        ("LOCKS_DEDUP", "skip"),
        ("LOCKS_DEDUP_KEY", "/Records/*/messageId"),
    ];
    let Some((environment, _wire)) = start("queue", &variables).await? else {
        return Ok(());
    };
    let message = |id: &str, body: &str| {
        json!({
            "messageId": id, "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {},
            "md5OfBody": "m", "eventSource": "aws:sqs", "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders"
        })
    };
    let batch =
        json!({"Records": [message("m1", r#"{"orderId": "o1"}"#), message("m2", "no order")]});
    let failures = json!({"batchItemFailures": [{"itemIdentifier": "m2"}]});
    assert_eq!(
        environment.invoke(batch.clone()).await?,
        Answer::Response(failures.clone())
    );
    assert_eq!(environment.invoke(batch).await?, Answer::Response(failures));
    let worked = environment
        .lines()
        .iter()
        .filter(|line| line.field("order.order_id").is_some())
        .count();
    assert_eq!(worked, 1);
    environment.shut_down().await
}

#[tokio::test]
async fn a_schedule_once_per_period() -> Result<(), Error> {
    let Some((environment, _wire)) = start("schedule", &[]).await? else {
        return Ok(());
    };
    let event = |time: &str| {
        json!({
            "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "123456789012", "time": time, "region": "us-east-1",
            "resources": [], "detail": {}
        })
    };
    for (time, runs) in [
        ("2026-11-27T05:00:00Z", true),
        ("2026-11-27T05:00:00Z", false),
        ("2026-11-27T06:00:00Z", true),
    ] {
        let answer = environment.invoke(event(time)).await?;
        assert!(
            matches!(&answer, Answer::Response(it) if it.is_string() == runs),
            "{answer:?}"
        );
    }
    environment.shut_down().await
}

#[tokio::test]
async fn a_task_of_a_state_machine() -> Result<(), Error> {
    let Some((environment, _wire)) = start("state_machine", &[]).await? else {
        return Ok(());
    };
    let order = json!({"orderId": "42"});
    assert_eq!(
        environment.invoke(order.clone()).await?,
        Answer::Response(order)
    );
    environment.shut_down().await
}

#[test]
fn the_state_machine_retries_on_names_that_there_are() {
    let machine = include_str!("../../../../examples/rust/state_machine.asl.json");
    let machine: Value = serde_json::from_str(machine).expect("it is JSON");
    let retries = machine["States"]["WorkOnOrder"]["Retry"]
        .as_array()
        .expect("a list");
    let names = retries
        .iter()
        .flat_map(|retry| retry["ErrorEquals"].as_array())
        .flatten();
    let passing = [
        LockErrorKind::Busy,
        LockErrorKind::TimedOut,
        LockErrorKind::Full,
        LockErrorKind::Lost,
        LockErrorKind::Deadline,
        LockErrorKind::Ended,
        LockErrorKind::Unavailable,
    ];
    let passing = passing.map(|kind| LockError::new(kind, "").name());
    assert_eq!(names.collect::<Vec<_>>(), passing);
}

#[tokio::test]
async fn an_api_with_axum() -> Result<(), Error> {
    let Some((environment, _wire)) = start("web", &[]).await? else {
        return Ok(());
    };
    let request = |key: &str, order: &str| {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": format!("/orders/{order}/payment"),
            "rawQueryString": "", "headers": {"idempotency-key": key, "host": "example.com"},
            "requestContext": {
                "accountId": "1", "apiId": "2", "stage": "$default",
                "http": {"method": "POST", "path": format!("/orders/{order}/payment")}
            },
            "isBase64Encoded": false
        })
    };
    let mut answers = Vec::new();
    for (key, order) in [("k1", "7"), ("k1", "7"), ("k2", "7"), ("k1", "8")] {
        let Answer::Response(response) = environment.invoke(request(key, order)).await? else {
            panic!("no response")
        };
        answers.push((response["statusCode"].clone(), response["body"].clone()));
    }
    assert_eq!(answers[0].0, 201);
    assert_eq!(
        answers[1], answers[0],
        "a client that repeats its request gets the first response"
    );
    assert_eq!(answers[2].0, 201);
    assert_ne!(answers[2].1, answers[0].1);
    // Another path is another lock: what a key means is known under each by itself.
    assert_eq!(answers[3].0, 201);
    environment.shut_down().await
}

#[tokio::test]
async fn a_program_that_is_no_function() -> Result<(), Error> {
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    let wire = dynamo.listen().await?;
    let mut printed = Vec::new();
    for day in ["2026-11-27", "2026-11-27", "2026-11-28"] {
        let output = tokio::process::Command::new(programs::example("program")?)
            .arg(day)
            .env_clear()
            .envs([
                ("AWS_ACCESS_KEY_ID", "nobody"),
                ("AWS_SECRET_ACCESS_KEY", "nothing"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL_DYNAMODB", &wire.url()),
                ("LOCKS_TABLE", TABLE),
            ])
            .output()
            .await
            .map_err(|error| Error::new(error.to_string()))?;
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        printed.push(text.contains("made the report of"));
        assert!(text.contains(day), "{text}");
    }
    assert_eq!(printed, [true, false, true]);
    Ok(())
}
