//! What a caller gets instead of the handler's answer.

use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::failure::LockError;
use crate::source::Source;

/// What a caller gets whose handler did not run: a response over HTTP where the event came over HTTP, else
/// `null`. It serializes to what the event's source expects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejection(Option<Response>);

/// A refusal as a response over HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Response {
    source: Source,
    pub(crate) status: u16,
    retry_after_s: Option<u64>,
    pub(crate) body: String,
}

impl Rejection {
    /// A failure in the words of the event's source; where those are errors, as one.
    pub(crate) fn of(failure: LockError, source: Source) -> Result<Self, LockError> {
        match source {
            Source::Errors => Err(failure),
            Source::Http | Source::Balancer { .. } => {
                tracing::warn!(name = failure.name(), message = %failure, "refused");
                Ok(Self(Some(Response::new(&failure, source))))
            }
            Source::Forced => {
                tracing::warn!(
                    name = failure.name(), message = %failure,
                    "refused, and the event is given up: its source takes a response for success"
                );
                Ok(Self(Some(Response::new(&failure, source))))
            }
        }
    }

    /// There was nothing to do.
    pub(crate) fn nothing(source: Source) -> Self {
        match source {
            Source::Errors => Self(None),
            // Gateways take nothing at all for a broken function.
            Source::Http | Source::Forced | Source::Balancer { .. } => Self(Some(Response {
                source,
                status: 204,
                retry_after_s: None,
                body: String::new(),
            })),
        }
    }

    /// The status of the response over HTTP, if it is one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.as_ref().map(|response| response.status)
    }

    /// The response over HTTP, if it is one.
    #[cfg(feature = "http")]
    pub(crate) fn into_response(self) -> Option<Response> {
        self.0
    }
}

impl Response {
    fn new(failure: &LockError, source: Source) -> Self {
        let body = serde_json::json!({"error": failure.name(), "message": failure.public()});
        // The header knows only whole seconds, and one that is too early is of no use.
        let seconds = |after: Duration| after.as_millis().div_ceil(1000).max(1) as u64;
        Self {
            source,
            status: failure.status(),
            retry_after_s: failure.retry_after().map(seconds),
            body: body.to_string(),
        }
    }

    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let content =
            (!self.body.is_empty()).then(|| ("content-type", "application/json".to_owned()));
        let retry = self
            .retry_after_s
            .map(|after| ("retry-after", after.to_string()));
        content.into_iter().chain(retry).collect()
    }

    fn reason(&self) -> &'static str {
        match self.status {
            204 => "No Content",
            400 => "Bad Request",
            409 => "Conflict",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            _ => "Internal Server Error",
        }
    }
}

impl Serialize for Rejection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// As a proxy integration has it.
impl Serialize for Response {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut response = serializer.serialize_map(None)?;
        response.serialize_entry("statusCode", &self.status)?;
        if let Source::Balancer { .. } = self.source {
            let described = format!("{} {}", self.status, self.reason());
            response.serialize_entry("statusDescription", &described)?;
        }
        let headers = self.headers();
        if let Source::Balancer { lists: true } = self.source {
            let lists = headers.into_iter().map(|(name, value)| (name, [value]));
            response.serialize_entry("multiValueHeaders", &Map(lists.collect()))?;
        } else {
            response.serialize_entry("headers", &Map(headers))?;
        }
        response.serialize_entry("body", &self.body)?;
        response.serialize_entry("isBase64Encoded", &false)?;
        response.end()
    }
}

struct Map<V>(Vec<(&'static str, V)>);

impl<V: Serialize> Serialize for Map<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
