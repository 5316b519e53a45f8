//! The response of a locked service: the handler's, or a rejection.

use serde::{Serialize, Serializer};

use crate::answer::rejection::Rejection;

/// The response of the layer. It serializes to exactly what the handler's response would.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LockResponse<A> {
    /// The handler's answer.
    Handler(A),
    /// What is answered in its place: the handler did not run, or its report on a batch was completed with the records
    /// that were held back.
    Rejected(Rejection),
}

/// A fully buffered response: everything that serializes.
///
/// The lock is released when the handler returns. What is produced later, as by a stream, would be
/// produced without it.
#[diagnostic::on_unimplemented(
    message = "a handler that answers with `{Self}` cannot hold a lock",
    label = "the answer is not complete when the handler returns",
    note = "a response that is streamed is produced after the handler has returned, and then the \
            lock is released: collect the response, and return the whole of it",
    note = "what a handler answers to an event must be `Serialize`"
)]
pub trait Buffered: Serialize {}

#[diagnostic::do_not_recommend]
impl<A: Serialize> Buffered for A {}

impl<A> LockResponse<A> {
    /// The handler's answer, if that is the response.
    pub fn into_inner(self) -> Option<A> {
        match self {
            Self::Handler(answer) => Some(answer),
            Self::Rejected(_) => None,
        }
    }
}

impl<A> From<Rejection> for LockResponse<A> {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl<A: Buffered> Serialize for LockResponse<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Handler(answer) => answer.serialize(serializer),
            Self::Rejected(rejection) => rejection.serialize(serializer),
        }
    }
}
