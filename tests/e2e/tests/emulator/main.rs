//! The laws end to end, on AWS's own emulator: whatever becomes of a function, its lock comes back.
//!
//! `a` takes the lock, `b` waits for it, and `a` comes to one end or another. What `a` leaves
//! behind is given back, and not just outlived: an extension that comes after a thief finds
//! nothing to withdraw. Each scenario prints a line: who gave the lock back, how soon, and when the
//! next work began.

mod any_language;
mod batches;
mod ends;
mod examples;
mod local;
mod managed;
mod once;
mod outages;
mod platform;
mod scene;
mod seen;
mod sources;
mod starts;
mod turns;

use scene::{Scene, fence, order};
use seen::recovered;
use testkit::Error;
use testkit::emulator::Signal;
use testkit::lambda::Answer;

#[tokio::test]
async fn a_lock_is_free_when_its_invocation_has_ended() -> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let first = scene.a.invoke(order(100, "ok")).await?;
    let second = scene.b.invoke(order(100, "ok")).await?;
    assert!(fence(&first) < fence(&second));
    scene.end(None).await?.released_by_the_layer("normal");
    Ok(())
}

#[tokio::test]
async fn a_second_invocation_waits_for_the_first() -> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let (first, second) = scene.contend("ok").await?;
    assert!(fence(&first) < fence(&second));
    scene.end(None).await?.released_by_the_layer("contended");
    Ok(())
}

#[tokio::test]
async fn a_handler_that_fails_gives_its_lock_back() -> Result<(), Error> {
    survives("error", |kind| !kind.starts_with("Lock.")).await
}

#[tokio::test]
async fn a_handler_that_panics_gives_its_lock_back() -> Result<(), Error> {
    survives("panic", |kind| !kind.starts_with("Lock.")).await
}

#[tokio::test]
async fn a_handler_that_never_returns_is_ended_before_its_deadline() -> Result<(), Error> {
    survives("hang", |kind| kind == "Lock.Deadline").await
}

#[tokio::test]
async fn a_function_that_exits_loses_its_lock_at_once() -> Result<(), Error> {
    dies("exit", Answer::Died).await
}

#[tokio::test]
async fn a_function_that_aborts_loses_its_lock_at_once() -> Result<(), Error> {
    dies("abort", Answer::Died).await
}

#[tokio::test]
async fn a_function_that_blocks_into_its_timeout_loses_its_lock_at_once() -> Result<(), Error> {
    dies("block", Answer::TimedOut).await
}

#[tokio::test]
async fn a_function_that_is_killed_while_it_holds_loses_its_lock_at_once() -> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let kill = async {
        scene.waits().await?;
        scene.a.function()?.signal(Signal::KILL)
    };
    let contend = scene.contend("hang");
    let ((first, second), death, ()) = tokio::try_join!(contend, scene.death_of_a(), kill)?;
    assert_eq!(first, Answer::Died);
    assert!(fence(&second) < fence(&scene.a.invoke(order(100, "ok")).await?));
    scene
        .end(Some(death))
        .await?
        .released_by_the_extension("kill -9");
    Ok(())
}

#[tokio::test]
async fn a_function_that_is_killed_while_it_waits_leaves_the_queue_at_once() -> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let kill = async {
        scene.waits().await?;
        let (holder, waiter) = (scene.a.function()?, scene.b.function()?);
        // Frozen, the holder cannot make way for the waiter before its entry is gone.
        holder.signal(Signal::STOP)?;
        waiter.signal(Signal::KILL)?;
        let death = waiter.death().await?;
        scene.b.line(recovered).await?;
        holder.signal(Signal::CONT)?;
        Ok(death)
    };
    let ((first, second), death) = tokio::try_join!(scene.contend("ok"), kill)?;
    assert_eq!(second, Answer::Died);
    assert!(fence(&first) < fence(&scene.b.invoke(order(100, "ok")).await?));
    scene
        .end(None)
        .await?
        .left_the_queue("kill -9, waiting", death);
    Ok(())
}

#[tokio::test]
async fn an_environment_that_is_shut_down_in_mid_work_gives_its_lock_back() -> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let shut_down = async {
        scene.waits().await?;
        scene.a.shut_down().await
    };
    let contend = scene.contend("hang");
    let ((first, _), death, ()) = tokio::try_join!(contend, scene.death_of_a(), shut_down)?;
    // The emulator answers with nothing, or not at all.
    assert!(!matches!(first, Answer::Response(_)), "{first:?}");
    scene
        .end(Some(death))
        .await?
        .released_by_the_layer("SIGTERM");
    Ok(())
}

/// `a`'s handler ends in its own way, and `a`'s function lives on.
async fn survives(then: &str, expected: impl Fn(&str) -> bool) -> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let (first, second) = scene.contend(then).await?;
    assert!(
        matches!(&first, Answer::Error { kind, .. } if expected(kind)),
        "{first:?}"
    );
    assert!(fence(&second) < fence(&scene.a.invoke(order(100, "ok")).await?));
    scene.end(None).await?.released_by_the_layer(then);
    Ok(())
}

/// `a`'s function dies of its handler.
async fn dies(then: &str, expected: Answer) -> Result<(), Error> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let ((first, second), death) = tokio::try_join!(scene.contend(then), scene.death_of_a())?;
    assert_eq!(first, expected);
    assert!(fence(&second) < fence(&scene.a.invoke(order(100, "ok")).await?));
    scene
        .end(Some(death))
        .await?
        .released_by_the_extension(then);
    Ok(())
}
