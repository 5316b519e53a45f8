//! Responses that are collected, and longer than Lambda takes without streaming them.

use crate::collected::{arrives, collecting, length};
use crate::platform::Post;
use crate::runtime::response;
use crate::stage::play;
use crate::streams::HEAD;

const MIB: usize = 1024 * 1024;

#[test]
fn nothing_passes_of_a_collected_response_that_is_too_long() {
    play(async {
        // The last byte is the one with which it becomes too long, or comes long after it.
        for length in [7 * MIB + 1, 9 * MIB] {
            for sent in [response("1", &vec![b'z'; length]), streamed(length, "")] {
                let stage = collecting(None).await;
                let arrived = arrives(&stage, &sent).await;
                assert_is_too_long(&arrived);
                assert_eq!(stage.log.count("Response(None)"), 1);
                assert_eq!(stage.log.count("release 1"), 1);
            }
        }
    });
}

#[test]
fn another_takes_the_place_of_a_collected_response_that_is_too_long() {
    play(async {
        let stage = collecting(Some(b"short")).await;
        let arrived = arrives(&stage, &streamed(8 * MIB, "")).await;
        assert_eq!(&*arrived.body, b"short");
        assert_eq!(stage.log.count("replaced: true"), 1);
    });
}

#[test]
fn a_stream_that_fails_after_it_was_too_long_is_an_error() {
    play(async {
        let trailers = "Lambda-Runtime-Function-Error-Type: Unhandled\r\n";
        let stage = collecting(Some(b"short")).await;
        assert_is_too_long(&arrives(&stage, &streamed(8 * MIB, trailers)).await);
        assert_eq!(stage.log.count("Error(Some(\"Unhandled\"))"), 1);
    });
}

/// A stream of so many bytes.
fn streamed(length: usize, trailers: &str) -> Vec<u8> {
    let chunk = format!("{length:x}\r\n{}\r\n", "z".repeat(length));
    [HEAD, &chunk, "0\r\n", trailers, "\r\n"]
        .concat()
        .into_bytes()
}

fn assert_is_too_long(arrived: &Post) {
    assert_eq!(arrived.path, "/2018-06-01/runtime/invocation/1/error");
    let name = &arrived.headers["lambda-runtime-function-error-type"];
    assert_eq!(name, "Function.ResponseSizeTooLarge");
    assert_eq!(length(arrived), Some(&*arrived.body.len().to_string()));
    assert!(arrived.trailers.is_empty());
}
