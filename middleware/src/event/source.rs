//! The sources of events, and how a refusal reaches them.

use std::sync::OnceLock;

use dynamodb_locks::{Error, Vars};

use crate::event::pointer::{Pointer, Value};

/// The kind of caller that waits for the response.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Source {
    /// A caller that understands errors: a queue, a stream, a state machine, a direct caller.
    #[default]
    Errors,
    /// A client over HTTP, who would take an error for a broken gateway.
    Http,
    /// A source that understands errors, and gets a response over HTTP because a setting says so: it takes it
    /// for success.
    Forced,
    /// The same behind an Application Load Balancer, whose answers look a little different.
    Balancer {
        /// Whether it wants lists of header values.
        lists: bool,
    },
}

/// How a refusal reaches the caller.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum RefusalMode {
    /// As the event's source expects it.
    #[default]
    Auto,
    /// As an error.
    Error,
    /// As a response over HTTP.
    Http,
}

const REFUSAL: &str = "LOCKS_REFUSAL";

impl RefusalMode {
    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let words = [
            ("auto", Self::Auto),
            ("error", Self::Error),
            ("http", Self::Http),
        ];
        vars.choice(REFUSAL, &words)
    }

    /// Resolves the response format.
    pub(crate) fn to(self, source: impl FnOnce() -> Source) -> Source {
        match self {
            Self::Error => Source::Errors,
            Self::Auto => source(),
            Self::Http => match source() {
                Source::Errors => Source::Forced,
                known => known,
            },
        }
    }
}

impl Source {
    /// The caller of an event, by what only such events have.
    pub(crate) fn of(event: &str) -> Self {
        // Most events lack it, and need no reading.
        if !event.contains("requestContext") {
            return Self::Errors;
        }
        if BALANCER.is_in(event) {
            let lists = LISTS.is_in(event) && !HEADERS.is_in(event);
            return Self::Balancer { lists };
        }
        // API Gateway's second format, which function URLs share, and its first.
        match SECOND.is_in(event) || FIRST.is_in(event) {
            true => Self::Http,
            false => Self::Errors,
        }
    }

    /// Whether an event belongs to a durable execution.
    pub(crate) fn is_durable(event: &str) -> bool {
        event.contains("DurableExecutionArn") && DURABLE.is_in(event)
    }

    /// Whether nobody reads the response to an event: it comes from a queue, a stream, a topic or a bus.
    pub(crate) fn discards_responses(event: &str) -> bool {
        [&RECORD, &TOPIC, &KAFKA, &DETAIL]
            .iter()
            .any(|mark| mark.text(event).is_some())
    }

    /// Where an event comes from, in its own words.
    pub(crate) fn origin(event: &str) -> Option<String> {
        let origins = [&RECORD, &TOPIC, &KAFKA, &BUS];
        origins.iter().find_map(|mark| mark.text(event))
    }
}

/// Something that only some events have.
pub(crate) struct Mark(&'static str, OnceLock<Option<Pointer>>);

static BALANCER: Mark = Mark::new("/requestContext/elb");
static SECOND: Mark = Mark::new("/requestContext/http/method");
static FIRST: Mark = Mark::new("/requestContext/httpMethod");
static DURABLE: Mark = Mark::new("/DurableExecutionArn");
static HEADERS: Mark = Mark::new("/headers");
static LISTS: Mark = Mark::new("/multiValueHeaders");

// Queues, streams and tables; topics; Kafka; buses.
static RECORD: Mark = Mark::new("/Records/0/eventSource");
static TOPIC: Mark = Mark::new("/Records/0/EventSource");
static KAFKA: Mark = Mark::new("/eventSource");
static BUS: Mark = Mark::new("/source");
static DETAIL: Mark = Mark::new("/detail-type");

impl Mark {
    /// What this pointer leads to.
    pub(crate) const fn new(pointer: &'static str) -> Self {
        Self(pointer, OnceLock::new())
    }

    pub(crate) fn value(&self, event: &str) -> Option<Value<'_>> {
        let pointer = self.1.get_or_init(|| Pointer::parse(self.0).ok());
        Some(pointer.as_ref()?.find(event).value)
    }

    fn is_in(&self, event: &str) -> bool {
        self.value(event).is_some_and(|value| !value.is_nothing())
    }

    fn text(&self, event: &str) -> Option<String> {
        match self.value(event)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(event: Value) -> Source {
        Source::of(&event.to_string())
    }

    #[test]
    fn events_of_api_gateway_and_of_function_urls_come_over_http() {
        let second = json!({"version": "2.0", "requestContext": {"http": {"method": "POST"}}});
        assert_eq!(of(second), Source::Http);
        let first = json!({"httpMethod": "GET", "requestContext": {"httpMethod": "GET"}});
        assert_eq!(of(first), Source::Http);
    }

    #[test]
    fn a_balancer_is_known_by_its_target_group() {
        let context = json!({"elb": {"targetGroupArn": "arn:aws:x"}});
        let plain = json!({"requestContext": context, "httpMethod": "GET", "headers": {"a": "b"}});
        assert_eq!(of(plain), Source::Balancer { lists: false });
        let lists = json!({"requestContext": context, "multiValueHeaders": {"a": ["b"]}});
        assert_eq!(of(lists), Source::Balancer { lists: true });
    }

    #[test]
    fn all_others_understand_errors() {
        for event in [
            json!({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}),
            json!({"orderId": 1}),
            json!({"httpMethod": "an order of method"}),
            json!(null),
        ] {
            assert_eq!(of(event), Source::Errors);
        }
    }

    #[test]
    fn a_setting_has_the_last_word() {
        let (http, errors) = (|| Source::Http, || Source::Errors);
        let balancer = || Source::Balancer { lists: false };
        assert_eq!(RefusalMode::Auto.to(http), Source::Http);
        assert_eq!(RefusalMode::Error.to(http), Source::Errors);
        assert_eq!(RefusalMode::Http.to(errors), Source::Forced);
        assert_eq!(RefusalMode::Http.to(balancer), balancer());
    }
}
