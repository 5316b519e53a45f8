//! The client context: the only place of an event, beside its payload, that handlers of every
//! language can read.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;
use serde_json::value::RawValue;

type Object = BTreeMap<String, Box<RawValue>>;

const CUSTOM: &str = "custom";

/// The longest context to which a value is added: Node's HTTP client takes 16 KB for all headers together.
const LONGEST: usize = 8 * 1024;

/// Adds a value to what the context calls `custom`; all that was there stays as it was. `None` if
/// there is a context that is not what the platform describes, or if it became too long: it is left alone then.
pub(crate) fn with_custom(context: Option<&str>, name: &str, value: &Value) -> Option<String> {
    let mut context = object(context)?;
    let custom = context.get(CUSTOM).map(|custom| custom.get());
    let mut custom = object(custom)?;
    custom.insert(name.to_owned(), raw(value)?);
    context.insert(CUSTOM.to_owned(), raw(&custom)?);
    let text = ascii(&serde_json::to_string(&context).ok()?);
    (text.len() <= LONGEST).then_some(text)
}

/// The members of an object; none of them if there is nothing or `null`.
fn object(text: Option<&str>) -> Option<Object> {
    let object: Option<Object> = serde_json::from_str(text.unwrap_or("null")).ok()?;
    Some(object.unwrap_or_default())
}

fn raw(value: &impl serde::Serialize) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(value).ok()
}

/// The same JSON in ASCII: runtimes disagree on the encoding of other bytes in a header. Outside of
/// strings JSON has no others.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_ascii() {
            true => text.push(c),
            false => escape(c, &mut text),
        }
    }
    text
}

fn escape(c: char, text: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        write!(text, "\\u{unit:04x}").expect("a string takes what is written to it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(context: Option<&str>) -> Option<String> {
        with_custom(context, "lock", &json!({"fence": 7}))
    }

    #[test]
    fn a_context_is_made_where_there_is_none() {
        let made = Some(r#"{"custom":{"lock":{"fence":7}}}"#.to_owned());
        assert_eq!(with(None), made);
        assert_eq!(with(Some("null")), made);
        assert_eq!(with(Some(r#"{"custom":null}"#)), made);
    }

    #[test]
    fn what_was_there_stays_as_it_was() {
        let context = r#"{"client":{"a":1e400},"custom":{"b":[1, 2]},"env":{}}"#;
        let expected =
            r#"{"client":{"a":1e400},"custom":{"b":[1, 2],"lock":{"fence":7}},"env":{}}"#;
        assert_eq!(with(Some(context)).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_no_context_is_left_alone() {
        for context in ["", "{", "[]", "7", r#"{"custom":7}"#, r#"{"custom":[]}"#] {
            assert_eq!(with(Some(context)), None, "{context}");
        }
    }

    #[test]
    fn a_context_never_becomes_too_long_for_a_runtime() {
        let of = |value: &str, times| {
            let custom = with_custom(None, "lock", &json!(value.repeat(times)));
            custom.map(|context| context.len())
        };
        let frame = of("", 0).expect("it is short");
        assert_eq!(of("a", LONGEST - frame), Some(LONGEST));
        assert_eq!(of("a", LONGEST - frame + 1), None);
        // What is not ASCII is escaped.
        assert_eq!(of("ü", LONGEST / 4), None);
        let former = format!(r#"{{"client":"{}"}}"#, "a".repeat(LONGEST));
        assert_eq!(with(Some(&former)), None);
    }

    #[test]
    fn a_header_is_ascii() {
        let context = with_custom(None, "lock", &json!("Grün 🔒")).expect("it is made");
        assert_eq!(context, r#"{"custom":{"lock":"Gr\u00fcn \ud83d\udd12"}}"#);
        let read: Value = serde_json::from_str(&context).expect("it is JSON");
        assert_eq!(read["custom"]["lock"], "Grün 🔒");
    }
}
