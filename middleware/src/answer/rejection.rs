//! The response to a caller whose handler did not run.

use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::answer::failure::LockError;
use crate::answer::replay::{Replay, raw};
use crate::event::source::Source;

/// The response in place of the handler's: over HTTP if the event came over HTTP, else `null`; the response of the run that
/// has done the event before; or the report on the records of a batch. It serializes to what the event's source expects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejection(Kind);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    /// `null`.
    Nothing,
    Response(Response),
    Replay(Replay),
    /// What the source of a batch is told, as JSON text.
    Report(String),
}

/// A refusal as a response over HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Response {
    source: Source,
    pub(crate) status: u16,
    retry_after_s: Option<u64>,
    pub(crate) body: String,
}

impl Rejection {
    /// A failure as the event's source expects it: an error or a response.
    pub(crate) fn of(failure: LockError, source: Source) -> Result<Self, LockError> {
        match source {
            Source::Errors => Err(failure),
            Source::Http | Source::Balancer { .. } => {
                tracing::warn!(name = failure.name(), message = %failure, "refused");
                Ok(Self(Kind::Response(Response::new(&failure, source))))
            }
            Source::Forced => {
                tracing::warn!(
                    name = failure.name(), message = %failure,
                    "refused, and the event is given up: its source takes a response for success"
                );
                Ok(Self(Kind::Response(Response::new(&failure, source))))
            }
        }
    }

    /// There was nothing to do.
    pub(crate) fn nothing(source: Source) -> Self {
        match source {
            Source::Errors => Self(Kind::Nothing),
            // Gateways take nothing at all for a broken function.
            Source::Http | Source::Forced | Source::Balancer { .. } => {
                Self(Kind::Response(Response {
                    source,
                    status: 204,
                    retry_after_s: None,
                    body: String::new(),
                }))
            }
        }
    }

    /// The status of the response over HTTP, if it is one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match &self.0 {
            Kind::Nothing | Kind::Report(_) => None,
            Kind::Response(response) => Some(response.status),
            Kind::Replay(replay) => replay.status(),
        }
    }

    /// The response of the run that has done the event before.
    pub(crate) fn replay(response: &str, source: Source, header: Option<&str>) -> Self {
        Self(Kind::Replay(Replay::new(response, source, header)))
    }

    /// What the source of a batch is told of its records.
    pub(crate) fn report(report: String) -> Self {
        Self(Kind::Report(report))
    }

    /// Whether it is the response of an earlier run.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        matches!(self.0, Kind::Replay(_))
    }

    /// The response over HTTP, if it is one, or one that is replayed.
    #[cfg(feature = "http")]
    pub(crate) fn into_response(self) -> Result<Response, Option<Replay>> {
        match self.0 {
            Kind::Response(response) => Ok(response),
            Kind::Replay(replay) => Err(Some(replay)),
            Kind::Nothing | Kind::Report(_) => Err(None),
        }
    }
}

impl Response {
    fn new(failure: &LockError, source: Source) -> Self {
        let status = failure.status();
        // A problem, as RFC 9457 has it.
        let body = serde_json::json!({
            "type": format!("urn:lambda-locks:{}", failure.name()),
            "title": failure.name(),
            "status": status,
            "detail": failure.public(),
        });
        // The header knows only whole seconds, and one that is too early is of no use.
        let seconds = |after: Duration| after.as_millis().div_ceil(1000).max(1) as u64;
        Self {
            source,
            status,
            retry_after_s: failure.retry_after().map(seconds),
            body: body.to_string(),
        }
    }

    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let content = (!self.body.is_empty())
            .then(|| ("content-type", "application/problem+json".to_owned()));
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
            410 => "Gone",
            422 => "Unprocessable Content",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            _ => "Internal Server Error",
        }
    }
}

impl Serialize for Rejection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kind::Nothing => serializer.serialize_none(),
            Kind::Response(response) => response.serialize(serializer),
            Kind::Replay(replay) => replay.serialize(serializer),
            Kind::Report(report) => raw(report, serializer),
        }
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
