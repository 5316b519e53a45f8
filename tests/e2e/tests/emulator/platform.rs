//! What the platform does to an environment: it ends it, freezes it, and loses parts of it.

use std::time::Duration;

use serde_json::json;
use testkit::Error;
use testkit::dynamo::{Dynamo, Schema};
use testkit::emulator::Signal;
use testkit::history::violations;
use testkit::lambda::{Answer, Function};
use testkit::programs::{self, Programs};

use crate::scene::{KEY, PREFIX, Scene, TABLE, begins, emulator, fence, order, say};
use crate::seen::works;

#[tokio::test]
async fn a_handler_that_blocks_the_only_thread_is_killed_and_the_extension_gives_its_lock_back()
-> Result<(), Error> {
    let single = |function: Function| Ok(function.program(programs::single()?));
    let Some(scene) = Scene::set_with(single).await? else {
        return Ok(());
    };
    let ((first, second), death) = tokio::try_join!(scene.contend("block"), scene.death_of_a())?;
    assert_eq!(first, Answer::TimedOut);
    assert!(fence(&second) > 0);
    let seen = scene.end(Some(death)).await?;
    seen.released_by_the_extension("deaf to SIGTERM");
    Ok(())
}

#[tokio::test]
async fn an_extension_that_is_killed_in_mid_work_does_not_take_the_lock_with_it()
-> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let kill = async {
        scene.waits().await?;
        scene.a.extension()?.signal(Signal::KILL)
    };
    let contend = scene.contend("hang");
    let ((first, second), death, ()) = tokio::try_join!(contend, scene.death_of_a(), kill)?;
    // The platform ends the invocation for it.
    assert_eq!(first, Answer::Died);
    assert!(fence(&second) < fence(&scene.a.invoke(order(100, "ok")).await?));
    let seen = scene.end(Some(death)).await?;
    seen.released_by_the_layer("no extension");
    Ok(())
}

#[tokio::test]
async fn what_both_leave_behind_is_released_when_they_start_anew() -> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let kill = async {
        scene.waits().await?;
        let (function, extension) = (scene.a.function()?, scene.a.extension()?);
        // Stopped, neither can do anything for the lock before both are dead.
        for process in [&function, &extension] {
            process.signal(Signal::STOP)?;
        }
        for process in [&function, &extension] {
            process.signal(Signal::KILL)?;
        }
        let death = function.death().await?;
        // The new extension finds the note.
        scene.a.invoke(json!({ "orderId": "another" })).await?;
        Ok(death)
    };
    let ((first, second), death) = tokio::try_join!(scene.contend("hang"), kill)?;
    assert_eq!(first, Answer::Died);
    assert!(fence(&second) > 0);
    let seen = scene.end(Some(death)).await?;
    seen.released_by_the_extension("both killed");
    Ok(())
}

#[tokio::test]
async fn a_function_that_was_frozen_between_events_goes_on_as_if_nothing_had_been()
-> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let first = scene.a.invoke(order(10, "ok")).await?;
    let (function, extension) = (scene.a.function()?, scene.a.extension()?);
    for process in [&function, &extension] {
        process.signal(Signal::STOP)?;
    }
    // Meanwhile others have the lock, and the frozen one does nothing about it.
    let between = scene.b.invoke(order(1500, "ok")).await?;
    for process in [&function, &extension] {
        process.signal(Signal::CONT)?;
    }
    let second = scene.a.invoke(order(10, "ok")).await?;
    assert!(fence(&first) < fence(&between) && fence(&between) < fence(&second));
    scene.end(None).await?.released_by_the_layer("frozen");
    Ok(())
}

#[tokio::test]
async fn a_wrong_setting_stops_the_function_at_its_start_and_is_named() -> Result<(), Error> {
    let wrong = |function: Function| Ok(function.variable("LOCKS_MAX_WAIT_MS", "soon"));
    let Some(scene) = Scene::set_with(wrong).await? else {
        return Ok(());
    };
    let answer = scene.a.invoke(order(10, "ok")).await?;
    assert!(!matches!(answer, Answer::Response(_)), "{answer:?}");
    let said = "invalid LOCKS_MAX_WAIT_MS `soon`: expected a whole number of milliseconds";
    scene.a.line(|line| line.text.contains(said)).await?;
    // The others do not mind.
    fence(&scene.b.invoke(order(10, "ok")).await?);
    Ok(())
}

#[tokio::test]
async fn ten_environments_take_turns() -> Result<(), Error> {
    let Some(emulator) = emulator() else {
        return Ok(());
    };
    let programs = Programs::build()?;
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    let wire = dynamo.listen().await?;
    let function = Function::new(&programs.function, &wire.url(), TABLE);
    let function = function.extension(&programs.extension);
    let function = function.timeout(Duration::from_secs(30));
    let mut environments = Vec::new();
    for _ in 0..10 {
        let environment = emulator.start(&function).await?;
        environment.invoke(json!({ "orderId": "another" })).await?;
        environments.push(std::sync::Arc::new(environment));
    }
    let before = dynamo.counts().total().requests;
    let work = environments.iter().map(|environment| {
        let environment = environment.clone();
        tokio::spawn(async move { environment.invoke(order(30, "ok")).await })
    });
    for answered in work.collect::<Vec<_>>() {
        fence(&answered.await.expect("it does not panic")?);
    }
    let requests = dynamo.counts().total().requests - before;
    let mut all = Vec::new();
    for (nth, environment) in environments.iter().enumerate() {
        environment.shut_down().await?;
        all.extend(works(&nth.to_string(), &environment.lines(), None));
    }
    all.sort_by_key(|work| work.begin);
    assert_eq!((all.len(), violations(&all)), (10, Vec::new()));
    let row = dynamo.row(TABLE, KEY, PREFIX).unwrap_or_default();
    assert_eq!(row.get("queue"), None, "the queue is empty");
    say(&format!(
        "ten environments   {requests} requests for 10 invocations of one key"
    ));
    assert!(environments[0].lines().iter().any(begins));
    Ok(())
}
