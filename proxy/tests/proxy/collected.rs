//! Responses that the service collects and replaces.

use lambda_locks_proxy::Instead;

use crate::log::Gate;
use crate::platform::Post;
use crate::runtime::{post, response};
use crate::stage::{Stage, play};
use crate::streams::HEAD;

const MIB: usize = 1024 * 1024;

/// A stage whose service collects responses and puts this in their place.
pub(crate) async fn collecting(replacement: Option<&[u8]>) -> Stage {
    let stage = Stage::set().await;
    stage.behave(|behaviour| {
        behaviour.collects = true;
        behaviour.replacement = replacement.map(|body| Instead::response(body.to_vec()));
    });
    stage.give(&["1"]);
    stage
}

/// What reaches Lambda of what the runtime sends for the event.
pub(crate) async fn arrives(stage: &Stage, sent: &[u8]) -> Post {
    let mut runtime = stage.runtime().await;
    runtime.next().await;
    runtime.send(sent).await;
    assert_eq!(runtime.answer().await.status, 202);
    the_post(stage)
}

/// The only POST that has ended an invocation.
fn the_post(stage: &Stage) -> Post {
    let mut posts = stage.platform.posts();
    posts.retain(|post| post.path.contains("/invocation/"));
    assert_eq!(posts.len(), 1);
    posts.remove(0)
}

pub(crate) fn length(post: &Post) -> Option<&str> {
    post.headers.get("content-length")?.to_str().ok()
}

#[test]
fn nothing_of_a_collected_response_arrives_before_the_service_is_done() {
    play(async {
        let stage = collecting(None).await;
        let gate = Gate::default();
        stage.behave(|behaviour| behaviour.released = Some(gate.clone()));
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        runtime.send(response("1", b"\"done\"")).await;
        stage.log.reached("collected 6", 1).await;
        stage.settle().await;
        assert_eq!(stage.story(), ["next", "acquire 1", "collected 6"]);
        gate.open();
        assert_eq!(runtime.answer().await.status, 202);
        let rest = ["release 1", "response 1", "ended 1"];
        assert_eq!(stage.story()[3..], rest);
        assert_eq!(&*the_post(&stage).body, b"\"done\"");
    });
}

#[test]
fn a_replacement_may_be_longer_or_shorter_or_empty() {
    play(async {
        for replacement in [&b"1"[..], b"", &[b'x'; 3 * MIB]] {
            let stage = collecting(Some(replacement)).await;
            let arrived = arrives(&stage, &response("1", b"\"the runtime's own\"")).await;
            assert!(arrived.body == replacement);
            assert_eq!(length(&arrived), Some(&*replacement.len().to_string()));
            let story = ["collected 19", "replaced: true", "release 1"];
            assert_eq!(stage.story()[2..5], story);
        }
    });
}

#[test]
fn an_empty_response_is_collected_and_replaced() {
    play(async {
        for (replacement, expected) in [(None, &b""[..]), (Some(&b"{}"[..]), b"{}")] {
            let stage = collecting(replacement).await;
            let arrived = arrives(&stage, &response("1", b"")).await;
            assert_eq!(&*arrived.body, expected);
            assert_eq!(length(&arrived), Some(&*expected.len().to_string()));
            assert_eq!(stage.log.count("collected 0"), 1);
        }
    });
}

#[test]
fn six_megabytes_are_collected() {
    play(async {
        let body = vec![b'y'; 6 * MIB];
        let stage = collecting(None).await;
        assert!(arrives(&stage, &response("1", &body)).await.body == body);
        assert_eq!(stage.log.count(&format!("collected {}", body.len())), 1);
        let stage = collecting(Some(b"short")).await;
        assert_eq!(
            &*arrives(&stage, &response("1", &body)).await.body,
            b"short"
        );
    });
}

#[test]
fn a_stream_is_collected_with_its_trailers() {
    play(async {
        let sent = [
            HEAD,
            "5\r\nfirst\r\n6\r\nsecond\r\n0\r\nLambda-Runtime-Function-Error-Body: 11\r\n\r\n",
        ]
        .concat();
        let stage = collecting(None).await;
        let arrived = arrives(&stage, sent.as_bytes()).await;
        assert_eq!(&*arrived.body, b"firstsecond");
        assert_eq!(arrived.trailers["lambda-runtime-function-error-body"], "11");
        assert_eq!(arrived.headers["transfer-encoding"], "chunked");
        assert_eq!(stage.log.count("collected 11"), 1);
    });
}

#[test]
fn the_replacement_of_a_stream_is_none() {
    play(async {
        let sent = [
            HEAD,
            "5\r\nfirst\r\n0\r\nLambda-Runtime-Function-Error-Body: 5\r\n\r\n",
        ]
        .concat();
        let stage = collecting(Some(b"\"another\"")).await;
        let arrived = arrives(&stage, sent.as_bytes()).await;
        assert_eq!(
            (&*arrived.body, length(&arrived)),
            (&b"\"another\""[..], Some("9"))
        );
        for gone in [
            "transfer-encoding",
            "trailer",
            "lambda-runtime-function-response-mode",
        ] {
            assert!(!arrived.headers.contains_key(gone), "{gone}");
        }
        assert!(arrived.trailers.is_empty());
    });
}

