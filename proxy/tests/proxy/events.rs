//! Which events are delivered, to which request, and which are answered instead.

use lambda_locks_proxy::{Instead, fail_init};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::log::{Gate, Log};
use crate::platform::{Event, Platform};
use crate::runtime::Runtime;
use crate::stage::{Stage, play};

#[test]
fn an_event_that_is_answered_instead_does_not_wake_the_runtime() {
    play(async {
        let stage = Stage::set().await;
        let refusal = Instead::error("Lock.Busy", "lock `1` is held");
        stage.behave(|behaviour| behaviour.instead = Some(refusal));
        let mut runtime = stage.runtime().await;
        runtime.send_next().await;
        stage.give(&["1"]);
        stage.log.reached("ended 1", 1).await;
        stage.behave(|behaviour| behaviour.instead = Some(Instead::response("null")));
        stage.give(&["2"]);
        stage.log.reached("ended 2", 1).await;
        stage.behave(|behaviour| behaviour.instead = None);
        stage.give(&["3"]);
        // The one answer to the one request.
        assert_eq!(runtime.answer().await.body, b"\"3\"");
        let [error, response] = &stage.platform.posts()[..] else {
            panic!("there are two")
        };
        assert_eq!(
            error.headers["lambda-runtime-function-error-type"],
            "Lock.Busy"
        );
        let body: Value = serde_json::from_slice(&error.body).expect("it is JSON");
        let expected =
            json!({"errorType": "Lock.Busy", "errorMessage": "lock `1` is held", "stackTrace": []});
        assert_eq!(body, expected);
        assert_eq!(response.path, "/2018-06-01/runtime/invocation/2/response");
        assert_eq!(&*response.body, b"null");
    });
}

#[test]
fn a_refusal_that_lambda_does_not_accept_reaches_the_runtime() {
    play(async {
        let stage = Stage::set().await;
        let refusal = Instead::error("Lock.Busy", "lock `1` is held");
        stage.behave(|behaviour| behaviour.instead = Some(refusal));
        stage.platform.plan(|plan| plan.refuse_posts = Some(403));
        stage.give(&["1"]);
        let mut runtime = stage.runtime().await;
        assert_eq!(runtime.next().await.status, 502);
        assert_eq!(stage.log.count("error 1"), 1);
    });
}

#[test]
fn a_retry_with_the_same_request_id_is_delivered() {
    play(async {
        let stage = Stage::set().await;
        let first = Event::new("1", "{}");
        let deadline_ms = first.deadline_ms + 60_000;
        stage.platform.give(first.clone());
        stage.platform.give(Event {
            deadline_ms,
            ..first.clone()
        });
        stage.platform.give(Event {
            deadline_ms,
            ..first
        });
        stage.give(&["2"]);
        let mut runtime = stage.runtime().await;
        for _ in 0..2 {
            assert_eq!(runtime.next().await.body, b"{}");
            runtime.respond("1", b"1").await;
        }
        // The third is the second again.
        assert_eq!(runtime.next().await.body, b"\"2\"");
        assert_eq!(stage.log.count("acquire 1"), 2);
        assert_eq!(stage.log.count("error 1"), 1);
    });
}

#[test]
fn a_retry_is_delivered_after_an_event_that_the_runtime_did_not_end() {
    play(async {
        let stage = Stage::set().await;
        let first = Event::new("1", "{}");
        stage.platform.give(first.clone());
        let mut runtime = stage.runtime().await;
        assert_eq!(runtime.next().await.body, b"{}");
        // Lambda repeats what was not ended, and the proxy ends it.
        runtime.send_next().await;
        stage.log.reached("ended 1", 1).await;
        // Its retry is another run, and a repetition of that is not.
        let deadline_ms = first.deadline_ms + 60_000;
        for _ in 0..2 {
            stage.platform.give(Event {
                deadline_ms,
                ..first.clone()
            });
        }
        stage.give(&["2"]);
        assert_eq!(runtime.answer().await.body, b"{}");
        runtime.respond("1", b"1").await;
        assert_eq!(runtime.next().await.body, b"\"2\"");
        assert_eq!(stage.log.count("acquire 1"), 2);
        assert_eq!(stage.log.count("error 1"), 2);
    });
}

