//! DynamoDB fails while a lock is released, for a function in another language.

use std::time::Duration;

use serde_json::Value;
use testkit::Error;
use testkit::dynamo::{Fate, Refusal, Request};
use testkit::emulator::{Line, Signal};
use testkit::lambda::{Answer, Function};

use crate::scene::{KEY, Scene, begins, fence, order};
use crate::seen::recovered;
use testkit::language::Language;

/// Every write that would release the lock of the order comes to this.
fn releases_come_to(scene: &Scene, fate: fn() -> Fate) {
    scene.dynamo.plan(move |request: &Request| {
        let update = request.body["UpdateExpression"].as_str();
        let releases = update.is_some_and(|update| update.contains("DELETE #queue"));
        match releases && request.body["Key"]["id"]["S"] == KEY {
            true => fate(),
            false => Fate::delivered(),
        }
    });
}

/// The caller is served, the log says what was not done, and the next start of the extension does it.
async fn fails_at_the_release(
    fate: fn() -> Fate,
    change: impl Fn(Function) -> Function,
    said: &str,
) -> Result<(), Error> {
    let change = |function| change(function).timeout(Duration::from_secs(5));
    let Some(scene) = Scene::set_in(Language::Python, change).await? else {
        return Ok(());
    };
    let event = |order_id: &str| {
        let mut event = order(10, "ok");
        (event["orderId"], event["messageId"]) = (order_id.into(), order_id.into());
        event
    };
    scene.a.invoke(event("another")).await?;
    releases_come_to(&scene, fate);
    let first = scene.a.invoke(event(KEY)).await?;
    assert!(fence(&first) > 0);
    let complains = |line: &Line| {
        line.message()
            .is_some_and(|message| message.starts_with(said))
    };
    let complaint = scene.a.line(complains).await?;
    assert_eq!(complaint.field("key"), Some(&KEY.into()));
    let function = scene.a.function()?;
    scene.a.extension()?.signal(Signal::KILL)?;
    function.death().await?;
    scene.dynamo.plan(|_: &Request| Fate::delivered());

    // The emulator notices the death of an extension that sleeps with the next event, and fails that.
    assert_eq!(scene.a.invoke(event(KEY)).await?, Answer::Died);
    let second = scene.a.invoke(event(KEY)).await?;
    let how = scene.a.line(recovered).await?;
    let works = scene.a.lines().iter().filter(|line| begins(line)).count();
    match said.contains("done") {
        true => {
            assert_eq!(second, Answer::Response(Value::Null));
            assert_eq!((works, how.field("how")), (1, Some(&"completed".into())));
        }
        false => {
            assert!(fence(&first) < fence(&second));
            assert_eq!((works, how.field("how")), (2, Some(&"withdrawn".into())));
        }
    }
    scene.end(None).await?;
    Ok(())
}

/// The tests of one kind of outage.
macro_rules! each_release {
    ($module:ident, $fate:expr) => {
        mod $module {
            use super::*;

            #[tokio::test]
            async fn a_lock_that_is_not_released_is_recovered() -> Result<(), Error> {
                fails_at_the_release($fate, |function| function, "the lock was not released").await
            }

            #[tokio::test]
            async fn an_event_that_is_not_completed_is_completed_later() -> Result<(), Error> {
                fails_at_the_release($fate, once, "the event was done").await
            }

            #[tokio::test]
            async fn an_event_is_completed_later_whose_release_comes_after_the_response()
            -> Result<(), Error> {
                let after = |function| once(function).variable("LOCKS_RELEASE", "after");
                fails_at_the_release($fate, after, "the event was done").await
            }
        }
    };
}

each_release!(answered_with_errors, || Fate::refused(Refusal::Internal));
each_release!(cut_off, Fate::dropped);

fn once(function: Function) -> Function {
    let function = function.variable("LOCKS_DEDUP", "skip");
    function.variable("LOCKS_DEDUP_KEY", "/messageId")
}