#[test]
fn an_error_passes_as_the_runtime_posted_it() {
    let path = "/2018-06-01/runtime/invocation/1/error";
    let in_trailers = "5\r\nfirst\r\n0\r\nLambda-Runtime-Function-Error-Type: Unhandled\r\n\r\n";
    let unhandled = "Error(Some(\"Unhandled\"))";
    let errors = [
        (post(path, "", b"{\"errorMessage\":\"no\"}"), "Error(None)"),
        (post(path, "", b""), "Error(None)"),
        (
            post(
                "/2018-06-01/runtime/invocation/1/response",
                "Lambda-Runtime-Function-Error-Type: Unhandled\r\n",
                b"{\"errorMessage\":\"no\"}",
            ),
            unhandled,
        ),
        ([HEAD, in_trailers].concat().into_bytes(), unhandled),
    ];
    play(async move {
        for (sent, error) in &errors {
            let stage = collecting(Some(b"another")).await;
            let arrived = arrives(&stage, sent).await;
            assert_ne!(&*arrived.body, b"another");
            assert!(
                arrived.headers.contains_key("content-length")
                    || arrived.trailers["lambda-runtime-function-error-type"] == "Unhandled"
            );
            assert_eq!(stage.log.count(error), 1);
            assert_eq!(stage.log.count("replaced: false"), 1);
        }
    });
}

#[test]
fn nothing_arrives_of_a_collected_response_whose_runtime_dies() {
    play(async {
        let stage = collecting(Some(b"another")).await;
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        let mut dying = stage.runtime().await;
        let bytes = response("1", b"\"a long response\"");
        dying.send(&bytes[..bytes.len() - 1]).await;
        stage.settle().await;
        drop(dying);
        stage.settle().await;
        // Nothing proves that its handler has stopped.
        assert_eq!(stage.story(), ["next", "acquire 1"]);
        assert_eq!(runtime.respond("1", b"1").await.status, 202);
        assert_eq!(&*the_post(&stage).body, b"another");
    });
}

#[test]
fn a_collected_response_that_breaks_lets_the_runtime_go_on() {
    play(async {
        let stage = collecting(Some(b"another")).await;
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        let mut dying = stage.runtime().await;
        dying.send([HEAD, "5\r\nfi"].concat()).await;
        stage.settle().await;
        runtime.send_next().await;
        stage.settle().await;
        assert_eq!(stage.log.count("Nothing"), 0, "a POST is in progress");
        drop(dying);
        stage.log.reached("Nothing", 1).await;
        assert_eq!(stage.log.count("response 1"), 0);
    });
}

#[test]
fn a_replacement_may_arrive_before_the_service_is_done() {
    play(async {
        let stage = collecting(Some(b"another")).await;
        let gate = Gate::default();
        stage.behave(|behaviour| {
            behaviour.released = Some(gate.clone());
            behaviour.forwards_first = true;
        });
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        assert_eq!(runtime.respond("1", b"1").await.status, 202);
        assert_eq!(&*the_post(&stage).body, b"another");
        assert_eq!(stage.log.count("release 1"), 0);
        gate.open();
        stage.log.reached("release 1", 1).await;
    });
}

#[test]
fn an_error_may_take_the_place_of_a_response() {
    play(async {
        let stage = collecting(None).await;
        let error = Instead::error("Lock.Failed", "2 of 3 records failed");
        stage.behave(|behaviour| behaviour.replacement = Some(error));
        let sent = [HEAD, "5\r\nfirst\r\n0\r\n\r\n"].concat();
        let arrived = arrives(&stage, sent.as_bytes()).await;
        assert_eq!(arrived.path, "/2018-06-01/runtime/invocation/1/error");
        let name = &arrived.headers["lambda-runtime-function-error-type"];
        assert_eq!(name, "Lock.Failed");
        assert_eq!(length(&arrived), Some(&*arrived.body.len().to_string()));
        assert!(String::from_utf8_lossy(&arrived.body).contains("2 of 3 records failed"));
    });
}

#[test]
fn a_replacement_that_lambda_refuses_is_refused_in_its_own_words() {
    play(async {
        let stage = collecting(Some(b"another")).await;
        stage.platform.plan(|plan| plan.refuse_posts = Some(413));
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        let answer = runtime.respond("1", b"1").await;
        assert_eq!((answer.status, &*answer.body), (413, b"refused".as_slice()));
        assert_eq!(stage.log.count("release 1"), 1);
    });
}

#[test]
fn each_response_is_replaced_by_its_own() {
    play(async {
        let stage = collecting(Some(b"of 1")).await;
        stage.give(&["2"]);
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        runtime.respond("1", b"1").await;
        stage.behave(|behaviour| behaviour.replacement = None);
        runtime.next().await;
        runtime.respond("2", b"2").await;
        let bodies = stage.platform.posts().into_iter().map(|post| post.body);
        assert!(bodies.eq([&b"of 1"[..], b"2"]));
    });
}
