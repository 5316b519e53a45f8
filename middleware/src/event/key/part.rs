//! One part of a key, out of an event.

use std::fmt;

use crate::event::Event;
use crate::event::invocation::Invocation;
use crate::event::name::Part;
use crate::event::pointer::{Found, Pointer, Value};

use super::{KeyError, Term};

impl Term {
    pub(super) fn part<E>(
        &self,
        event: &E,
        about: Invocation<'_>,
        variable: &'static str,
    ) -> Result<Part, KeyError>
    where
        E: Event + ?Sized,
    {
        let text = match self {
            Self::Pointer(pointer) => return part(pointer, event.find(pointer), variable),
            Self::InRecord(pointer) if event.is_record(pointer) => {
                return part(pointer, event.find(pointer), variable);
            }
            Self::InRecord(pointer) => {
                return Err(KeyError::missing(format!(
                    "`{pointer}` is missing: the event has no records"
                )));
            }
            Self::Constant(text) => Some(text.clone()),
            Self::Tenant => about.tenant_id.map(str::to_owned),
            Self::Function => about.function.map(str::to_owned),
            Self::Source => event.origin(),
            Self::RequestId => about.request_id.map(str::to_owned),
        };
        let known = text.filter(|text| !text.is_empty());
        let missing = || KeyError::missing(format!("`{self}` is missing; {}", self.missing()));
        known.map(Part::Text).ok_or_else(missing)
    }

    fn missing(&self) -> &'static str {
        match self {
            Self::Tenant => "the function is not invoked with a tenant id",
            Self::Function => "the function's name is not known outside Lambda",
            Self::RequestId => "the invocation has no id",
            _ => "the event does not say where it comes from",
        }
    }
}

fn part(pointer: &Pointer, found: Found<'_>, variable: &'static str) -> Result<Part, KeyError> {
    let Found { value, batch } = found;
    if let Some(records) = batch {
        return Err(KeyError::bad(format!(
            "`{pointer}` points to one of {records} records, and the lock would protect only that one; \
             write `*` in place of the number, so that each record has its own lock"
        )));
    }
    match value {
        Value::Text(text) if pointer.is_idempotency_key() => idempotency_key(pointer, &text),
        Value::Bool(value) => Ok(Part::Text(value.to_string())),
        Value::Number(digits) => Ok(Part::Text(digits)),
        Value::Text(text) if !text.is_empty() => Ok(Part::Text(text)),
        Value::Whole(canonical) if !is_empty(&canonical) => Ok(Part::Whole(canonical)),
        Value::Unreadable(why) => Err(KeyError::bad(format!(
            "the event cannot be read for its key at `{pointer}`: {why}"
        ))),
        missing => Err(KeyError::missing(format!(
            "`{pointer}` is {}",
            Described(&missing, variable)
        ))),
    }
}

/// The value of the header `Idempotency-Key`, which the IETF's draft puts in quotes and most clients do not.
fn idempotency_key(pointer: &Pointer, text: &str) -> Result<Part, KeyError> {
    let text = text.trim();
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    match quoted.unwrap_or(text) {
        "" => Err(KeyError::missing(format!(
            "`{pointer}` is an empty string; a lock needs a name"
        ))),
        key if key.len() > LONGEST_IDEMPOTENCY_KEY => Err(KeyError::bad(format!(
            "`{pointer}` has {} characters: expected at most {LONGEST_IDEMPOTENCY_KEY}",
            key.len()
        ))),
        key if key.contains('"') => Err(KeyError::bad(format!(
            "`{pointer}` holds more than one key: expected one, in quotes or without"
        ))),
        key => Ok(Part::Text(key.to_owned())),
    }
}

/// Clients make keys of random characters, and none needs more.
const LONGEST_IDEMPOTENCY_KEY: usize = 255;

fn is_empty(canonical: &str) -> bool {
    matches!(canonical, "[]" | "{}")
}

/// Describes the value that was found instead of a key, and what to do about it.
struct Described<'a>(&'a Value<'a>, &'static str);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Text(_) => f.write_str("an empty string; a lock needs a name"),
            whole @ Value::Whole(_) => {
                let kind = whole.to_string();
                let kind = kind.trim_start_matches("an ");
                write!(f, "an empty {kind}; a lock needs a name")
            }
            missing => write!(
                f,
                "{missing}; set {} to where the key stands in the event",
                self.1
            ),
        }
    }
}
