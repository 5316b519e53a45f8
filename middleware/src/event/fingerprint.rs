//! The fingerprint of a request: what has to be the same when its idempotency key comes again.

use std::sync::LazyLock;

use crate::event::Event;
use crate::event::invocation::Invocation;
use crate::event::key::{KeyError, KeyRule};
use crate::event::pointer::{Pointer, PointerError, Value};
use crate::event::source::Source;

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

/// What is asked for by a request over HTTP.
const ASKED: [&str; 9] = [
    "/requestContext/http/method",
    "/rawPath",
    "/rawQueryString",
    "/httpMethod",
    "/path",
    "/queryStringParameters",
    "/multiValueQueryStringParameters",
    "/body",
    "/isBase64Encoded",
];

/// Who asks, and where. Tokens and temporary credentials are renewed between retries, so this is what the gateway says.
const CALLER: [&str; 14] = [
    "/requestContext/domainName",
    "/requestContext/stage",
    "/requestContext/authentication/clientCert/subjectDN",
    "/requestContext/authorizer/principalId",
    "/requestContext/authorizer/jwt/claims/sub",
    "/requestContext/authorizer/claims/sub",
    "/requestContext/authorizer/iam/cognitoIdentity/identityId",
    "/requestContext/authorizer/iam/userArn",
    "/requestContext/identity/clientCert/subjectDN",
    "/requestContext/identity/cognitoIdentityId",
    "/requestContext/identity/userArn",
    "/requestContext/identity/apiKeyId",
    "/headers/x-amzn-oidc-identity",
    "/multiValueHeaders/x-amzn-oidc-identity",
];

static ASKED_PARTS: LazyLock<Vec<Pointer>> = LazyLock::new(|| pointers(&ASKED));

static CALLER_PARTS: LazyLock<Vec<Pointer>> = LazyLock::new(|| pointers(&CALLER));

fn pointers(parts: &[&str]) -> Vec<Pointer> {
    let parts = parts.iter().map(|part| Pointer::parse(part));
    parts.filter_map(Result::ok).collect()
}

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
            Self::Auto => match event.source() {
                Source::Http | Source::Balancer { .. } => request(event).map(Some),
                Source::Errors | Source::Forced => Ok(None),
            },
            // Without it a changed request would pass for the same one.
            Self::Parts(rule) => match rule.find(event, about) {
                Ok(text) => Ok(Some(text)),
                Err(none) => Err(KeyError::bad(format!("the fingerprint: {none}"))),
            },
        }
    }
}

/// Everything that makes a request, each part with its length, so that no two requests read the same.
fn request<E: Event + ?Sized>(event: &E) -> Result<String, KeyError> {
    let mut parts = match event.request() {
        Some(asked) => asked,
        None => found(event, &ASKED_PARTS)?,
    };
    parts.extend(found(event, &CALLER_PARTS)?);
    let parts = parts.iter();
    Ok(parts.map(|part| format!("{}:{part}", part.len())).collect())
}

fn found<E: Event + ?Sized>(event: &E, parts: &[Pointer]) -> Result<Vec<String>, KeyError> {
    let parts = parts.iter().map(|part| match event.find(part).value {
        Value::Text(text) | Value::Whole(text) | Value::Number(text) => Ok(text),
        Value::Bool(value) => Ok(value.to_string()),
        // All that cannot be read would pass for the same.
        Value::Unreadable(why) => Err(KeyError::bad(format!("the request's {part}: {why}"))),
        nothing => Ok(nothing.to_string()),
    });
    parts.collect()
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
    fn two_callers_are_two_whatever_the_gateway_calls_them() {
        let asked_by = |context: Json| {
            let mut event = request("{}", "ada");
            event["requestContext"] = context;
            event["requestContext"]["http"] = json!({"method": "POST"});
            of("auto", &event)
        };
        for (ada, bob) in [
            (
                json!({"authorizer": {"iam": {"userArn": "r", "cognitoIdentity": {"identityId": "ada"}}}}),
                json!({"authorizer": {"iam": {"userArn": "r", "cognitoIdentity": {"identityId": "bob"}}}}),
            ),
            (
                json!({"authentication": {"clientCert": {"subjectDN": "CN=ada"}}}),
                json!({"authentication": {"clientCert": {"subjectDN": "CN=bob"}}}),
            ),
            (
                json!({"domainName": "a.example"}),
                json!({"domainName": "b.example"}),
            ),
            (json!({"stage": "v1"}), json!({"stage": "v2"})),
        ] {
            assert_ne!(asked_by(ada), asked_by(bob));
        }
        let role = |key: &str| json!({"authorizer": {"iam": {"userArn": "r", "accessKey": key}}});
        assert_eq!(
            asked_by(role("ASIA1")),
            asked_by(role("ASIA2")),
            "a role's keys are renewed"
        );
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
