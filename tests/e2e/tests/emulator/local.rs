//! The local Lambda keeps the platform's order, with the real function and the real extension.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::dynamo::{Dynamo, Schema, Wire};
use testkit::lambda::{Answer, Environment, Function, Occurrence, What};
use testkit::programs::Programs;
use tokio::sync::watch;

const TABLE: &str = "locks-test";

/// One environment, and all that was occurrences of it.
struct Scene {
    environment: Environment,
    occurrences: watch::Sender<Vec<Occurrence>>,
    dynamo: Dynamo,
    wire: Wire,
}

impl Scene {
    async fn new(adapt: impl FnOnce(Function) -> Function) -> Self {
        let programs = Programs::build().expect("cargo builds the programs");
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE)).expect("a table");
        let wire = dynamo.listen().await.expect("a port");
        let function = Function::new(&programs.function, &wire.url(), TABLE);
        let function = adapt(function.extension(&programs.extension));
        let (environment, occurrences) = environment(&function);
        Self {
            environment,
            occurrences,
            dynamo,
            wire,
        }
    }

    async fn invoke(&self, then: &str, work_ms: u64) -> Answer {
        let event = json!({ "orderId": "42", "workMs": work_ms, "then": then });
        self.environment.invoke(event).await
    }

    async fn until(&self, step: &str) {
        let mut occurrences = self.occurrences.subscribe();
        let occurrences = occurrences.wait_for(|occurrences| {
            steps(occurrences)
                .iter()
                .any(|occurrences| occurrences == step)
        });
        occurrences.await.expect("the sender is here");
    }

    /// What was occurrences since the last time, in a word each.
    fn steps(&self) -> Vec<String> {
        steps(&self.occurrences.send_replace(Vec::new()))
    }

    fn is_free(&self) -> bool {
        let row = self
            .dynamo
            .row(TABLE, "42", "default")
            .expect("the row stays");
        row.get("queue").is_none()
    }
}

fn environment(function: &Function) -> (Environment, watch::Sender<Vec<Occurrence>>) {
    let occurrences = watch::Sender::new(Vec::new());
    let sender = occurrences.clone();
    let environment = Environment::new("A", function, move |occurrence| {
        sender.send_modify(|occurrences| occurrences.push(occurrence));
    });
    (environment.expect("a folder"), occurrences)
}

fn steps(occurrences: &[Occurrence]) -> Vec<String> {
    occurrences
        .iter()
        .filter_map(|occurrence| step(&occurrence.what))
        .collect()
}

fn step(what: &What) -> Option<String> {
    match what {
        What::Function(line) | What::Extension(line) => known_message(line),
        What::ShutdownSent(reason) => Some(format!("shutdown: {reason}")),
        What::ExtensionEnded(code) => Some(format!("extension ended: {code:?}")),
        plain => Some(format!("{plain:?}").to_lowercase()),
    }
}

fn known_message(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let message = line["fields"]["message"].as_str()?;
    let known = ["work begins", "work ends", "entry recovered"].contains(&message);
    known.then(|| message.to_owned())
}

fn is_response(answer: &Answer) -> bool {
    matches!(answer, Answer::Response(response) if response["orderId"] == "42")
}

#[tokio::test]
async fn a_killed_function_is_reaped_before_its_extension_is_told() {
    let scene = Scene::new(|function| function.timeout(Duration::from_secs(30))).await;
    let kill = async {
        scene.until("work begins").await;
        assert!(scene.environment.kill_function());
    };
    let (answer, ()) = tokio::join!(scene.invoke("ok", 20_000), kill);
    assert_eq!(answer, Answer::Died);
    assert_eq!(
        scene.steps(),
        [
            "started",
            "work begins",
            "killed",
            "reaped",
            "shutdown: failure",
            "entry recovered",
            "extension ended: Some(0)",
        ]
    );
    assert!(scene.is_free());
}

#[tokio::test]
async fn a_function_that_ends_itself_is_followed_by_the_same_shutdown() {
    for then in ["exit", "abort"] {
        let scene = Scene::new(|function| function).await;
        assert_eq!(scene.invoke(then, 0).await, Answer::Died);
        let steps = scene.steps();
        assert_eq!(
            steps[1..],
            [
                "work begins",
                "reaped",
                "shutdown: failure",
                "entry recovered",
                "extension ended: Some(0)"
            ]
        );
        assert!(scene.is_free());
    }
}

