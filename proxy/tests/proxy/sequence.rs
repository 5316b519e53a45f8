//! In which order things happen, and what ends an invocation.

use lambda_locks_proxy::Instead;

use crate::log::Gate;
use crate::runtime::response;
use crate::stage::{Stage, play};

#[test]
fn an_event_is_delivered_and_released_before_its_response_arrives() {
    play(async {
        let stage = Stage::set().await;
        stage.give(&["1"]);
        let mut runtime = stage.runtime().await;
        let event = runtime.next().await;
        assert_eq!((event.status, &*event.body), (200, b"\"1\"".as_slice()));
        let id = event.header("lambda-runtime-aws-request-id");
        assert_eq!(id.as_deref(), Some("1"));
        assert_eq!(runtime.respond("1", b"\"done\"").await.status, 202);
        let story = ["next", "acquire 1", "release 1", "response 1", "ended 1"];
        assert_eq!(stage.story(), story);
        assert_eq!(&*stage.platform.posts()[0].body, b"\"done\"");
    });
}

#[test]
fn the_end_of_a_response_waits_for_the_release() {
    play(holds_back(b"\"done\""));
}

#[test]
fn a_response_without_a_body_waits_for_the_release() {
    play(holds_back(b""));
}

async fn holds_back(body: &[u8]) {
    let stage = Stage::set().await;
    let gate = Gate::default();
    stage.behave(|behaviour| behaviour.released = Some(gate.clone()));
    stage.give(&["1"]);
    let mut runtime = stage.runtime().await;
    runtime.next().await;
    runtime.send(response("1", body)).await;
    stage.settle().await;
    assert_eq!(stage.story(), ["next", "acquire 1"]);
    gate.open();
    assert_eq!(runtime.answer().await.status, 202);
    assert_eq!(stage.story()[2..], ["release 1", "response 1", "ended 1"]);
}

#[test]
fn a_service_may_let_the_response_arrive_first() {
    play(async {
        let stage = Stage::set().await;
        let gate = Gate::default();
        stage.behave(|behaviour| {
            behaviour.released = Some(gate.clone());
            behaviour.forwards_first = true;
        });
        stage.give(&["1", "2"]);
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        assert_eq!(runtime.respond("1", b"1").await.status, 202);
        // But the next event is not asked for before the release.
        runtime.send_next().await;
        stage.settle().await;
        assert_eq!(
            stage.story(),
            ["next", "acquire 1", "response 1", "ended 1"]
        );
        gate.open();
        runtime.answer().await;
        assert_eq!(stage.story()[4..], ["release 1", "next", "acquire 2"]);
    });
}

#[test]
fn lambda_is_not_asked_for_an_event_before_the_service_is_ready() {
    play(async {
        for instead in [None, Some(Instead::response("null"))] {
            let stage = Stage::set().await;
            let gate = Gate::default();
            let refused = instead.is_some();
            stage.behave(|behaviour| {
                behaviour.ready = Some(gate.clone());
                behaviour.instead = instead;
            });
            stage.give(&["1", "2"]);
            let mut runtime = stage.runtime().await;
            runtime.send_next().await;
            if !refused {
                runtime.answer().await;
                assert_eq!(runtime.respond("1", b"1").await.status, 202);
                runtime.send_next().await;
            }
            // The caller has its answer, but the environment is not frozen yet.
            stage.log.reached("ended 1", 1).await;
            stage.settle().await;
            assert_eq!(stage.log.count("next"), 1);
            gate.open();
            stage.log.reached("acquire 2", 1).await;
            assert_eq!(stage.log.count("next"), 2);
        }
    });
}

#[test]
fn the_next_event_waits_for_every_post_in_progress() {
    play(async {
        let stage = Stage::set().await;
        let gate = Gate::default();
        stage
            .platform
            .plan(|plan| plan.hold_posts = Some(gate.clone()));
        stage.give(&["1", "2"]);
        let (mut runtime, mut other) = (stage.runtime().await, stage.runtime().await);
        runtime.next().await;
        runtime.send(response("1", b"1")).await;
        stage.log.reached("response 1", 1).await;
        other.send_next().await;
        stage.settle().await;
        assert_eq!(stage.log.count("next"), 1);
        gate.open();
        assert_eq!(runtime.answer().await.status, 202);
        assert_eq!(other.answer().await.status, 200);
        let story = stage.story();
        assert_eq!(story[3..], ["response 1", "ended 1", "next", "acquire 2"]);
    });
}

#[test]
fn a_post_that_is_sent_slowly_is_waited_for() {
    play(async {
        let stage = Stage::set().await;
        stage.give(&["1", "2"]);
        let (mut runtime, mut other) = (stage.runtime().await, stage.runtime().await);
        runtime.next().await;
        let bytes = response("1", b"\"a long response\"");
        let (last, first) = bytes.split_last().expect("it is not empty");
        runtime.send(first).await;
        // The proxy has it when the platform has its head.
        stage.settle().await;
        other.send_next().await;
        stage.settle().await;
        assert_eq!(stage.story(), ["next", "acquire 1"]);
        runtime.send([*last]).await;
        assert_eq!(other.answer().await.status, 200);
        let story = ["release 1", "response 1", "ended 1", "next", "acquire 2"];
        assert_eq!(stage.story()[2..], story);
    });
}

#[test]
fn a_closed_connection_does_not_end_an_invocation() {
    play(async {
        let stage = Stage::set().await;
        stage.give(&["1"]);
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        drop(runtime);
        stage.settle().await;
        assert_eq!(stage.story(), ["next", "acquire 1"]);
        let answer = stage.runtime().await.respond("1", b"1").await;
        assert_eq!(answer.status, 202);
        assert_eq!(stage.story()[2..], ["release 1", "response 1", "ended 1"]);
    });
}

#[test]
fn a_post_that_breaks_does_not_end_an_invocation() {
    play(async {
        let stage = Stage::set().await;
        stage.give(&["1"]);
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        let mut broken = stage.runtime().await;
        let bytes = response("1", b"\"a long response\"");
        broken.send(&bytes[..bytes.len() - 1]).await;
        stage.settle().await;
        drop(broken);
        let cut = "cut /2018-06-01/runtime/invocation/1/response";
        stage.log.reached(cut, 1).await;
        stage.settle().await;
        assert_eq!(stage.story(), ["next", "acquire 1", cut]);
        runtime.respond("1", b"1").await;
        assert_eq!(stage.story()[3..], ["release 1", "response 1", "ended 1"]);
    });
}

#[test]
fn a_runtime_that_asks_again_is_done_with_its_event() {
    play(async {
        let stage = Stage::set().await;
        stage.give(&["1", "2"]);
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        let second = runtime.next().await;
        assert_eq!(second.body, b"\"2\"");
        // Lambda repeats an event that was not ended; the handler has run already.
        let story = [
            "next",
            "acquire 1",
            "release 1",
            "next",
            "error 1",
            "ended 1",
            "next",
        ];
        assert_eq!(stage.story()[..7], story);
        let error = &stage.platform.posts()[0];
        assert_eq!(
            error.headers["lambda-runtime-function-error-type"],
            "Runtime.EventRepeated"
        );
    });
}

#[test]
fn a_response_that_is_complete_is_posted_though_the_runtime_ends() {
    play(async {
        let stage = Stage::set().await;
        let gate = Gate::default();
        stage.behave(|behaviour| behaviour.released = Some(gate.clone()));
        stage.give(&["1"]);
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        runtime.send(response("1", b"1")).await;
        stage.settle().await;
        drop(runtime);
        stage.settle().await;
        gate.open();
        stage.log.reached("ended 1", 1).await;
    });
}
