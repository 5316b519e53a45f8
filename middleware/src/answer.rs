//! What the caller gets: the handler's answer, a refusal, or nothing.

#[cfg(feature = "http")]
mod http;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::complete::Whole;
use crate::failure::LockFailure;
use crate::source::Source;

/// What the layer answers with. It serializes to exactly what the handler's answer would.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer<A> {
    /// The handler's answer.
    Handler(A),
    /// There was no lock, and the caller understands HTTP.
    Refused(Refused),
    /// There was nothing to do, as configured: somebody else is at it, or there is no key.
    Nothing,
}

/// A refusal as a response over HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    source: Source,
    status: u16,
    retry_after_s: Option<u64>,
    body: String,
}

impl<A> Answer<A> {
    /// The handler's answer, if it ran.
    pub fn handler(self) -> Option<A> {
        match self {
            Self::Handler(answer) => Some(answer),
            Self::Refused(_) | Self::Nothing => None,
        }
    }

    /// Tells a refusal in the words of the event's source; where those are errors, as one.
    pub(crate) fn refuse(failure: LockFailure, source: Source) -> Result<Self, LockFailure> {
        match source {
            Source::Errors => Err(failure),
            Source::Http | Source::Balancer { .. } => {
                tracing::warn!(name = failure.name(), message = %failure, "refused");
                Ok(Self::Refused(Refused::new(&failure, source)))
            }
        }
    }

    /// Tells that there was nothing to do.
    pub(crate) fn nothing(source: Source) -> Self {
        match source {
            Source::Errors => Self::Nothing,
            // Gateways take nothing at all for a broken function.
            Source::Http | Source::Balancer { .. } => Self::Refused(Refused {
                source,
                status: 204,
                retry_after_s: None,
                body: String::new(),
            }),
        }
    }
}

impl Refused {
    fn new(failure: &LockFailure, source: Source) -> Self {
        let body = serde_json::json!({"error": failure.name(), "message": failure.public()});
        // The header knows only whole seconds, and one that is too early is of no use.
        let seconds = |after: std::time::Duration| after.as_millis().div_ceil(1000).max(1) as u64;
        Self {
            source,
            status: failure.status(),
            retry_after_s: failure.retry_after().map(seconds),
            body: body.to_string(),
        }
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
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

impl<A: Whole> Serialize for Answer<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Handler(answer) => answer.serialize(serializer),
            Self::Refused(refused) => refused.serialize(serializer),
            Self::Nothing => serializer.serialize_unit(),
        }
    }
}

/// As a proxy integration has it.
impl Serialize for Refused {
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
