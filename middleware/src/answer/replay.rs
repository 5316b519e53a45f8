//! The response of an earlier run, for a duplicate.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::event::source::Source;

/// The response of an earlier run, as JSON text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Replay {
    json: String,
    /// The header that tells a client over HTTP that nothing was done for its request.
    #[cfg_attr(
        not(feature = "http"),
        allow(dead_code, reason = "`lambda_http` makes responses of its own")
    )]
    header: Option<String>,
}

impl Replay {
    /// The response as it was, and over HTTP with the header that tells what it is, if there is one.
    pub(crate) fn new(response: &str, source: Source, header: Option<&str>) -> Self {
        let marked = header.and_then(|header| match source {
            Source::Errors | Source::Forced => None,
            Source::Http | Source::Balancer { lists: false } => {
                marked(response, "headers", header, json!("true"))
            }
            Source::Balancer { lists: true } => {
                marked(response, "multiValueHeaders", header, json!(["true"]))
            }
        });
        Self {
            json: marked.unwrap_or_else(|| response.to_owned()),
            header: header.map(str::to_owned),
        }
    }

    /// The JSON text.
    #[cfg(feature = "http")]
    pub(crate) fn as_str(&self) -> &str {
        &self.json
    }

    /// The header that tells what it is.
    #[cfg(feature = "http")]
    pub(crate) fn header(&self) -> Option<&str> {
        self.header.as_deref()
    }

    /// The status of a response over HTTP.
    pub(crate) fn status(&self) -> Option<u16> {
        let response: Value = serde_json::from_str(&self.json).ok()?;
        response["statusCode"].as_u64()?.try_into().ok()
    }
}

/// A proxy integration's response with one header more; none if it is none.
fn marked(response: &str, headers: &str, header: &str, value: Value) -> Option<String> {
    let mut response: Value = serde_json::from_str(response).ok()?;
    let members = response.as_object_mut()?;
    members.get("statusCode")?;
    let headers = members.entry(headers).or_insert_with(|| json!({}));
    if headers.is_null() {
        *headers = json!({});
    }
    headers.as_object_mut()?.insert(header.to_owned(), value);
    Some(response.to_string())
}

impl Serialize for Replay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        raw(&self.json, serializer)
    }
}

/// Serializes JSON text as it is.
pub(crate) fn raw<S: Serializer>(json: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue = serde_json::from_str(json).map_err(serde::ser::Error::custom)?;
    raw.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(response: &str, source: Source) -> String {
        serde_json::to_string(&Replay::new(response, source, Some("idempotent-replayed")))
            .expect("it is JSON")
    }

    #[test]
    fn a_replay_is_the_response_byte_for_byte() {
        let response = r#"{"b": 1.0,  "a":[ ]}"#;
        assert_eq!(replayed(response, Source::Errors), response);
        assert_eq!(replayed(response, Source::Http), response);
    }

    #[test]
    fn over_http_it_is_marked() {
        let response = r#"{"statusCode":201,"headers":{"a":"b"},"body":"x"}"#;
        let marked = replayed(response, Source::Http);
        assert!(
            marked.contains(r#""idempotent-replayed":"true""#),
            "{marked}"
        );
        assert!(marked.contains(r#""a":"b""#) && marked.contains(r#""body":"x""#));
        let lists = Source::Balancer { lists: true };
        let marked = replayed(r#"{"statusCode":201}"#, lists);
        assert!(marked.contains(r#""multiValueHeaders":{"idempotent-replayed":["true"]}"#));
    }
}
