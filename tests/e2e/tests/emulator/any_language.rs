//! The same laws for a function in Python, with AWS's own runtime client, for which the extension locks.

use std::time::Duration;

use serde_json::json;
use testkit::Error;
use testkit::emulator::{Environment, Signal};
use testkit::history::violations;
use testkit::lambda::{Answer, Function};

use crate::scene::{KEY, Scene, begins, fence, order};
use crate::seen::works;

/// How many events each of several environments works on.
const EVENTS: usize = 30;

async fn scene() -> Result<Option<Scene>, Error> {
    Scene::set_python(|function| function).await
}

#[tokio::test]
async fn a_python_function_is_locked_by_event() -> Result<(), Error> {
    let Some(scene) = scene().await? else {
        return Ok(());
    };
    let (first, second) = scene.contend("ok").await?;
    assert!(fence(&first) < fence(&second));
    scene.end(None).await?.released_by_the_layer("Python");
    Ok(())
}

#[tokio::test]
async fn a_python_handler_that_raises_ends_its_hold() -> Result<(), Error> {
    raises("error", |message| {
        message == format!("order {KEY} cannot be done")
    })
    .await
}

#[tokio::test]
async fn an_error_that_fills_headers_and_body_ends_its_hold() -> Result<(), Error> {
    raises("long error", |message| message.len() == 700_000).await
}

async fn raises(then: &str, expected: impl Fn(&str) -> bool) -> Result<(), Error> {
    let Some(scene) = scene().await? else {
        return Ok(());
    };
    let (first, second) = scene.contend(then).await?;
    let Answer::Error { kind, message } = &first else {
        panic!("no error, but {first:?}")
    };
    assert_eq!(kind, "ValueError");
    assert!(expected(message), "{message:.200}");
    assert!(fence(&second) < fence(&scene.a.invoke(order(100, "ok")).await?));
    scene.end(None).await?.released_by_the_layer(then);
    Ok(())
}

#[tokio::test]
async fn a_python_function_that_exits_loses_its_lock_at_once() -> Result<(), Error> {
    dies("exit", Answer::Died).await
}

#[tokio::test]
async fn a_python_function_that_aborts_loses_its_lock_at_once() -> Result<(), Error> {
    dies("abort", Answer::Died).await
}

#[tokio::test]
async fn a_python_function_that_hangs_loses_its_lock_after_its_timeout() -> Result<(), Error> {
    dies("hang", Answer::TimedOut).await
}

#[tokio::test]
async fn a_python_function_that_ignores_sigterm_holds_until_it_is_killed() -> Result<(), Error> {
    dies("deaf", Answer::TimedOut).await
}

async fn dies(then: &str, expected: Answer) -> Result<(), Error> {
    let Some(scene) = scene().await? else {
        return Ok(());
    };
    let ((first, second), death) = tokio::try_join!(scene.contend(then), scene.death_of_a())?;
    assert_eq!(first, expected);
    assert!(fence(&second) < fence(&scene.a.invoke(order(100, "ok")).await?));
    scene.end(Some(death)).await?.released_by_the_layer(then);
    Ok(())
}

#[tokio::test]
async fn a_python_function_that_is_killed_while_it_holds_loses_its_lock_at_once()
-> Result<(), Error> {
    let Some(scene) = scene().await? else {
        return Ok(());
    };
    let kill = async {
        scene.waits().await?;
        scene.a.function()?.signal(Signal::KILL)
    };
    let contend = scene.contend("hang");
    let ((first, second), death, ()) = tokio::try_join!(contend, scene.death_of_a(), kill)?;
    assert_eq!(first, Answer::Died);
    assert!(fence(&second) > 0);
    scene
        .end(Some(death))
        .await?
        .released_by_the_layer("kill -9");
    Ok(())
}

