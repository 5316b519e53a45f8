//! The value at the end of a pointer, out of its JSON text.
//!
//! An array or an object has one canonical form, whatever the order of its members: members sorted by
//! their names, numbers as `serde_json` writes them, no space.

use serde::de::IgnoredAny;
use serde_json::{Error, Number, Value as Json};

use super::found::Value;

/// The value that the JSON `text` stands for. The text has no space around it.
pub(super) fn value(text: &str) -> Value<'static> {
    read(text).unwrap_or_else(|why| Value::Unreadable(why.to_string()))
}

/// Whether a text is JSON.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The canonical form of any JSON; the text itself if it is none.
pub(crate) fn canonical_text(text: &str) -> String {
    serde_json::from_str(text).map_or_else(|_| text.to_owned(), |json| canonical(&json))
}

fn read(text: &str) -> Result<Value<'static>, Error> {
    Ok(match text.as_bytes().first() {
        Some(b'"') => Value::Text(serde_json::from_str(text)?),
        Some(b'{' | b'[') => Value::Whole(canonical(&serde_json::from_str(text)?)),
        Some(b't' | b'f') => Value::Bool(serde_json::from_str(text)?),
        Some(b'n') => Value::Null,
        _ => Value::Number(digits(text)?),
    })
}

/// A number's digits. A whole number that no machine's number holds keeps its own: read as a float it
/// would share its name with its neighbours.
fn digits(text: &str) -> Result<String, Error> {
    let number: Number = serde_json::from_str(text)?;
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_whole = unsigned.bytes().all(|digit| digit.is_ascii_digit());
    if is_whole && number.is_f64() && text != "-0" {
        return Ok(text.to_owned());
    }
    Ok(number.to_string())
}

pub(crate) fn canonical(json: &Json) -> String {
    let mut text = String::new();
    write(json, &mut text);
    text
}

fn write(json: &Json, to: &mut String) {
    match json {
        Json::Array(values) => {
            to.push('[');
            for (number, value) in values.iter().enumerate() {
                separate(number, to);
                write(value, to);
            }
            to.push(']');
        }
        Json::Object(members) => {
            // The map's own order depends on what else asks for which of serde_json's features.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            to.push('{');
            for (number, (name, value)) in members.into_iter().enumerate() {
                separate(number, to);
                to.push_str(&Json::from(name.as_str()).to_string());
                to.push(':');
                write(value, to);
            }
            to.push('}');
        }
        scalar => to.push_str(&scalar.to_string()),
    }
}

fn separate(number: usize, to: &mut String) {
    if number > 0 {
        to.push(',');
    }
}
