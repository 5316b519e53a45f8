//! What no well-behaved runtime does. The proxy answers or closes, and then works as before.

use crate::runtime::{next, post, response};
use crate::stage::{Stage, play};
use crate::streams::HEAD;

/// After this the proxy must still be able to work on an event.
async fn still_works(stage: &Stage, id: &str) {
    stage.give(&[id]);
    let mut runtime = stage.runtime().await;
    let event = runtime.next().await;
    assert_eq!(
        (event.status, event.body),
        (200, format!("\"{id}\"").into_bytes())
    );
    assert_eq!(runtime.respond(id, b"1").await.status, 202);
    // Nothing is kept of what was not delivered, and nothing is worked on twice.
    let count = |what: &str| stage.log.count(&format!("{what} {id}"));
    assert_eq!(count("acquire"), count("release"));
    assert_eq!(count("acquire"), 1 + count("undelivered"));
    assert_eq!((count("response"), count("error")), (1, 0));
}

#[test]
fn a_request_may_be_cut_at_each_byte() {
    play(async {
        let stage = Stage::set().await;
        let chunked = "POST /2018-06-01/runtime/invocation/0/response HTTP/1.1\r\nHost: a\r\n\
            Transfer-Encoding: chunked\r\nTrailer: A\r\n\r\n1\r\na\r\n0\r\nA: b\r\n\r\n";
        let whole = [next().into_bytes(), response("0", b"\"0\""), chunked.into()];
        for bytes in &whole {
            for end in 0..bytes.len() {
                let mut runtime = stage.runtime().await;
                runtime.send(&bytes[..end]).await;
                runtime.finish().await;
            }
            stage.settle().await;
        }
        // Not one of them was whole.
        assert_eq!(stage.log.count("next") + stage.log.count("response 0"), 0);
        still_works(&stage, "1").await;
    });
}

#[test]
fn a_response_to_an_event_may_be_cut_at_each_byte() {
    play(cut_at_each_byte(false, |id| response(id, b"\"x\"")));
}

#[test]
fn a_collected_response_may_be_cut_at_each_byte() {
    play(cut_at_each_byte(true, |id| response(id, b"\"x\"")));
}

#[test]
fn a_stream_may_be_cut_at_each_byte() {
    play(cut_at_each_byte(false, stream));
}

#[test]
fn a_collected_stream_may_be_cut_at_each_byte() {
    play(cut_at_each_byte(true, stream));
}

/// A streamed response with a trailer.
fn stream(id: &str) -> Vec<u8> {
    let head = HEAD.replace("/1/", &format!("/{id}/"));
    [&head, "1\r\nx\r\n2\r\nyz\r\n0\r\nA: b\r\n\r\n"]
        .concat()
        .into_bytes()
}

async fn cut_at_each_byte(collects: bool, sent: fn(&str) -> Vec<u8>) {
    let stage = Stage::set().await;
    stage.behave(|behaviour| behaviour.collects = collects);
    for end in 0..sent("1000").len() {
        let id = (1000 + end).to_string();
        stage.give(&[&id]);
        let mut runtime = stage.runtime().await;
        runtime.next().await;
        runtime.send(&sent(&id)[..end]).await;
        runtime.finish().await;
        assert_eq!(stage.log.count(&format!("release {id}")), 0);
        let again = stage.runtime().await.respond(&id, b"1").await;
        assert_eq!(again.status, 202);
        assert_eq!(stage.log.count(&format!("release {id}")), 1);
    }
    still_works(&stage, "1").await;
}

#[test]
fn a_runtime_may_leave_before_its_event_comes() {
    play(async {
        let stage = Stage::set().await;
        for round in 0..50 {
            let mut runtime = stage.runtime().await;
            runtime.send_next().await;
            if round % 2 == 0 {
                stage.settle().await;
            }
            drop(runtime);
        }
        stage.settle().await;
        still_works(&stage, "1").await;
        // All of them waited for the same event.
        assert_eq!(stage.log.count("next"), 1);
    });
}

#[test]
fn slow_requests_take_their_time() {
    play(slowly(false, response("1", b"\"slow\""), b"\"slow\""));
}

#[test]
fn slow_streams_take_their_time() {
    play(slowly(false, stream("1"), b"xyz"));
}

#[test]
fn slow_streams_that_are_collected_take_their_time() {
    play(slowly(true, stream("1"), b"xyz"));
}

/// One byte at a time, and the lock is held to the last of them.
async fn slowly(collects: bool, sent: Vec<u8>, body: &[u8]) {
    let stage = Stage::set().await;
    stage.behave(|behaviour| behaviour.collects = collects);
    stage.give(&["1"]);
    let mut runtime = stage.runtime().await;
    for byte in next().bytes() {
        runtime.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(runtime.answer().await.status, 200);
    for byte in sent {
        assert_eq!(stage.log.count("release 1"), 0);
        runtime.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(runtime.answer().await.status, 202);
    assert_eq!(stage.log.count("release 1"), 1);
    assert_eq!(&*stage.platform.posts()[0].body, body);
}

#[test]
fn nonsense_is_answered_or_closed() {
    play(async {
        let stage = Stage::set().await;
        let mut random = fastrand::Rng::with_seed(11);
        let right = [
            response("0", b"\"0\""),
            post(
                "/2018-06-01/runtime/init/error",
                "Expect: 100-continue\r\n",
                b"{}",
            ),
            post(
                "/2018-06-01/runtime/invocation/0/error",
                "Connection: close\r\n",
                b"{}",
            ),
        ];
        for round in 0..600 {
            let mut bytes = right[round % right.len()].clone();
            for _ in 0..random.usize(1..8) {
                change(&mut bytes, &mut random);
            }
            let mut runtime = stage.runtime().await;
            runtime.send(&bytes).await;
            runtime.finish().await;
        }
        stage.settle().await;
        assert_eq!(stage.log.count("next"), 0);
        still_works(&stage, "1").await;
    });
}

/// Changes one byte, cuts a piece out, or repeats one.
pub(crate) fn change(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let Some(at) = (!bytes.is_empty()).then(|| random.usize(..bytes.len())) else {
        return;
    };
    let end = bytes.len().min(at + random.usize(1..16));
    match random.u8(..4) {
        0 => bytes[at] = random.u8(..),
        1 => bytes[at] = b"\r\n: /0"[random.usize(..6)],
        2 => drop(bytes.drain(at..end)),
        _ => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}

#[test]
fn requests_that_are_sent_ahead_are_answered_in_turn() {
    play(async {
        let stage = Stage::set().await;
        stage.give(&["1", "2"]);
        let mut runtime = stage.runtime().await;
        let ahead = [
            next().into_bytes(),
            response("1", b"1"),
            next().into_bytes(),
        ];
        runtime.send(ahead.concat()).await;
        let statuses = [runtime.answer().await.status, runtime.answer().await.status];
        assert_eq!(statuses, [200, 202]);
        assert_eq!(runtime.answer().await.body, b"\"2\"");
    });
}
