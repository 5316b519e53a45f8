//! From the event to the key.

use std::fmt;

use serde::Serialize;

use crate::pointer::{Found, Pointer, PointerError, Value};

/// Where the key stands in an event: one pointer or several.
#[derive(Clone, Debug)]
pub(crate) struct Pointers(Vec<Pointer>);

/// Why an event has no key.
#[derive(Debug)]
pub(crate) struct BadKey(String);

impl Pointers {
    /// Reads pointers with commas between them.
    pub(crate) fn parse(text: &str) -> Result<Self, PointerError> {
        text.split(',')
            .map(|pointer| Pointer::parse(pointer.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The key of an event. Several values are joined so that no two lists of them give the same
    /// key.
    pub(crate) fn key<T: Serialize>(&self, event: &T) -> Result<String, BadKey> {
        match self.0.as_slice() {
            [only] => value(only, event),
            several => {
                let parts = several
                    .iter()
                    .map(|pointer| value(pointer, event).map(|part| escape(&part)));
                Ok(parts.collect::<Result<Vec<_>, _>>()?.join("#"))
            }
        }
    }
}

fn value<T: Serialize>(pointer: &Pointer, event: &T) -> Result<String, BadKey> {
    let found = pointer.find(event);
    let Found { value, batch } = found.map_err(|error| {
        BadKey(format!(
            "the event cannot be read for its key at `{pointer}`: {error}"
        ))
    })?;
    if let Some(records) = batch {
        return Err(BadKey(format!(
            "`{pointer}` points to one of {records} records, and the lock would protect only that one; \
             set BatchSize 1, or point to something above the records"
        )));
    }
    match value {
        Value::Text(text) if text.is_empty() => Err(BadKey(format!(
            "`{pointer}` is an empty string; a lock needs a name"
        ))),
        Value::Text(text) | Value::Number(text) => Ok(text),
        Value::Bool(value) => Ok(value.to_string()),
        missing @ Value::Missing { .. } => Err(BadKey(format!(
            "`{pointer}` is {missing}; set LOCKS_KEY to where the key stands, and see that the handler's \
             payload type keeps that field"
        ))),
        other => Err(BadKey(format!(
            "`{pointer}` is {other}; the key must be a string, a number or a boolean"
        ))),
    }
}

/// Keeps the joint unmistakable.
fn escape(part: &str) -> String {
    part.replace('%', "%25").replace('#', "%23")
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn key(pointers: &str, event: &Json) -> String {
        Pointers::parse(pointers).unwrap().key(event).unwrap()
    }

    fn refusal(pointers: &str, event: &Json) -> String {
        Pointers::parse(pointers)
            .unwrap()
            .key(event)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_string_a_number_and_a_boolean_are_keys() {
        let event = json!({"a": "x", "b": 42, "c": true});
        assert_eq!(key("/a", &event), "x");
        assert_eq!(key("/b", &event), "42");
        assert_eq!(key("/c", &event), "true");
    }

    #[test]
    fn no_two_lists_of_values_share_a_key() {
        let joined = |a: &str, b: &str| key("/a, /b", &json!({"a": a, "b": b}));
        assert_ne!(joined("x#y", "z"), joined("x", "y#z"));
        assert_ne!(joined("x%23", "y"), joined("x#", "y"));
        assert_eq!(joined("x", "y"), "x#y");
    }

    #[test]
    fn an_event_without_the_key_says_where_the_path_ended() {
        let refusal = refusal("/order/id", &json!({"order": {}}));
        assert!(refusal.starts_with("`/order/id` is missing from `/order`, which is an object"));
        assert!(refusal.contains("LOCKS_KEY"));
    }

    #[test]
    fn a_key_of_a_wrong_type_is_named() {
        let event = json!({"a": null, "b": {}, "c": [], "d": ""});
        assert!(refusal("/a", &event).starts_with("`/a` is null; the key must be a string"));
        assert!(refusal("/b", &event).starts_with("`/b` is an object"));
        assert!(refusal("/c", &event).starts_with("`/c` is an array"));
        assert!(refusal("/d", &event).starts_with("`/d` is an empty string"));
    }

    #[test]
    fn a_pointer_into_one_record_of_several_is_refused() {
        let one = json!({"Records": [{"body": "{\"id\": 1}"}]});
        assert_eq!(key("/Records/0/body/id", &one), "1");
        let two = json!({"Records": [{"body": "a"}, {"body": "b"}]});
        assert!(refusal("/Records/0/body", &two).contains("set BatchSize 1"));
    }
}
