//! The same laws for functions in other languages, with AWS's own runtime clients, for which the extension locks.

mod batches;
mod examples;

use serde_json::json;
use testkit::Error;
use testkit::emulator::Signal;
use testkit::lambda::{Answer, Function};

use crate::scene::{KEY, Scene, begins, fence, order};
use testkit::language::Language;

/// The tests of one language: each plays every scene.
macro_rules! each_scene {
    ($module:ident, $language:expr, $error:literal) => {
        mod $module {
            use super::*;

            const LANGUAGE: Language = $language;

            #[tokio::test]
            async fn takes_turns_by_event() -> Result<(), Error> {
                takes_turns(LANGUAGE).await
            }

            #[tokio::test]
            async fn a_handler_that_fails_ends_its_hold() -> Result<(), Error> {
                let message = format!("order {KEY} cannot be done");
                fails(LANGUAGE, "error", $error, |found| found == message).await
            }

            #[tokio::test]
            async fn an_error_that_fills_headers_and_body_ends_its_hold() -> Result<(), Error> {
                fails(LANGUAGE, "long error", $error, |found| {
                    found.len() == 700_000
                })
                .await
            }

            #[tokio::test]
            async fn a_function_that_exits_loses_its_lock_at_once() -> Result<(), Error> {
                dies(LANGUAGE, "exit", Answer::Died).await
            }

            #[tokio::test]
            async fn a_function_that_aborts_loses_its_lock_at_once() -> Result<(), Error> {
                dies(LANGUAGE, "abort", Answer::Died).await
            }

            #[tokio::test]
            async fn a_function_that_hangs_loses_its_lock_after_its_timeout() -> Result<(), Error> {
                dies(LANGUAGE, "hang", Answer::TimedOut).await
            }

            #[tokio::test]
            async fn a_function_that_ignores_sigterm_holds_until_it_is_killed() -> Result<(), Error>
            {
                dies(LANGUAGE, "deaf", Answer::TimedOut).await
            }

            #[tokio::test]
            async fn a_function_that_is_killed_while_it_holds_loses_its_lock_at_once()
            -> Result<(), Error> {
                is_killed_while_it_holds(LANGUAGE).await
            }

            #[tokio::test]
            async fn a_function_that_is_killed_while_its_event_waits_leaves_the_queue()
            -> Result<(), Error> {
                is_killed_while_its_event_waits(LANGUAGE).await
            }

            #[tokio::test]
            async fn a_frozen_function_goes_on_as_if_nothing_had_been() -> Result<(), Error> {
                is_frozen(LANGUAGE).await
            }

            #[tokio::test]
            async fn an_extension_that_is_killed_leaves_a_lock_that_its_next_start_recovers()
            -> Result<(), Error> {
                its_extension_is_killed(LANGUAGE).await
            }

            #[tokio::test]
            async fn a_busy_lock_is_refused_or_skipped_without_waking_the_runtime()
            -> Result<(), Error> {
                is_busy(LANGUAGE).await
            }

            #[tokio::test]
            async fn large_events_and_responses_pass_and_too_large_ones_are_lambdas_affair()
            -> Result<(), Error> {
                has_large_events(LANGUAGE).await
            }
        }
    };
}

// With the error that a handler ends with.
each_scene!(node, Language::Node, "RangeError");
each_scene!(python, Language::Python, "ValueError");

async fn scene(language: Language) -> Result<Option<Scene>, Error> {
    Scene::set_in(language, |function| function).await
}

/// Two events of one order take turns, and the second one waits for the first.
async fn takes_turns(language: Language) -> Result<(), Error> {
    let Some(scene) = scene(language).await? else {
        return Ok(());
    };
    let (first, second) = scene.contend("ok").await?;
    assert!(fence(&first) < fence(&second));
    scene.end(None).await?.released_by_the_layer("turns");
    Ok(())
}

/// A handler that fails ends its hold, and its function lives on.
async fn fails(
    language: Language,
    then: &str,
    name: &str,
    expected: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let Some(scene) = scene(language).await? else {
        return Ok(());
    };
    let (first, second) = scene.contend(then).await?;
    let Answer::Error { kind, message } = &first else {
        panic!("no error, but {first:?}")
    };
    assert_eq!(kind, name);
    assert!(expected(message), "{message:.200}");
    assert!(fence(&second) < fence(&scene.a.invoke(order(100, "ok")).await?));
    scene.end(None).await?.released_by_the_layer(then);
    Ok(())
}

/// The function dies of its handler, and the extension releases its lock.
async fn dies(language: Language, then: &str, expected: Answer) -> Result<(), Error> {
    let Some(scene) = scene(language).await? else {
        return Ok(());
    };
    let ((first, second), death) = tokio::try_join!(scene.contend(then), scene.death_of_a())?;
    assert_eq!(first, expected);
    assert!(fence(&second) < fence(&scene.a.invoke(order(100, "ok")).await?));
    scene.end(Some(death)).await?.released_by_the_layer(then);
    Ok(())
}

async fn is_killed_while_it_holds(language: Language) -> Result<(), Error> {
    let Some(scene) = scene(language).await? else {
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
    let seen = scene.end(Some(death)).await?;
    seen.released_by_the_layer("kill -9");
    Ok(())
}

async fn is_killed_while_its_event_waits(language: Language) -> Result<(), Error> {
    let Some(scene) = scene(language).await? else {
        return Ok(());
    };
    let kill = async {
        scene.waits().await?;
        scene.b.function()?.signal(Signal::KILL)
    };
    let ((first, second), ()) = tokio::try_join!(scene.contend("ok"), kill)?;
    assert_eq!(second, Answer::Died);
    assert!(fence(&first) < fence(&scene.b.invoke(order(100, "ok")).await?));
    // It left at SHUTDOWN, and not only with the extension's next start.
    let seen = scene.end(None).await?;
    seen.released_by_the_layer("killed, waiting");
    Ok(())
}

async fn is_frozen(language: Language) -> Result<(), Error> {
    let Some(scene) = scene(language).await? else {
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

/// The extension is killed, the platform ends the function, and the next extension finds the record.
async fn its_extension_is_killed(language: Language) -> Result<(), Error> {
    let Some(scene) = scene(language).await? else {
        return Ok(());
    };
    let kill = async {
        scene.waits().await?;
        let function = scene.a.function()?;
        scene.a.extension()?.signal(Signal::KILL)?;
        let death = function.death().await?;
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

/// A busy lock is refused or skipped, and the runtime is not even woken.
async fn is_busy(language: Language) -> Result<(), Error> {
    for (on_busy, expected) in [("fail", Some("Lock.Busy")), ("skip", None)] {
        let busy = |function: Function| function.variable("LOCKS_ON_BUSY", on_busy);
        let Some(scene) = Scene::set_in(language, busy).await? else {
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

async fn has_large_events(language: Language) -> Result<(), Error> {
    let Some(scene) = scene(language).await? else {
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
