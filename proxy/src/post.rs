//! What the runtime posts to end an invocation.

use hyper::body::{Bytes, Frame};

use crate::api::{ERROR_TYPE, End};

/// What the runtime has posted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Posted {
    /// Nothing: it asked for another event instead, or its POST broke.
    #[default]
    Nothing,
    /// An error, or a response whose stream ended with one.
    Error,
    /// A response: its body, if that was to be kept or collected and is no longer than a response may be that
    /// Lambda does not stream.
    Response(Option<Bytes>),
}

/// What the service wants of a response's body.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Wanted {
    #[default]
    Nothing,
    /// A copy; the body passes as it comes.
    Copy,
    /// The body itself; nothing of it passes before the service has completed.
    Whole,
}

/// A POST that is under way.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) id: String,
    end: End,
    /// What has arrived of the body; none if it is not kept.
    body: Option<Vec<u8>>,
}

/// Lambda's limit for a response that it does not stream, and some more.
pub(crate) const LONGEST: usize = 7 * 1024 * 1024;

impl Post {
    pub(crate) fn new(id: String, end: End) -> Self {
        let body = None;
        Self { id, end, body }
    }

    pub(crate) fn is_response(&self) -> bool {
        self.end == End::Response
    }

    /// Keeps the body from now on.
    pub(crate) fn keep(&mut self) {
        self.body = Some(Vec::new());
    }

    /// A part of the message has arrived. Of a body that has become too long nothing is kept.
    pub(crate) fn arrives(&mut self, frame: &Frame<Bytes>) {
        if let Some(trailers) = frame.trailers_ref()
            && trailers.contains_key(ERROR_TYPE)
        {
            self.end = End::Error;
        }
        if let (Some(data), Some(body)) = (frame.data_ref(), &mut self.body) {
            body.extend_from_slice(data);
        }
        drop(self.body.take_if(|body| body.len() > LONGEST));
    }

    /// What was kept of the body, once the whole message has arrived.
    pub(crate) fn body(&mut self) -> Option<Bytes> {
        self.body.take().map(Bytes::from)
    }

    /// What it was, once the whole message has arrived.
    pub(crate) fn posted(&self, body: Option<Bytes>) -> Posted {
        match self.end {
            End::Error => Posted::Error,
            End::Response => Posted::Response(body),
        }
    }
}
