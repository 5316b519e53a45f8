use std::pin::pin;
use std::task::{Context, Waker};

use http::{HeaderMap, Response};

use super::*;
use crate::api::REQUEST_ID;

#[test]
fn a_post_that_is_read_right_after_a_request_for_an_event_is_waited_for() {
    let session = Arc::<Session>::default();
    let asked = session.ask(HeaderMap::new());
    let event = Response::builder().header(REQUEST_ID, "1");
    let event = event.body(Bytes::new()).expect("its parts are right");
    let event = Invocation::new(event).expect("it has an id");
    assert!(session.deliver(event, Wanted::Nothing).is_none());
    drop(asked);
    let _asked_again = session.ask(HeaderMap::new());
    let mut done = pin!(session.done());
    let mut is_done = || {
        let mut cx = Context::from_waker(Waker::noop());
        done.as_mut().poll(&mut cx).is_ready()
    };
    assert!(!is_done());
    let posting = Posting::begin(&session);
    assert!((0..=TURNS).all(|_| !is_done()));
    // It breaks, and nothing comes after it.
    drop(posting);
    assert!((0..=TURNS).any(|_| is_done()));
}
