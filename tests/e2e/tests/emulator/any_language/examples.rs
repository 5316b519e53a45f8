//! The examples in other languages.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Error;
use testkit::lambda::{Answer, Function};

use crate::scene::{Scene, fence, order, orders_in, say};
use testkit::language::{Language, os_only};

#[tokio::test]
async fn messages_of_a_queue_in_python() -> Result<(), Error> {
    let (Some(scene), Some(python)) = (Scene::set().await?, orders_in(Language::Python)) else {
        return Ok(());
    };
    let example = python.with_handler("examples/python", "messages.handler");
    let environment = scene.another(|function| {
        let function = example.start(function);
        let function = function.variable("LOCKS_KEY", "/Records/*/body/orderId");
        let function = function.variable("LOCKS_DEDUP", "skip");
        function.variable("LOCKS_DEDUP_KEY", "/Records/*/messageId")
    });
    let environment = environment.await?;
    let message = |id: &str, body: &str| {
        json!({
            "messageId": id, "receiptHandle": "r", "body": body, "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders"
        })
    };
    let failures = |ids: &[&str]| -> Value {
        let items = ids.iter().map(|id| json!({ "itemIdentifier": id }));
        json!({ "batchItemFailures": items.collect::<Vec<_>>() })
    };
    let batch =
        json!({ "Records": [message("m1", r#"{"orderId": "o1"}"#), message("m2", "no order")] });
    for _ in 0..2 {
        let answer = environment.invoke(batch.clone()).await?;
        assert_eq!(answer, Answer::Response(failures(&["m2"])));
    }
    let works = "no other invocation works on order o1";
    let lines = environment.lines();
    let worked = lines.iter().filter(|line| line.text.contains(works));
    assert_eq!(worked.count(), 1, "the second delivery was a duplicate");
    environment.shut_down().await?;
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn a_function_in_go_finds_its_fencing_token() -> Result<(), Error> {
    let Some((program, folder)) = in_go()? else {
        return Ok(());
    };
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let folder = folder.path().to_string_lossy();
    let environment = scene.another(|function: Function| {
        let function = os_only(function.program(&program), "orders");
        let function = function.variable("LAMBDA_TASK_ROOT", &folder);
        function.variable("LOCKS_CONTEXT", "text")
    });
    let environment = environment.await?;
    let first = environment.invoke(order(0, "ok")).await?;
    let second = environment.invoke(order(0, "ok")).await?;
    assert!(0 < fence(&first) && fence(&first) < fence(&second));
    environment.shut_down().await?;
    scene.end(None).await?;
    Ok(())
}

/// The example in Go, built against a module that stands in for `aws-lambda-go`; none where there is no Go.
fn in_go() -> Result<Option<(PathBuf, TempDir)>, Error> {
    let failed = |why: String| Error::new(format!("the example in Go cannot be built: {why}"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().map_err(|error| failed(error.to_string()))?;
    let in_folder = |arguments: &[&str]| {
        let mut go = Command::new("go");
        let go = go.current_dir(folder.path()).args(arguments);
        // Nothing is fetched, not even a later Go.
        go.env("GOFLAGS", "-mod=mod")
            .env("GOPROXY", "off")
            .env("GOTOOLCHAIN", "local");
        go.env("CGO_ENABLED", "0").output()
    };
    if in_folder(&["version"]).is_err() {
        say("SKIPPED: there is no Go to build its example with");
        return Ok(None);
    }
    let stand_in = here.join("tests/emulator/go");
    let module = "github.com/aws/aws-lambda-go";
    let replaced = format!("-replace={module}={}", stand_in.display());
    let example = here.join("../../examples/go/main.go");
    let program = folder.path().join("orders");
    for arguments in [
        &["mod", "init", "orders"][..],
        &[
            "mod",
            "edit",
            &format!("-require={module}@v0.0.0"),
            &replaced,
        ],
        &["build", "-o", "orders", &example.to_string_lossy()],
    ] {
        let output = in_folder(arguments).map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
    }
    Ok(Some((program, folder)))
}
