//! When a hold of another language ends: with the stream's end, after the response, or not at all.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use testkit::Error;
use testkit::dynamo::{Dynamo, Fate, Gate, Plan, Request, Schema, Wire};
use testkit::emulator::Signal;
use testkit::lambda::{self, Answer, Function, What};
use testkit::programs::Programs;

use crate::scene::{KEY, PREFIX, Scene, TABLE, begins, fence, intents, order, orders_in};
use testkit::language::Language;

/// The scene with Node functions that stream.
async fn streaming() -> Result<Option<Scene>, Error> {
    let Some(orders) = orders_in(Language::Node) else {
        return Ok(None);
    };
    let streams = orders.handler("orders.stream");
    Scene::set_in(Language::Node, |function| streams.start(function)).await
}

#[tokio::test]
async fn a_stream_holds_its_lock_to_its_end() -> Result<(), Error> {
    let Some(scene) = streaming().await? else {
        return Ok(());
    };
    let (first, second) = scene.contend("ok").await?;
    assert!(fence(&first) < fence(&second));
    let Answer::Response(response) = &first else {
        panic!("it is a response")
    };
    assert_eq!(response["echo"].as_str().map(str::len), Some(100_000));
    scene.end(None).await?.released_by_the_layer("stream");
    Ok(())
}

#[tokio::test]
async fn a_stream_that_fails_midway_ends_its_hold_and_arrives_as_it_does_directly()
-> Result<(), Error> {
    let (Some(scene), Some(orders)) = (streaming().await?, orders_in(Language::Node)) else {
        return Ok(());
    };
    let direct = scene.another(|function| {
        let streams = orders.handler("orders.stream").start(function);
        streams.without_wrapper()
    });
    let direct = direct.await?;
    let (first, second) = scene.contend("error").await?;
    assert!(!matches!(first, Answer::Response(_)), "{first:?}");
    assert_eq!(
        without_fence(&direct.invoke(order(30, "error")).await?),
        without_fence(&first)
    );
    assert!(fence(&second) < fence(&scene.b.invoke(order(0, "ok")).await?));
    direct.shut_down().await?;
    scene
        .end(None)
        .await?
        .released_by_the_layer("broken stream");
    Ok(())
}

fn without_fence(answer: &Answer) -> String {
    let text = format!("{answer:?}");
    let digits = |c: char| c.is_ascii_digit();
    text.replace("null", "0")
        .chars()
        .filter(|&c| !digits(c))
        .collect()
}

#[tokio::test]
async fn a_release_may_come_after_the_response() -> Result<(), Error> {
    assert!(matches!(
        with_a_death_while_it_releases("after").await?,
        Some(Answer::Response(_)) | None
    ));
    assert!(matches!(
        with_a_death_while_it_releases("before").await?,
        Some(Answer::Died) | None
    ));
    Ok(())
}

/// What the caller gets if the function dies when the release has been sent and is not answered, from a local Lambda that
/// answers as soon as the response is posted.
async fn with_a_death_while_it_releases(release: &str) -> Result<Option<Answer>, Error> {
    let gate = Gate::closed();
    let released = gate.clone();
    let plan = move |request: &Request| {
        let update = request.body["UpdateExpression"].as_str();
        match update.is_some_and(|update| update.contains("DELETE #queue")) {
            true => Fate::dropped().before(&released),
            false => Fate::delivered(),
        }
    };
    let change = |function: Function| function.variable("LOCKS_RELEASE", release);
    let Some(local) = Local::start(change, plan).await? else {
        return Ok(None);
    };
    let environment = lambda::Environment::new("a", &local.function, |_| {})?;
    let dies = async {
        gate.reached(1).await;
        environment.kill_function();
    };
    let (answer, ()) = tokio::join!(environment.invoke(order(0, "ok")), dies);
    let row = local.dynamo.row(TABLE, KEY, PREFIX).unwrap_or_default();
    assert_eq!(
        row["queue"]["SS"].as_array().map(Vec::len),
        Some(1),
        "{row}"
    );
    Ok(Some(answer))
}

