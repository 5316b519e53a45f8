//! The fingerprint of a request: what has to be the same when its idempotency key comes again.

use std::sync::LazyLock;

use crate::event::Event;
use crate::invocation::Invocation;
use crate::key::{KeyError, KeyRule};
use crate::pointer::{Pointer, PointerError, Value};
use crate::source::Source;

/// What makes the fingerprint of an event.
#[derive(Clone, Debug, Default)]
pub(crate) enum FingerprintRule {
    /// Of requests over HTTP all that matters; nothing of other events, whose redelivery may differ.
    #[default]
    Auto,
    /// Nothing.
    None,
    /// These parts.
    Parts(KeyRule),
}

/// What makes a request over HTTP: what is asked for, and who asks. Tokens are renewed between retries, so who the
/// caller is comes from what the gateway says.
const REQUEST: [&str; 19] = [
    "/requestContext/http/method",
    "/rawPath",
    "/rawQueryString",
    "/httpMethod",
    "/path",
    "/queryStringParameters",
    "/multiValueQueryStringParameters",
    "/body",
    "/method",
    "/query",
    "/requestContext/authorizer/principalId",
    "/requestContext/authorizer/jwt/claims/sub",
    "/requestContext/authorizer/claims/sub",
    "/requestContext/authorizer/iam/userArn",
    "/requestContext/authorizer/iam/accessKey",
    "/requestContext/identity/cognitoIdentityId",
    "/requestContext/identity/userArn",
    "/requestContext/identity/apiKeyId",
    "/isBase64Encoded",
];

static REQUEST_PARTS: LazyLock<Vec<Pointer>> = LazyLock::new(|| {
    let parts = REQUEST.iter().map(|part| Pointer::parse(part));
    parts.filter_map(Result::ok).collect()
});

impl FingerprintRule {
    /// Reads `auto`, `none`, or a rule as in `LOCKS_KEY`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            rule => match KeyRule::parse(rule) {
                Ok(rule) => Ok(Self::Parts(rule.of("LOCKS_DEDUP_FINGERPRINT"))),
                Err(error) => Err(format!(
                    "`auto`, `none`, or a rule as in LOCKS_KEY: {error}"
                )),
            },
        }
    }

    /// Whether it is that of each record of a batch.
    pub(crate) fn is_of_records(&self) -> bool {
        matches!(self, Self::Parts(rule) if rule.is_of_records())
    }

    /// The same rule, for each record of a batch.
    pub(crate) fn of_records(self) -> Result<Self, PointerError> {
        Ok(match self {
            Self::Parts(rule) => Self::Parts(rule.of_records()?),
            rule => rule,
        })
    }

    /// The text that has to be the same, if anything has to be.
    pub(crate) fn of<E>(&self, event: &E, about: Invocation<'_>) -> Result<Option<String>, KeyError>
    where
        E: Event + ?Sized,
    {
        match self {
            Self::None => Ok(None),
            Self::Auto => Ok(match event.source() {
                Source::Http | Source::Balancer { .. } => Some(request(event)),
                Source::Errors | Source::Forced => None,
            }),
            // Without it a changed request would pass for the same one.
            Self::Parts(rule) => match rule.find(event, about) {
                Ok(text) => Ok(Some(text)),
                Err(none) => Err(KeyError::bad(format!("the fingerprint: {none}"))),
            },
        }
    }
}

/// Everything that makes a request, each part with its length, so that no two requests read the same.
fn request<E: Event + ?Sized>(event: &E) -> String {
    let parts = REQUEST_PARTS
        .iter()
        .map(|part| match event.find(part).value {
            Value::Text(text) | Value::Whole(text) | Value::Number(text) => text,
            Value::Bool(value) => value.to_string(),
            nothing => nothing.to_string(),
        });
    parts.map(|part| format!("{}:{part}", part.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn of(rule: &str, event: &Json) -> Result<Option<String>, String> {
        let rule = FingerprintRule::parse(rule)?;
        let text = event.to_string();
        rule.of(text.as_str(), Invocation::new())
            .map_err(|error| error.to_string())
    }

    fn request(body: &str, caller: &str) -> Json {
        json!({
            "version": "2.0",
            "rawPath": "/orders",
            "rawQueryString": "",
            "headers": {"authorization": "Bearer one"},
            "requestContext": {
                "http": {"method": "POST"},
                "authorizer": {"jwt": {"claims": {"sub": caller}}},
            },
            "body": body,
        })
    }

    #[test]
    fn requests_are_compared_by_what_they_ask_and_who_asks() {
        let one = of("auto", &request("{}", "ada")).expect("it is read");
        assert!(one.is_some());
        let mut renewed = request("{}", "ada");
        renewed["headers"]["authorization"] = "Bearer two".into();
        assert_eq!(of("auto", &renewed), Ok(one.clone()));
        assert_ne!(of("auto", &request("{}", "bob")), Ok(one.clone()));
        assert_ne!(of("auto", &request("[]", "ada")), Ok(one));
    }

    #[test]
    fn other_events_are_compared_by_nothing_unless_a_rule_says_so() {
        let event = json!({"id": 7, "total": 42});
        assert_eq!(of("auto", &event), Ok(None));
        assert_eq!(of("none", &request("{}", "ada")), Ok(None));
        assert_eq!(of("/total", &event), Ok(Some("42".to_owned())));
    }

    #[test]
    fn a_part_that_is_missing_is_an_error() {
        let missing = of("/sum", &json!({"id": 7})).expect_err("there is no sum");
        assert!(missing.contains("LOCKS_DEDUP_FINGERPRINT"), "{missing}");
        assert!(of("sum", &json!({})).is_err());
    }
}
