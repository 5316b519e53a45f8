//! Connections to Lambda, and to a runtime that takes its event, break at each byte. The runtime is answered or its
//! connection closed, nothing is delivered twice, and no lock is held for an event that did not come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::log::Log;
use crate::platform::{Event, Platform};
use crate::stage::{Stage, play};

/// Stands before Lambda, and breaks its first connection.
struct Cutter {
    address: String,
    /// How many bytes Lambda has sent by the first connection.
    passed: Arc<AtomicUsize>,
}

impl Cutter {
    /// Breaks the first connection when Lambda has sent this many bytes by it.
    async fn after(most: usize, upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let passed = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&passed);
        tokio::spawn(async move {
            let (first, second) = connected(&listener, &upstream).await;
            tokio::spawn(cut(first, second, most, count));
            loop {
                let (mut runtime, mut lambda) = connected(&listener, &upstream).await;
                tokio::spawn(async move { copy_bidirectional(&mut runtime, &mut lambda).await });
            }
        });
        Self { address, passed }
    }
}

async fn connected(listener: &TcpListener, upstream: &str) -> (TcpStream, TcpStream) {
    let (proxy, _) = listener.accept().await.expect("it listens");
    let lambda = TcpStream::connect(upstream).await.expect("it listens");
    proxy.set_nodelay(true).expect("it is open");
    lambda.set_nodelay(true).expect("it is open");
    (proxy, lambda)
}

async fn cut(proxy: TcpStream, lambda: TcpStream, most: usize, passed: Arc<AtomicUsize>) {
    let (mut from_proxy, mut to_proxy) = proxy.into_split();
    let (mut from_lambda, mut to_lambda) = lambda.into_split();
    let answers = async {
        while passed.load(Ordering::Relaxed) < most {
            let mut byte = [0];
            if from_lambda.read_exact(&mut byte).await.is_err()
                || to_proxy.write_all(&byte).await.is_err()
            {
                return;
            }
            passed.fetch_add(1, Ordering::Relaxed);
        }
    };
    tokio::select! {
        () = answers => {}
        _ = copy(&mut from_proxy, &mut to_lambda) => {}
    }
}

/// A platform with two events, and a proxy whose first connection to it breaks after so many bytes.
async fn cut_after(most: usize) -> (Stage, Platform, Cutter) {
    let (platform, upstream) = Platform::start(&Log::default()).await;
    for id in ["1", "2"] {
        platform.give(Event::new(id, format!("\"{id}\"")));
    }
    let cutter = Cutter::after(most, upstream).await;
    (Stage::set_over(&cutter.address).await, platform, cutter)
}

/// How many bytes Lambda sends with an event, and with its answer to the response.
async fn lengths() -> (usize, usize) {
    let (stage, _platform, cutter) = cut_after(usize::MAX).await;
    let mut runtime = stage.runtime().await;
    runtime.next().await;
    let event = cutter.passed.load(Ordering::Relaxed);
    runtime.respond("1", b"1").await;
    (event, cutter.passed.load(Ordering::Relaxed))
}

#[test]
fn an_event_may_be_cut_at_each_byte() {
    play(async {
        let (event, _) = lengths().await;
        assert!(event > 100, "{event}");
        for cut in 0..event {
            let (stage, platform, _cutter) = cut_after(cut).await;
            let mut runtime = stage.runtime().await;
            assert_eq!(runtime.next().await.status, 502, "cut after {cut} bytes");
            assert_eq!(
                stage.log.lines(),
                [""; 0],
                "no lock for what has not come whole"
            );
            // Lambda gives it again, and it is new.
            assert_eq!(runtime.next().await.body, b"\"1\"");
            assert_eq!(runtime.respond("1", b"1").await.status, 202);
            assert_eq!(runtime.next().await.body, b"\"2\"");
            assert_eq!(stage.log.lines(), ["acquire 1", "release 1", "acquire 2"]);
            assert_eq!(platform.posts().len(), 1);
        }
    });
}