#[tokio::test]
async fn an_extension_that_dies_between_the_response_and_the_release_leaves_an_event_that_is_done()
-> Result<(), Error> {
    let change = |function: Function| {
        let function = function.variable("LOCKS_RELEASE", "after");
        let function = function.variable("LOCKS_DEDUP", "skip");
        function.variable("LOCKS_DEDUP_KEY", "/messageId")
    };
    let delivered = |_: &Request| Fate::delivered();
    let Some(local) = Local::start(change, delivered).await? else {
        return Ok(());
    };
    let works = Arc::new(AtomicUsize::new(0));
    let (seen, accepted) = (Arc::clone(&works), Gate::closed());
    let environment = lambda::Environment::new("a", &local.function, move |occurrence| {
        if matches!(&occurrence.what, What::Function(line) if line.contains("work begins")) {
            seen.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    let environment = environment.accepts_after(&accepted);
    let mut event = order(0, "ok");
    event["messageId"] = "m1".into();
    let dies = async {
        // The caller has its response, and the extension does not know it yet.
        accepted.reached(1).await;
        environment.kill_extension();
    };
    let (first, ()) = tokio::join!(environment.invoke(event.clone()), dies);
    assert!(matches!(first, Answer::Response(_)), "{first:?}");
    accepted.open();
    let second = environment.invoke(event).await;
    assert_eq!(second, Answer::Response(Value::Null));
    assert_eq!(works.load(Ordering::Relaxed), 1, "it ran once");
    environment.shut_down().await;
    assert_eq!(intents(environment.journal()), 0, "the journal is empty");
    Ok(())
}

/// A Python function for a local Lambda, which starts it without a wrapper, and its table.
struct Local {
    function: Function,
    dynamo: Dynamo,
    _wire: Wire,
}

impl Local {
    async fn start(
        change: impl FnOnce(Function) -> Function,
        plan: impl Plan + 'static,
    ) -> Result<Option<Self>, Error> {
        let Some(orders) = orders_in(Language::Python) else {
            return Ok(None);
        };
        let programs = Programs::build()?;
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE))?;
        dynamo.plan(plan);
        let wire = dynamo.listen().await?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.map_err(|error| Error::new(error.to_string()))?.port();
        let function = Function::new(&programs.function, &wire.url(), TABLE);
        let function = function
            .extension(&programs.extension)
            .timeout(Duration::from_secs(10));
        let function = orders.start_unwrapped(change(function), port);
        Ok(Some(Self {
            function,
            dynamo,
            _wire: wire,
        }))
    }
}

#[tokio::test]
async fn a_function_that_releases_after_its_responses_takes_turns() -> Result<(), Error> {
    let after = |function: Function| function.variable("LOCKS_RELEASE", "after");
    let Some(scene) = Scene::set_in(Language::Python, after).await? else {
        return Ok(());
    };
    let (first, second) = scene.contend("ok").await?;
    assert!(fence(&first) < fence(&second));
    scene.end(None).await?.released_by_the_layer("after");
    Ok(())
}

#[tokio::test]
async fn a_fail_closed_lock_whose_work_has_begun_stays_for_an_operator() -> Result<(), Error> {
    let closed = |function: Function| {
        let function = function.variable("LOCKS_FAIL", "closed");
        function.timeout(Duration::from_secs(10))
    };
    let Some(scene) = Scene::set_in(Language::Python, closed).await? else {
        return Ok(());
    };
    let kill = async {
        scene.a.line(begins).await?;
        scene.a.function()?.signal(Signal::KILL)
    };
    let (answer, ()) = tokio::try_join!(scene.a.invoke(order(0, "hang")), kill)?;
    assert_eq!(answer, Answer::Died);
    scene.a.shut_down().await?;
    let row = scene.dynamo.row(TABLE, KEY, PREFIX).unwrap_or_default();
    assert_eq!(
        row["queue"]["SS"].as_array().map(Vec::len),
        Some(1),
        "{row}"
    );
    assert!(row["pinned"].is_object(), "{row}");
    assert_eq!(intents(scene.a.journal()), 0, "nothing is left to recover");
    Ok(())
}
