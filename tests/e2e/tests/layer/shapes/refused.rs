//! What does not compile, and what is said of it: the words are the layer's own.

use super::compiler::refusal;

#[track_caller]
fn is_refused(program: &str, words: &[&str]) {
    let said = refusal(program).expect("it does not compile");
    // However wide the terminal is.
    let flat: Vec<_> = said.split_whitespace().collect();
    let flat = flat.join(" ");
    assert_eq!(flat.matches("error[").count(), 1, "{said}");
    for words in words {
        assert!(flat.contains(words), "`{words}` is not in:\n{said}");
    }
}

/// What is said of an answer that is still to be produced when the lock is released.
const STREAMED: [&str; 5] = [
    "error[E0277]: a handler that answers with `",
    "` cannot hold a lock",
    "the answer is not complete when the handler returns",
    "a response that is streamed is produced after the handler has returned, and then the lock is \
     released",
    "collect the response, and return the whole of it",
];

#[test]
fn what_is_refused_is_refused_for_nothing_else() {
    assert_eq!(refusal("nothing.rs"), None);
}

#[test]
fn a_closure_over_another_payload_is_told_so() {
    is_refused(
        "payload.rs",
        &[
            "error[E0631]: type mismatch in closure arguments",
            "|other: &Other|",
        ],
    );
}

#[test]
fn a_closure_that_gives_no_key_is_told_what_one_is() {
    is_refused(
        "key.rs",
        &[
            "error[E0277]: `Order` cannot be a key",
            "a key is text, a number, a boolean, or an `Option` of them",
        ],
    );
}

#[test]
fn a_stream_is_refused_with_the_reason() {
    is_refused("stream.rs", &STREAMED);
}

#[test]
fn an_answer_that_may_be_a_stream_is_refused_with_the_reason() {
    is_refused("perhaps_a_stream.rs", &STREAMED);
}
