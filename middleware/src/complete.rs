//! Answers that are complete when the handler is done.
//!
//! The lock is released then. What is produced later, as a stream is, would be produced without it.

use lambda_runtime::LambdaEvent;
use serde::Serialize;

/// An answer to an event of which nothing is still to be produced: whatever serializes.
#[diagnostic::on_unimplemented(
    message = "a handler that answers with `{Self}` cannot hold a lock",
    label = "the answer is not complete when the handler returns",
    note = "a response that is streamed is produced after the handler has returned, and then the \
            lock is released: collect the response, and return the whole of it",
    note = "what a handler answers to an event must be `Serialize`"
)]
pub trait Whole: Serialize {}

#[diagnostic::do_not_recommend]
impl<A: Serialize> Whole for A {}

/// An answer to a request `R` of which nothing is still to be produced.
#[diagnostic::on_unimplemented(
    message = "a handler that answers with `{Self}` cannot hold a lock",
    label = "the answer is not complete when the handler returns",
    note = "a response that is streamed is produced after the handler has returned, and then the \
            lock is released: collect the response, and return the whole of it",
    note = "what a handler answers over `lambda_http` is text, bytes, JSON, or a `Response` whose \
            body is text, bytes or a `lambda_http::Body`"
)]
pub trait Complete<R> {}

impl<T, A: Whole> Complete<LambdaEvent<T>> for A {}

#[cfg(feature = "http")]
mod http {
    use http::{Request, Response, StatusCode};
    use serde_json::Value;

    use super::Complete;

    #[diagnostic::do_not_recommend]
    impl<B, A: AsRef<[u8]>> Complete<Request<B>> for Response<A> {}

    #[diagnostic::do_not_recommend]
    impl<B, A: Complete<Request<B>>> Complete<Request<B>> for (StatusCode, A) {}

    macro_rules! bodies {
        ($($body:ty,)*) => {
            $(#[diagnostic::do_not_recommend]
            impl<B> Complete<Request<B>> for $body {})*
        };
    }

    bodies! {
        &str,
        &[u8],
        String,
        Value,
        Vec<u8>,
    }
}