#[tokio::test]
async fn at_a_timeout_the_function_gets_sigterm_and_then_the_extension_its_shutdown() {
    let scene = Scene::new(|function| function.timeout(Duration::from_secs(2))).await;
    assert_eq!(scene.invoke("block", 0).await, Answer::TimedOut);
    let expected = [
        "started",
        "work begins",
        "terminated",
        "reaped",
        "shutdown: timeout",
        "entry recovered",
        "extension ended: Some(0)",
    ];
    assert_eq!(scene.steps(), expected);
    assert!(scene.is_free());
}

#[tokio::test]
async fn a_function_that_hears_no_sigterm_is_killed_after_300_ms() {
    let programs = Programs::build().expect("cargo builds the programs");
    let deaf = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/emulator/deaf.sh"
    ));
    let function = Function::new(deaf, "http://127.0.0.1:1", TABLE);
    let function = function
        .extension(&programs.extension)
        .timeout(Duration::from_millis(500));
    let (environment, occurrences) = environment(&function);
    assert_eq!(environment.invoke(json!({})).await, Answer::TimedOut);
    let occurrences = occurrences.borrow();
    let at = |what| {
        occurrences
            .iter()
            .find(|occurrences| occurrences.what == what)
            .expect("it was reported")
            .at
    };
    let time = at(What::Killed) - at(What::Terminated);
    assert!(time >= Duration::from_millis(300), "{time:?}");
    assert!(at(What::Reaped) >= at(What::Killed));
    assert!(at(What::ShutdownSent("timeout")) >= at(What::Reaped));
}

#[tokio::test]
async fn after_a_death_both_start_anew_at_the_next_event() {
    let scene = Scene::new(|function| function).await;
    assert_eq!(scene.invoke("exit", 0).await, Answer::Died);
    scene.steps();
    let answer = scene.invoke("ok", 0).await;
    assert!(is_response(&answer), "{answer:?}");
    assert_eq!(scene.steps(), ["started", "work begins", "work ends"]);
}

#[tokio::test]
async fn errors_have_names_and_nothing_restarts_after_them() {
    let scene = Scene::new(|function| function).await;
    for then in ["error", "panic"] {
        let answer = scene.invoke(then, 0).await;
        let Answer::Error { kind, message } = &answer else {
            panic!("{answer:?}")
        };
        assert!(!kind.is_empty() && !message.is_empty(), "{answer:?}");
    }
    let answer = scene.invoke("ok", 0).await;
    assert!(is_response(&answer), "{answer:?}");
    let started = scene
        .steps()
        .iter()
        .filter(|step| *step == "started")
        .count();
    assert_eq!(started, 1);
}

#[tokio::test]
async fn an_environment_with_nothing_to_do_is_shut_down_gently() {
    let scene = Scene::new(|function| function).await;
    scene.invoke("ok", 0).await;
    scene.steps();
    scene.environment.shut_down().await;
    let expected = [
        "terminated",
        "reaped",
        "shutdown: spindown",
        "extension ended: Some(0)",
    ];
    assert_eq!(scene.steps(), expected);
    assert!(
        !scene.environment.kill_function(),
        "there is nothing left to kill"
    );
}

#[tokio::test]
async fn a_function_that_does_not_come_up_says_why() {
    let wrong = |function: Function| function.variable("LOCKS_LEASE_DURATION_MS", "soon");
    let scene = Scene::new(wrong).await;
    let answer = scene.invoke("ok", 0).await;
    assert!(matches!(&answer, Answer::NotStarted(_)), "{answer:?}");
    let occurrences = scene.occurrences.borrow();
    let name = "LOCKS_LEASE_DURATION_MS";
    let named = occurrences.iter().any(
        |occurrences| matches!(&occurrences.what, What::Function(line) if line.contains(name)),
    );
    assert!(named, "{occurrences:?}");
}

#[tokio::test]
async fn nothing_of_our_own_environment_reaches_the_programs() {
    let function = Function::new(Path::new("/usr/bin/env"), "http://127.0.0.1:1", TABLE);
    let (environment, occurrences) = environment(&function);
    let answer = environment.invoke(json!({})).await;
    assert!(matches!(&answer, Answer::NotStarted(_)), "{answer:?}");
    for occurrences in occurrences.borrow().iter() {
        let What::Function(line) = &occurrences.what else {
            panic!("{occurrences:?}")
        };
        assert!(
            line.starts_with("AWS_") || line.starts_with("LOCKS_"),
            "{line}"
        );
    }
    assert!(occurrences.borrow().len() > 8);
}

#[tokio::test]
async fn the_programs_find_the_table_of_their_own_world() {
    let scene = Scene::new(|function| function).await;
    scene.invoke("ok", 0).await;
    assert!(scene.wire.url().starts_with("http://127.0.0.1:"));
    assert_eq!(scene.dynamo.counts().of("UpdateItem").requests, 2);
}
