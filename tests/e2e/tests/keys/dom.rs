//! The key in a DOM: slow, plain, and sharing no code with the layer.

use serde_json::Value;

/// What stands in an event at a list of pointers.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// A value at each.
    Values(Vec<String>),
    /// Nothing at one of them.
    Missing,
    /// One of several records.
    Batch,
}

/// The values at pointers, as text; an object or array is told from a text that looks like it.
pub(crate) fn values(event: &Value, pointers: &[String]) -> Outcome {
    let mut values = Vec::new();
    for pointer in pointers {
        let tokens: Vec<_> = pointer.split('/').skip(1).map(plain).collect();
        let mut batch = false;
        let value = follow(event, "", &tokens, &mut batch);
        if batch {
            return Outcome::Batch;
        }
        match value.map(|value| text(&value)) {
            Some(text) if !text.is_empty() => values.push(text),
            _ => return Outcome::Missing,
        }
    }
    Outcome::Values(values)
}

fn plain(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Goes on from `value`, which stands behind the token `last`.
fn follow(value: &Value, last: &str, tokens: &[String], batch: &mut bool) -> Option<Value> {
    let Some((token, rest)) = tokens.split_first() else {
        return Some(value.clone());
    };
    match value {
        Value::String(text) => follow(&opened(text)?, last, tokens, batch),
        Value::Object(members) => {
            let headers = ["headers", "multiValueHeaders"].contains(&last);
            let named = |key: &String| match headers {
                true => key.eq_ignore_ascii_case(token),
                false => key == token,
            };
            let mut named = members.iter().filter(|(key, _)| named(key));
            follow(named.next_back()?.1, token, rest, batch)
        }
        Value::Array(values) => {
            let index: usize = token.parse().ok()?;
            if index.to_string() != *token {
                return None;
            }
            *batch |= values.len() > 1;
            follow(values.get(index)?, token, rest, batch)
        }
        _ => None,
    }
}

/// The JSON that a string holds, as it is or in base64.
pub(crate) fn opened(text: &str) -> Option<Value> {
    let decoded = || aws_smithy_types::base64::decode(text).ok();
    let json = serde_json::from_str(text).ok();
    json.or_else(|| serde_json::from_slice(&decoded()?).ok())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(members) if members.is_empty() => String::new(),
        Value::Array(values) if values.is_empty() => String::new(),
        // No text in the events has this sign.
        Value::Object(_) | Value::Array(_) => format!("\u{1}{value}"),
        scalar => scalar.to_string(),
    }
}
