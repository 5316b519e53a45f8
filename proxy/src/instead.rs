//! The end of an invocation that the runtime never hears of, or that takes the place of its response.

use http::Request;
use http::header::{CONTENT_TYPE, HeaderValue};
use hyper::body::Bytes;
use serde_json::json;

use crate::api;

/// An answer that the service gives in the runtime's place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instead(Answer);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Answer {
    Response(Bytes),
    Error { name: String, body: Bytes },
}

impl Instead {
    /// A response, in JSON.
    #[must_use]
    pub fn response(json: impl Into<Bytes>) -> Self {
        Self(Answer::Response(json.into()))
    }

    /// An error with a name that callers can match, and a message.
    #[must_use]
    pub fn error(name: &str, message: &str) -> Self {
        let body = json!({"errorType": name, "errorMessage": message, "stackTrace": []});
        Self(Answer::Error {
            name: name.to_owned(),
            body: body.to_string().into(),
        })
    }

    /// The POST that ends an invocation with it.
    pub(crate) fn ending(self, id: &str) -> Request<Bytes> {
        let what = match &self.0 {
            Answer::Response(_) => "response",
            Answer::Error { .. } => "error",
        };
        self.posted_to(&format!("/2018-06-01/runtime/invocation/{id}/{what}"))
    }

    /// The POST that ends the initialisation with it.
    pub(crate) fn ending_init(self) -> Request<Bytes> {
        self.posted_to(api::INIT_ERROR)
    }

    fn posted_to(self, path: &str) -> Request<Bytes> {
        let (name, body) = match self.0 {
            Answer::Response(body) => (None, body),
            Answer::Error { name, body } => (HeaderValue::try_from(name).ok(), body),
        };
        let mut request = Request::post(path).header(CONTENT_TYPE, "application/json");
        if let Some(name) = name {
            request = request.header(api::ERROR_TYPE, name);
        }
        let body = request.body(body);
        body.expect("an invocation's request id fits into a path")
    }
}