#[test]
fn an_event_that_waits_is_kept_for_the_runtimes_next_connection() {
    play(async {
        let stage = Stage::set().await;
        let gate = Gate::default();
        stage.behave(|behaviour| behaviour.acquired = Some(gate.clone()));
        stage.give(&["1"]);
        let mut closed = stage.runtime().await;
        closed.send_next().await;
        stage.log.reached("acquire 1", 1).await;
        drop(closed);
        stage.settle().await;
        // It goes on waiting without a connection, and nothing is held for a runtime that is not there.
        gate.open();
        stage.log.reached("undelivered 1", 1).await;
        stage.log.reached("release 1", 1).await;
        let mut runtime = stage.runtime().await;
        assert_eq!(runtime.next().await.body, b"\"1\"");
        runtime.respond("1", b"1").await;
        let story = [
            "next",
            "acquire 1",
            "undelivered 1",
            "release 1",
            "acquire 1",
            "release 1",
            "response 1",
            "ended 1",
        ];
        assert_eq!(stage.story(), story);
    });
}

#[test]
fn a_connection_that_closes_does_not_end_the_wait() {
    play(async {
        let stage = Stage::set().await;
        let gate = Gate::default();
        stage.behave(|behaviour| behaviour.acquired = Some(gate.clone()));
        stage.give(&["1"]);
        let mut closed = stage.runtime().await;
        closed.send_next().await;
        stage.log.reached("acquire 1", 1).await;
        drop(closed);
        let mut runtime = stage.runtime().await;
        runtime.send_next().await;
        stage.settle().await;
        gate.open();
        assert_eq!(runtime.answer().await.body, b"\"1\"");
        assert_eq!(stage.log.count("acquire 1"), 1);
    });
}

#[test]
fn of_two_requests_for_an_event_the_later_one_gets_it() {
    play(async {
        let stage = Stage::set().await;
        let (mut first, mut second) = (stage.runtime().await, stage.runtime().await);
        first.send_next().await;
        stage.log.reached("next", 1).await;
        second.send_next().await;
        assert_eq!(first.answer().await.status, 403);
        stage.give(&["1"]);
        assert_eq!(second.answer().await.body, b"\"1\"");
        assert_eq!(stage.log.count("next"), 1);
    });
}

#[test]
fn a_handler_is_shown_what_the_service_knows() {
    play(async {
        let stage = Stage::set().await;
        stage.behave(|behaviour| behaviour.custom = Some(json!({"fence": 7})));
        stage.platform.give(Event {
            context: Some(r#"{"client":{"app_title":"shop"}}"#.to_owned()),
            ..Event::new("1", "{}")
        });
        let event = stage.runtime().await.next().await;
        let expected = r#"{"client":{"app_title":"shop"},"custom":{"lock":{"fence":7}}}"#;
        let context = event.header("lambda-runtime-client-context");
        assert_eq!(context.as_deref(), Some(expected));
    });
}

#[test]
fn a_failed_start_reaches_the_caller_as_an_error_of_the_initialisation() {
    play(async {
        let log = Log::default();
        let (platform, upstream) = Platform::start(&log).await;
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        tokio::task::spawn_local(async move {
            let upstream = upstream.parse().expect("it is an address");
            match fail_init(listener, upstream, "Lock.Configuration", "no LOCKS_KEY").await {}
        });
        let answer = Runtime::connect(&address).await.next().await;
        assert_eq!(answer.status, 403);
        assert!(String::from_utf8_lossy(&answer.body).contains("no LOCKS_KEY"));
        assert_eq!(log.lines(), ["POST /2018-06-01/runtime/init/error"]);
        let post = &platform.posts()[0];
        let body: Value = serde_json::from_slice(&post.body).expect("it is JSON");
        assert_eq!(body["errorType"], "Lock.Configuration");
        assert_eq!(body["errorMessage"], "no LOCKS_KEY");
    });
}

#[test]
fn a_handler_is_given_the_event_that_the_service_has_made() {
    play(async {
        for event in ["{}", "\"longer than Lambda's own\"", ""] {
            let stage = Stage::set().await;
            stage.behave(|behaviour| behaviour.event = Some(event));
            stage.give(&["1"]);
            let given = stage.runtime().await.next().await;
            assert_eq!((given.status, &*given.body), (200, event.as_bytes()));
            let length = given.header("content-length");
            assert_eq!(length, Some(event.len().to_string()));
        }
    });
}

#[test]
fn an_event_that_was_not_delivered_comes_again_as_lambda_gave_it() {
    play(async {
        let stage = Stage::set().await;
        let gate = Gate::default();
        stage.behave(|behaviour| {
            behaviour.acquired = Some(gate.clone());
            behaviour.event = Some("{}");
        });
        stage.give(&["1"]);
        let mut closed = stage.runtime().await;
        closed.send_next().await;
        stage.log.reached("acquire 1", 1).await;
        drop(closed);
        stage.settle().await;
        gate.open();
        stage.log.reached("undelivered 1", 1).await;
        stage.behave(|behaviour| behaviour.event = None);
        assert_eq!(stage.runtime().await.next().await.body, b"\"1\"");
    });
}
