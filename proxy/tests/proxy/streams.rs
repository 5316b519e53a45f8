//! Responses that are streamed.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::log::within;
use crate::stage::{Stage, play};

pub(crate) const HEAD: &str = "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\n\
    Host: runtime\r\n\
    Lambda-Runtime-Function-Response-Mode: streaming\r\n\
    Content-Type: application/vnd.awslambda.http-integration-response\r\n\
    Transfer-Encoding: chunked\r\n\
    Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n";

const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

/// A platform on one socket, which shows the bytes themselves.
pub(crate) struct Wire(TcpStream);

impl Wire {
    /// Gives the proxy one event, and waits for the connection by which the response comes.
    async fn after_an_event(listener: &TcpListener) -> Self {
        let mut wire = Self::accept(listener).await;
        wire.until(b"\r\n\r\n").await;
        let event =
            b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nContent-Length: 2\r\n\r\n{}";
        wire.0.write_all(event).await.expect("it is open");
        wire
    }

    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        Self(
            within("a connection", listener.accept())
                .await
                .expect("it listens")
                .0,
        )
    }

    /// All bytes until these.
    pub(crate) async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        let reading = async {
            while !read.ends_with(end) {
                read.push(self.0.read_u8().await.expect("it is open"));
            }
        };
        within("the bytes", reading).await;
        read
    }
}

#[test]
fn a_stream_is_passed_as_it_comes_and_held_to_its_end() {
    play(async {
        let (stage, listener) = Stage::set_over_wire().await;
        let mut runtime = stage.runtime().await;
        let (_, mut wire) = tokio::join!(runtime.next(), Wire::after_an_event(&listener));
        runtime.send(HEAD).await;
        runtime.send("5\r\nfirst\r\n").await;
        wire.until(b"first\r\n").await;
        runtime.send("6\r\nsecond\r\n").await;
        wire.until(b"second\r\n").await;
        // All of it is there but the end, and the lock is still held.
        assert_eq!(stage.log.lines(), ["acquire 1"]);
        runtime.send("0\r\n\r\n").await;
        assert_eq!(wire.until(b"\r\n\r\n").await, b"0\r\n\r\n");
        assert_eq!(stage.log.lines(), ["acquire 1", "release 1"]);
        wire.0.write_all(ACCEPTED).await.expect("it is open");
        assert_eq!(runtime.answer().await.status, 202);
    });
}

#[test]
fn a_stream_that_fails_midway_arrives_byte_for_byte() {
    let body = "5\r\nfirst\r\n0\r\n";
    let trailers = format!(
        "Lambda-Runtime-Function-Error-Type: Unhandled\r\nLambda-Runtime-Function-Error-Body: {}\r\n\r\n",
        "e".repeat(1024 * 1024)
    );
    play(async move {
        let (stage, listener) = Stage::set_over_wire().await;
        let mut runtime = stage.runtime().await;
        let (_, mut wire) = tokio::join!(runtime.next(), Wire::after_an_event(&listener));
        let sent = [HEAD, body, &trailers].concat();
        let (_, arrived) = tokio::join!(runtime.send(&sent), wire.until(b"e\r\n\r\n"));
        let arrived = String::from_utf8(arrived).expect("it was text");
        let address = listener.local_addr().expect("it is bound");
        let expected = sent.replace("Host: runtime", &format!("Host: {address}"));
        assert_eq!(lowered_trailers(&expected), lowered_trailers(&arrived));
        assert_eq!(stage.log.lines(), ["acquire 1", "release 1"]);
    });
}

#[test]
fn trailers_that_were_not_announced_arrive() {
    let unannounced = HEAD.replace(
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n",
        "",
    );
    assert_ne!(unannounced, HEAD);
    play(async move {
        let (stage, listener) = Stage::set_over_wire().await;
        let mut runtime = stage.runtime().await;
        let (_, mut wire) = tokio::join!(runtime.next(), Wire::after_an_event(&listener));
        let end = "5\r\nfirst\r\n0\r\nLambda-Runtime-Function-Error-Type: Unhandled\r\n\r\n";
        runtime.send([&*unannounced, end].concat()).await;
        wire.until(b"0\r\n").await;
        let trailers = String::from_utf8(wire.until(b"\r\n").await).expect("it was text");
        let expected = "lambda-runtime-function-error-type: unhandled\r\n";
        assert_eq!(trailers.to_lowercase(), expected);
    });
}

/// The names of trailers have no case that a proxy could keep.
fn lowered_trailers(text: &str) -> String {
    let (head, trailers) = text.split_once("\r\n0\r\n").expect("it has an end");
    [head, &trailers.to_lowercase()].concat()
}

#[test]
fn a_stream_that_is_cut_is_cut_for_lambda_and_ends_nothing() {
    play(async {
        let (stage, listener) = Stage::set_over_wire().await;
        let mut runtime = stage.runtime().await;
        let (_, mut wire) = tokio::join!(runtime.next(), Wire::after_an_event(&listener));
        runtime.send(HEAD).await;
        runtime.send("5\r\nfirst\r\n").await;
        wire.until(b"first\r\n").await;
        drop(runtime);
        let mut rest = Vec::new();
        let cut = within("the cut", wire.0.read_to_end(&mut rest)).await;
        assert!(cut.is_err() || rest.is_empty(), "{rest:?}");
        assert_eq!(stage.log.lines(), ["acquire 1"]);
    });
}
