//! What is wrong at the start of a function for which the extension locks reaches the caller.

use std::path::Path;
use std::time::Duration;

use testkit::Error;
use testkit::dynamo::{Fate, Refusal, Request};
use testkit::emulator::{Emulator, Environment, Line};
use testkit::history::violations;
use testkit::lambda::{Answer, Function};
use testkit::programs;

use crate::scene::{Scene, fence, order, orders_in, say};
use crate::seen::works;
use testkit::language::{Language, os_only};

/// The caller gets this as the error of the function's start.
async fn reaches_the_caller(
    language: Language,
    change: impl FnOnce(Function) -> Function,
    expected: &str,
) -> Result<(), Error> {
    let slow = |function| change(function).timeout(Duration::from_secs(10));
    let Some(scene) = Scene::set_in(language, slow).await? else {
        return Ok(());
    };
    let answer = scene.a.invoke(order(0, "ok")).await?;
    assert!(format!("{answer:?}").contains(expected), "{answer:?}");
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_setting_reaches_the_caller() -> Result<(), Error> {
    let wrong = |function: Function| function.variable("LOCKS_KEY", "no pointer");
    reaches_the_caller(Language::Python, wrong, "LOCKS_KEY").await?;
    reaches_the_caller(Language::Node, wrong, "LOCKS_KEY").await
}

#[tokio::test]
async fn a_wrong_setting_of_the_extensions_own_reaches_the_caller() -> Result<(), Error> {
    for (name, value) in [
        ("LOCKS_RELEASE", "later"),
        ("LOCKS_PROXY", "yes"),
        ("LOCKS_PROXY", "2"),
    ] {
        let wrong = |function: Function| function.variable(name, value);
        reaches_the_caller(Language::Python, wrong, name).await?;
    }
    Ok(())
}

#[tokio::test]
async fn where_no_runtime_comes_by_a_wrong_switch_is_logged() -> Result<(), Error> {
    let wrong = |function: Function| Ok(function.variable("LOCKS_PROXY", "yes"));
    let Some(scene) = Scene::set_with(wrong).await? else {
        return Ok(());
    };
    assert!(fence(&scene.a.invoke(order(0, "ok")).await?) > 0);
    let said = |line: &Line| line.text.contains("LOCKS_PROXY") && line.text.contains("ERROR");
    assert_eq!(scene.a.lines().iter().filter(|line| said(line)).count(), 1);
    scene.end(None).await?;
    Ok(())
}

/// It runs without a lock, and nothing is asked of the table.
async fn runs_unlocked(change: impl FnOnce(Function) -> Function) -> Result<(), Error> {
    let Some(scene) = Scene::set_in(Language::Python, change).await? else {
        return Ok(());
    };
    let answer = scene.a.invoke(order(0, "ok")).await?;
    assert!(matches!(answer, Answer::Response(_)), "{answer:?}");
    assert_eq!(scene.dynamo.counts().total().requests, 0);
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn with_the_wrapper_and_without_locks_the_function_runs() -> Result<(), Error> {
    runs_unlocked(|function| function.variable("LOCKS_PROXY", "0")).await
}

#[tokio::test]
async fn a_wrong_setting_of_a_function_with_the_layer_reaches_the_caller() -> Result<(), Error> {
    let wrong = |function: Function| Ok(function.variable("LOCKS_KEY", "no pointer"));
    let Some(scene) = Scene::set_with(wrong).await? else {
        return Ok(());
    };
    let Answer::Error { kind, message } = scene.a.invoke(order(0, "ok")).await? else {
        panic!("no start without a key")
    };
    assert_eq!(kind, "Lock.Configuration");
    assert!(
        message.contains("LOCKS_KEY") && message.contains("no pointer"),
        "{message}"
    );
    let said = |line: &Line| line.message() == Some("the function does not start");
    assert_eq!(scene.a.lines().iter().filter(|line| said(line)).count(), 1);
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn an_error_of_the_functions_own_start_reaches_the_caller() -> Result<(), Error> {
    let fails = |function: Function| function.variable("ORDERS_FAIL_AT_IMPORT", "1");
    let message = "the module cannot be imported";
    reaches_the_caller(Language::Python, fails, message).await?;
    reaches_the_caller(Language::Node, fails, message).await
}

#[tokio::test]
async fn a_wrapper_without_the_extension_says_what_is_missing() -> Result<(), Error> {
    let Some(scene) = Scene::set_in(Language::Python, Function::without_extension).await? else {
        return Ok(());
    };
    let answer = scene.a.invoke(order(0, "ok")).await?;
    assert!(!matches!(answer, Answer::Response(_)), "{answer:?}");
    let missing = "lambda-locks: /opt/extensions/lambda-locks-extension is missing";
    let lines = scene.a.lines();
    assert!(lines.iter().any(|line| line.text.starts_with(missing)));
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn a_missing_table_reaches_the_caller() -> Result<(), Error> {
    let wrong = |function: Function| function.variable("LOCKS_TABLE", "nowhere");
    let expected = "cannot use the lock table: there is no table `nowhere` in this region";
    reaches_the_caller(Language::Python, wrong, expected).await
}

#[tokio::test]
async fn missing_rights_reach_the_caller() -> Result<(), Error> {
    let Some(scene) = Scene::set_in(Language::Python, |function| function).await? else {
        return Ok(());
    };
    scene.dynamo.plan(|request: &Request| match &*request.op {
        "GetItem" => Fate::refused(Refusal::Denied),
        _ => Fate::delivered(),
    });
    let Answer::Error { kind, message } = scene.a.invoke(order(0, "ok")).await? else {
        panic!("no start without the rights")
    };
    assert_eq!(kind, "Lock.Denied");
    let expected =
        "cannot use the lock table: the credentials need dynamodb:UpdateItem and GetItem";
    assert!(message.starts_with(expected), "{message}");
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn a_start_survives_what_may_pass() -> Result<(), Error> {
    let fates: [fn() -> Fate; 3] = [
        || Fate::refused(Refusal::Throttled),
        || Fate::refused(Refusal::Internal),
        // It waits for that no longer than for a connection.
        Fate::dropped,
    ];
    for fate in fates {
        let Some(scene) = Scene::set_in(Language::Python, |function| function).await? else {
            return Ok(());
        };
        scene
            .dynamo
            .plan(move |request: &Request| match &*request.op {
                "GetItem" => fate(),
                _ => Fate::delivered(),
            });
        assert!(fence(&scene.b.invoke(order(0, "ok")).await?) > 0);
        scene.end(None).await?;
    }
    Ok(())
}

#[tokio::test]
async fn without_locks_nothing_is_asked_of_the_table() -> Result<(), Error> {
    let disabled = |function: Function| {
        let nowhere = function.variable("LOCKS_TABLE", "nowhere");
        let disabled = nowhere.variable("LOCKS_DISABLED", "1");
        disabled.timeout(Duration::from_secs(10))
    };
    runs_unlocked(disabled).await
}

#[tokio::test]
async fn managed_instances_are_refused_at_the_start() -> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    if !Emulator::find()?.can_change_users() {
        say("SKIPPED: Managed Instances need root, to run the function as another user");
        return Ok(());
    }
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator/asking.sh");
    let managed = |function: Function| {
        let function = function.program(&runtime).managed(4);
        function.variable("LOCKS_PROXY", "1")
    };
    let environment = scene.another(managed).await?;
    let answer = environment.invoke(order(0, "ok")).await?;
    // So the emulator calls an error that ends the start there, and drops its text.
    assert!(
        matches!(&answer, Answer::Error { kind, .. } if kind == "Runtime.Unknown"),
        "{answer:?}"
    );
    environment.shut_down().await?;
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn a_program_on_an_os_only_runtime_is_locked_by_event() -> Result<(), Error> {
    let (Some(scene), Some(orders)) = (Scene::set().await?, orders_in(Language::Python)) else {
        return Ok(());
    };
    let start = |function: Function| orders.start_by_itself(function);
    let (first, second) = (scene.another(start).await?, scene.another(start).await?);
    let invoked = [&first, &second].map(|environment| environment.invoke(order(300, "ok")));
    let [one, other] = invoked;
    let (one, other) = tokio::try_join!(one, other)?;
    assert_ne!(fence(&one), fence(&other));
    tokio::try_join!(first.shut_down(), second.shut_down())?;
    let works_of = |environment: &Environment| works("OS-only", &environment.lines(), None);
    let mut works = [&first, &second].map(works_of).concat();
    works.sort_by_key(|work| work.begin);
    assert_eq!((works.len(), violations(&works)), (2, Vec::new()));
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn a_program_in_rust_reads_its_event_with_a_token_in_the_context() -> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let program = programs::unlocked()?;
    let folder = program.parent().unwrap_or(Path::new("/")).to_string_lossy();
    let start = |function: Function| {
        let function = os_only(function.program(program), "unlocked");
        let function = function.variable("LAMBDA_TASK_ROOT", &folder);
        function.variable("LOCKS_CONTEXT", "text")
    };
    let environment = scene.another(start).await?;
    let answer = environment.invoke(order(0, "ok")).await?;
    assert!(matches!(answer, Answer::Response(_)), "{answer:?}");
    environment.shut_down().await?;
    scene.end(None).await?;
    Ok(())
}