#[tokio::test]
async fn a_python_function_that_is_killed_while_its_event_waits_leaves_the_queue()
-> Result<(), Error> {
    let Some(scene) = scene().await? else {
        return Ok(());
    };
    let kill = async {
        scene.waits().await?;
        scene.b.function()?.signal(Signal::KILL)
    };
    let ((first, second), ()) = tokio::try_join!(scene.contend("ok"), kill)?;
    assert_eq!(second, Answer::Died);
    assert!(fence(&first) < fence(&scene.b.invoke(order(100, "ok")).await?));
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn a_frozen_python_function_goes_on_as_if_nothing_had_been() -> Result<(), Error> {
    let Some(scene) = scene().await? else {
        return Ok(());
    };
    let first = scene.a.invoke(order(10, "ok")).await?;
    let frozen = [scene.a.function()?, scene.a.extension()?];
    frozen
        .iter()
        .try_for_each(|process| process.signal(Signal::STOP))?;
    let between = scene.b.invoke(order(1500, "ok")).await?;
    frozen
        .iter()
        .try_for_each(|process| process.signal(Signal::CONT))?;
    let second = scene.a.invoke(order(10, "ok")).await?;
    assert!(fence(&first) < fence(&between) && fence(&between) < fence(&second));
    scene.end(None).await?.released_by_the_layer("frozen");
    Ok(())
}

#[tokio::test]
async fn an_extension_that_is_killed_leaves_a_lock_that_its_next_start_recovers()
-> Result<(), Error> {
    let Some(scene) = scene().await? else {
        return Ok(());
    };
    let kill = async {
        scene.waits().await?;
        let function = scene.a.function()?;
        scene.a.extension()?.signal(Signal::KILL)?;
        let death = function.death().await?;
        // The new extension finds the record.
        scene.a.invoke(json!({ "orderId": "another" })).await?;
        Ok(death)
    };
    let ((first, second), death) = tokio::try_join!(scene.contend("hang"), kill)?;
    assert_eq!(first, Answer::Died);
    assert!(fence(&second) > 0);
    let seen = scene.end(Some(death)).await?;
    seen.released_by_the_extension("no extension");
    Ok(())
}

#[tokio::test]
async fn a_busy_lock_is_refused_or_skipped_without_waking_the_runtime() -> Result<(), Error> {
    for (on_busy, expected) in [("fail", Some("Lock.Busy")), ("skip", None)] {
        let busy = |function: Function| function.variable("LOCKS_ON_BUSY", on_busy);
        let Some(scene) = Scene::set_python(busy).await? else {
            return Ok(());
        };
        scene.a.invoke(json!({ "orderId": "another" })).await?;
        let works = async {
            scene.b.line(begins).await?;
            let function = scene.a.function()?;
            let before = function.context_switches()?;
            let refused = scene.a.invoke(order(0, "ok")).await?;
            assert_eq!(function.context_switches()?, before, "the runtime slept");
            Ok::<_, Error>(refused)
        };
        let (_, refused) = tokio::try_join!(scene.b.invoke(order(800, "ok")), works)?;
        match (&refused, expected) {
            (Answer::Error { kind, .. }, Some(name)) => assert_eq!(kind, name),
            (Answer::Response(response), None) => assert!(response.is_null()),
            _ => panic!("{refused:?}"),
        }
        scene.end(None).await?;
    }
    Ok(())
}

#[tokio::test]
async fn large_events_and_responses_pass_and_too_large_ones_are_lambdas_affair() -> Result<(), Error>
{
    let Some(scene) = scene().await? else {
        return Ok(());
    };
    let event = json!({ "orderId": KEY, "ballast": "x".repeat(5_900_000) });
    assert!(fence(&scene.b.invoke(event).await?) > 0);
    let sized = |bytes: usize| json!({ "orderId": KEY, "answerBytes": bytes });
    let Answer::Response(response) = scene.b.invoke(sized(5_900_000)).await? else {
        panic!("six megabytes pass")
    };
    assert_eq!(response["echo"].as_str().map(str::len), Some(5_900_000));
    let refused = scene.b.invoke(sized(7_000_000)).await?;
    assert!(
        matches!(&refused, Answer::Error { kind, .. } if kind == "Function.ResponseSizeTooLarge"),
        "{refused:.300?}"
    );
    assert!(fence(&scene.b.invoke(order(0, "ok")).await?) > 0);
    scene.end(None).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_at_the_start_reaches_the_caller() -> Result<(), Error> {
    type Change = fn(Function) -> Function;
    let starts: [(Change, &str); 2] = [
        (
            |function| function.variable("LOCKS_KEY", "no pointer"),
            "LOCKS_KEY",
        ),
        (
            |function| function.variable("ORDERS_FAIL_AT_IMPORT", "1"),
            "the module cannot be imported",
        ),
    ];
    for (change, expected) in starts {
        let Some(scene) = Scene::set_python(change).await? else {
            return Ok(());
        };
        let answer = scene.a.invoke(order(0, "ok")).await?;
        assert!(format!("{answer:?}").contains(expected), "{answer:?}");
        scene.end(None).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wrapper_without_the_extension_says_what_is_missing() -> Result<(), Error> {
    let Some(scene) = Scene::set_python(Function::without_extension).await? else {
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
async fn environments_of_two_languages_take_turns() -> Result<(), Error> {
    let long = |function: Function| function.timeout(Duration::from_secs(10));
    let Some(scene) = Scene::set_python(long).await? else {
        return Ok(());
    };
    let rust = [scene.rust().await?, scene.rust().await?];
    let work = async |environment: &Environment| {
        for _ in 0..EVENTS {
            let answer = environment.invoke(order(5, "ok")).await?;
            let lines = || environment.lines().into_iter().map(|line| line.text + "\n");
            assert!(
                matches!(answer, Answer::Response(_)),
                "{answer:?} after\n{}",
                lines().collect::<String>()
            );
        }
        Ok::<_, Error>(())
    };
    let [first, second] = &rust;
    tokio::try_join!(work(&scene.a), work(&scene.b), work(first), work(second))?;
    tokio::try_join!(first.shut_down(), second.shut_down())?;
    let of_rust = rust.map(|environment| works("Rust", &environment.lines(), None));
    let of_python = [&scene.a, &scene.b].map(|python| works("Python", &python.lines(), None));
    let mut works = [of_rust.concat(), of_python.concat()].concat();
    works.sort_by_key(|work| work.begin);
    assert_eq!((works.len(), violations(&works)), (4 * EVENTS, Vec::new()));
    scene.end(None).await?;
    Ok(())
}