#[test]
fn lambdas_answer_to_a_response_may_be_cut_at_each_byte() {
    play(async {
        let (event, both) = lengths().await;
        assert!(both > event + 50, "{both}");
        for cut in event..both {
            let (stage, platform, _cutter) = cut_after(cut).await;
            let mut runtime = stage.runtime().await;
            runtime.next().await;
            runtime.send(crate::runtime::response("1", b"1")).await;
            let answer = runtime.perhaps_an_answer().await;
            assert!(
                answer.is_none_or(|answer| [202, 502].contains(&answer.status)),
                "cut after {cut} bytes"
            );
            // Lambda has it, and so the next event is another one.
            let mut runtime = stage.runtime().await;
            assert_eq!(runtime.next().await.body, b"\"2\"");
            assert_eq!(stage.log.lines(), ["acquire 1", "release 1", "acquire 2"]);
            assert_eq!(platform.posts().len(), 1);
        }
    });
}

#[test]
fn a_runtime_that_leaves_in_mid_delivery_does_not_get_its_event_again() {
    play(async {
        let stage = Stage::set().await;
        // More than the buffers of a connection take.
        stage
            .platform
            .give(Event::new("1", vec![b'x'; 6 * 1024 * 1024]));
        stage.give(&["2"]);
        let mut leaving = stage.runtime().await;
        leaving.send_next().await;
        leaving.read_some().await;
        drop(leaving);
        stage.settle().await;
        // Nobody can know how much of it a handler has seen.
        assert_eq!(stage.story(), ["next", "acquire 1"]);
        assert_eq!(stage.runtime().await.next().await.body, b"\"2\"");
        let story = [
            "release 1",
            "next",
            "error 1",
            "ended 1",
            "next",
            "acquire 2",
        ];
        assert_eq!(stage.story()[2..], story);
    });
}

#[test]
fn nonsense_of_lambda_is_answered_and_nothing_is_held_for_it() {
    play(async {
        let (stage, listener) = Stage::set_over_wire().await;
        let lambda = tokio::spawn(talk_nonsense(listener));
        for _ in 0..300 {
            let mut runtime = stage.runtime().await;
            runtime.send_next().await;
            runtime.perhaps_an_answer().await;
        }
        // Some of it can be understood as an event, and the next request ends that.
        let (mut acquired, mut held) = (0, None);
        for line in stage.log.lines() {
            match line.split_once(' ') {
                Some(("acquire", id)) => {
                    acquired += 1;
                    assert_eq!(held.replace(id.to_owned()), None);
                }
                Some(("release", id)) => assert_eq!(held.take().as_deref(), Some(id)),
                _ => {}
            }
        }
        assert!((10..290).contains(&acquired), "{acquired}");
        lambda.abort();
    });
}

/// Answers each request with an event that has a few mistakes, and closes.
async fn talk_nonsense(listener: TcpListener) {
    let mut random = fastrand::Rng::with_seed(12);
    for id in 0.. {
        let (mut proxy, _) = listener.accept().await.expect("it listens");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && proxy.read_buf(&mut head).await.is_ok_and(|n| n > 0) {
        }
        let event = format!(
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {id}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let mut event = event.into_bytes();
        for _ in 0..random.usize(1..8) {
            crate::hostile::change(&mut event, &mut random);
        }
        // The proxy may have closed already.
        let _ = proxy.write_all(&event).await;
    }
}

#[test]
fn an_event_whose_id_is_no_part_of_a_path_is_refused() {
    play(async {
        for id in ["a/b", "", "..%2F", "a b"] {
            let stage = Stage::set().await;
            stage.give(&[id]);
            assert_eq!(stage.runtime().await.next().await.status, 502, "{id}");
            assert_eq!(stage.story(), ["next"], "no lock for it");
        }
    });
}
