//! An array or an object that is itself what the pointer names.
//!
//! It has one canonical form, whatever the order in which its members came: members sorted by their
//! names, numbers as `serde_json` writes them, no space. Only the value itself is kept for that.

use serde::Serialize;
use serde_json::{Result, Value as Json};

use super::found::{Found, Value};
use super::seek::Seek;

/// What `value`, which lies at `seek`, holds there.
pub(super) fn visit<'p, T>(seek: Seek<'p>, value: &T) -> Result<Found<'p>>
where
    T: Serialize + ?Sized,
{
    let found = value.serialize(seek)?;
    if !matches!(found.value, Value::Array | Value::Object) {
        return Ok(found);
    }
    // What an enum's variant holds is no value of its own that could be visited again; then this
    // is done for the enum.
    let json = serde_json::to_value(value)?;
    match seek.is_there() {
        true => Ok(Found {
            value: json.into(),
            ..found
        }),
        false => json.serialize(seek),
    }
}

impl From<Json> for Value<'_> {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => Self::number(number),
            Json::String(text) => Self::Text(text),
            whole @ (Json::Array(_) | Json::Object(_)) => Self::Whole(canonical(&whole)),
        }
    }
}

fn canonical(json: &Json) -> String {
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
