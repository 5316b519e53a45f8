//! What passes unchanged.

use crate::platform::Event;
use crate::runtime::{post, response};
use crate::stage::{Stage, play};
use crate::streams::Wire;

const MIB: usize = 1024 * 1024;

/// Bytes that no two places have in common.
fn bytes(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    (0..length).map(|_| random.u8(..)).collect()
}

#[test]
fn unknown_paths_pass_with_their_bodies_and_statuses() {
    play(async {
        let stage = Stage::set().await;
        let mut runtime = stage.runtime().await;
        for path in [
            "/2018-06-01/runtime/restore/next?a=b",
            "/",
            "/2018-06-01/runtime/init/error",
        ] {
            runtime
                .send(post(
                    path,
                    "X-Of-The-Runtime: 1\r\nTE: trailers\r\n",
                    b"body",
                ))
                .await;
            let answer = runtime.answer().await;
            assert_eq!((answer.status, &*answer.body), (207, b"body".as_slice()));
            assert_eq!(answer.header("x-platform").as_deref(), Some("yes"));
            let arrived = stage.platform.posts().pop().expect("it has arrived");
            assert_eq!(arrived.path, path);
            assert_eq!(arrived.headers["x-of-the-runtime"], "1");
            assert!(!arrived.headers.contains_key("te"));
            assert_ne!(arrived.headers["host"], "runtime");
        }
    });
}

#[test]
fn no_event_is_asked_for_beside_the_service() {
    play(async {
        let stage = Stage::set().await;
        stage.give(&["1"]);
        let mut runtime = stage.runtime().await;
        for path in [
            "/2018-06-01/runtime/invocation/%6eext",
            "/2018-06-01/runtime/%69nvocation/next",
            "/2018-06-01/runtime/restore/../invocation/next",
            "/2018-06-01/runtime/./invocation/next",
        ] {
            runtime
                .send(format!("GET {path} HTTP/1.1\r\nHost: runtime\r\n\r\n"))
                .await;
            assert_eq!(runtime.answer().await.status, 400, "{path}");
        }
        assert_eq!(stage.story(), [""; 0]);
    });
}

#[test]
fn a_request_for_an_event_comes_without_a_body() {
    play(async {
        let (stage, listener) = Stage::set_over_wire().await;
        let mut runtime = stage.runtime().await;
        let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\nX-Of-The-Runtime: 1\r\n\
            Content-Length: 4\r\n\r\nbody";
        runtime.send(next).await;
        let mut wire = Wire::accept(&listener).await;
        let asked = String::from_utf8(wire.until(b"\r\n\r\n").await).expect("it was text");
        let asked = asked.to_lowercase();
        assert!(asked.contains("x-of-the-runtime: 1"), "{asked}");
        assert!(!asked.contains("content-length"), "{asked}");
    });
}

#[test]
fn six_megabytes_pass_both_ways() {
    play(async {
        let stage = Stage::set().await;
        let (event, answer) = (bytes(6 * MIB), bytes(6 * MIB + 1));
        stage.platform.give(Event::new("1", event.clone()));
        let mut runtime = stage.runtime().await;
        assert!(runtime.next().await.body == event);
        assert_eq!(runtime.respond("1", &answer).await.status, 202);
        assert!(stage.platform.posts()[0].body == answer);
    });
}

#[test]
fn the_cause_of_an_error_may_fill_a_megabyte_of_header() {
    play(async {
        let stage = Stage::set().await;
        stage.give(&["1"]);
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        let cause = "c".repeat(MIB);
        let headers = format!("Lambda-Runtime-Function-XRay-Error-Cause: {cause}\r\n");
        let path = "/2018-06-01/runtime/invocation/1/error";
        runtime.send(post(path, &headers, b"{}")).await;
        assert_eq!(runtime.answer().await.status, 202);
        let arrived =
            &stage.platform.posts()[0].headers["lambda-runtime-function-xray-error-cause"];
        assert!(*arrived == *cause);
    });
}

#[test]
fn what_lambda_refuses_is_refused_in_its_own_words() {
    play(async {
        let stage = Stage::set().await;
        stage.platform.plan(|plan| plan.refuse_posts = Some(413));
        stage.give(&["1"]);
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        let answer = runtime.respond("1", b"too large").await;
        assert_eq!((answer.status, &*answer.body), (413, b"refused".as_slice()));
        assert_eq!(stage.log.count("release 1"), 1);
    });
}

#[test]
fn a_post_for_an_unknown_invocation_is_lambdas_affair() {
    play(async {
        let stage = Stage::set().await;
        stage.give(&["1"]);
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        runtime.respond("2", b"2").await;
        assert_eq!(
            stage.story(),
            ["next", "acquire 1", "response 2", "ended 2"]
        );
        assert_eq!(stage.log.count("release 1"), 0);
    });
}

#[test]
fn many_invocations_use_one_connection() {
    play(async {
        let stage = Stage::set().await;
        let mut runtime = stage.runtime().await;
        for id in 0..100 {
            let id = id.to_string();
            stage.give(&[&id]);
            assert_eq!(runtime.next().await.body, format!("\"{id}\"").as_bytes());
            assert_eq!(runtime.respond(&id, b"1").await.status, 202);
        }
    });
}

#[test]
fn without_lambda_the_runtime_gets_an_error() {
    play(async {
        let stage = Stage::set_over("127.0.0.1:1").await;
        let mut runtime = stage.runtime().await;
        assert_eq!(runtime.next().await.status, 502);
        runtime.send(response("1", b"1")).await;
        assert_eq!(runtime.answer().await.status, 502);
        runtime
            .send(post("/2018-06-01/runtime/init/error", "", b"{}"))
            .await;
        assert_eq!(runtime.answer().await.status, 502);
    });
}
