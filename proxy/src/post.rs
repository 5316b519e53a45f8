//! What the runtime posts to end an invocation.

use std::collections::BTreeMap;

use http::HeaderMap;
use hyper::body::{Bytes, Frame};
use serde_json::value::RawValue;

use crate::api::{ERROR_TYPE, End};

/// What the runtime has posted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Posted {
    /// Nothing: it asked for another event instead, or its POST broke.
    #[default]
    Nothing,
    /// An error, or a response whose stream ended with one: its name, if the body was to be kept or collected, or a
    /// header tells it.
    Error(Option<String>),
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
    /// What a header says of the error. Most runtimes say nothing, or only of what kind it is.
    header: Option<String>,
    /// What a trailer says of the error that ended a stream.
    trailer: Option<String>,
    /// What has arrived of the body; none if it is not kept.
    body: Option<Vec<u8>>,
}

/// Lambda's limit for a response that it does not stream, and some more.
pub(crate) const LONGEST: usize = 7 * 1024 * 1024;

impl Post {
    pub(crate) fn new(id: String, end: End, headers: &HeaderMap) -> Self {
        let header = error_type(headers);
        Self {
            id,
            end: header.as_ref().map_or(end, |_| End::Error),
            header,
            trailer: None,
            body: None,
        }
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
        if let Some(trailer) = frame.trailers_ref().and_then(error_type) {
            (self.end, self.trailer) = (End::Error, Some(trailer));
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
            End::Error => Posted::Error(self.name(body.as_deref())),
            End::Response => Posted::Response(body),
        }
    }

    /// The error's name: what the caller gets as such, or else what the header says.
    fn name(&self, body: Option<&[u8]>) -> Option<String> {
        let in_body = || {
            let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body?).ok()?;
            serde_json::from_str(members.get("errorType")?.get()).ok()
        };
        let trailer = self.trailer.clone();
        trailer.or_else(in_body).or_else(|| self.header.clone())
    }
}

/// What a header or a trailer says of an error, if it is one.
fn error_type(headers: &HeaderMap) -> Option<String> {
    let name = headers.get(ERROR_TYPE)?.as_bytes();
    Some(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn post(header: Option<&'static str>) -> Post {
        let headers = header.map(|name| (ERROR_TYPE.parse(), HeaderValue::from_static(name)));
        let headers = headers.map(|(header, name)| (header.expect("it is a name"), name));
        Post::new("1".to_owned(), End::Error, &headers.into_iter().collect())
    }

    #[test]
    fn an_error_has_the_name_that_the_caller_gets() {
        let body = br#"{"errorMessage": "no", "errorType": "Bad\u004frder", "stackTrace": [{"errorType": 1}]}"#;
        let name = |header, body: &[u8]| post(header).name(Some(body));
        assert_eq!(name(None, body).as_deref(), Some("BadOrder"));
        assert_eq!(name(Some("unhandled"), body).as_deref(), Some("BadOrder"));
        for nameless in ["", "no JSON", "[]", "{}", r#"{"errorType": 7}"#] {
            let name = |header| name(header, nameless.as_bytes());
            assert_eq!(name(Some("Runtime.Bad")).as_deref(), Some("Runtime.Bad"));
            assert_eq!(name(None), None, "{nameless}");
        }
        assert_eq!(post(None).name(None), None);
    }

    #[test]
    fn the_trailer_of_a_stream_names_its_error() {
        let mut stream = Post::new("1".to_owned(), End::Response, &HeaderMap::new());
        let mut trailers = HeaderMap::new();
        trailers.insert(ERROR_TYPE, HeaderValue::from_static("BadOrder"));
        stream.arrives(&Frame::trailers(trailers));
        let name = Some("BadOrder".to_owned());
        assert_eq!(stream.posted(None), Posted::Error(name));
    }
}
