//! From the event to the key.

use std::fmt;

use dynamodb_locks::{Error, Vars};
use serde::Serialize;

use crate::name::{Part, name};
use crate::pointer::{Found, Pointer, PointerError, Value};

/// Where the key stands in an event: one JSON pointer or several, as `LOCKS_KEY` names them.
#[derive(Clone, Debug)]
pub struct Pointers(Vec<Pointer>);

/// Why an event has no key.
#[derive(Debug)]
pub enum NoKey {
    /// There is nothing where the key should be.
    Missing(BadKey),
    /// There is something that cannot be a key.
    Bad(BadKey),
}

/// Why an event cannot be locked, for people.
#[derive(Debug)]
pub struct BadKey(String);

/// What becomes of an event without a key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum OnMissing {
    /// It is refused.
    #[default]
    Error,
    /// The handler runs without a lock.
    Run,
    /// The handler does not run.
    Skip,
}

/// What is to be done for an event.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Take this lock first.
    Lock(String),
    /// Run without a lock.
    Run(BadKey),
    /// Do not run.
    Skip(BadKey),
    /// Refuse it.
    Bad(BadKey),
}

const ON_MISSING: &str = "LOCKS_ON_MISSING";

impl Pointers {
    /// Reads pointers with commas between them.
    pub(crate) fn parse(text: &str) -> Result<Self, PointerError> {
        text.split(',')
            .map(|pointer| Pointer::parse(pointer.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The key of an event.
    pub(crate) fn key<T: Serialize + ?Sized>(&self, event: &T) -> Result<String, NoKey> {
        let parts = self.0.iter().map(|pointer| part(pointer, event));
        Ok(name(&parts.collect::<Result<Vec<_>, _>>()?))
    }
}

fn part<T: Serialize + ?Sized>(pointer: &Pointer, event: &T) -> Result<Part, NoKey> {
    let found = pointer.find(event);
    let Found { value, batch } = found.map_err(|error| {
        NoKey::bad(format!(
            "the event cannot be read for its key at `{pointer}`: {error}"
        ))
    })?;
    if let Some(records) = batch {
        return Err(NoKey::bad(format!(
            "`{pointer}` points to one of {records} records, and the lock would protect only that one; \
             set BatchSize 1, or point to something above the records"
        )));
    }
    match value {
        Value::Bool(value) => Ok(Part::Text(value.to_string())),
        Value::Number(digits) => Ok(Part::Text(digits)),
        Value::Text(text) if !text.is_empty() => Ok(Part::Text(text)),
        Value::Whole(canonical) if !is_empty(&canonical) => Ok(Part::Whole(canonical)),
        missing => Err(NoKey::missing(format!("`{pointer}` is {}", Why(&missing)))),
    }
}

fn is_empty(canonical: &str) -> bool {
    matches!(canonical, "[]" | "{}")
}

/// What is there instead of a key, and what to do about it.
struct Why<'a>(&'a Value<'a>);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Text(_) => f.write_str("an empty string; a lock needs a name"),
            whole @ Value::Whole(_) => {
                let kind = whole.to_string();
                let kind = kind.trim_start_matches("an ");
                write!(f, "an empty {kind}; a lock needs a name")
            }
            dropped @ Value::NoField { .. } => write!(
                f,
                "{dropped} and has no such field, so that it drops what the event says there; add the \
                 field to the type, or set LOCKS_KEY to one that it has"
            ),
            missing => write!(
                f,
                "{missing}; set LOCKS_KEY to where the key stands, and see that the handler's payload \
                 type keeps that field"
            ),
        }
    }
}

impl NoKey {
    pub(crate) fn missing(why: impl Into<String>) -> Self {
        Self::Missing(BadKey(why.into()))
    }

    pub(crate) fn bad(why: impl Into<String>) -> Self {
        Self::Bad(BadKey(why.into()))
    }
}

impl OnMissing {
    pub(crate) fn from_vars(vars: &Vars) -> Result<Self, Error> {
        let words = [
            ("error", Self::Error),
            ("run", Self::Run),
            ("skip", Self::Skip),
        ];
        Ok(vars.choice(ON_MISSING, &words)?.unwrap_or_default())
    }

    /// What is to be done for an event with this key, or with none.
    pub(crate) fn decide(self, key: Result<String, NoKey>) -> Decision {
        match (key, self) {
            (Ok(key), _) => Decision::Lock(key),
            (Err(NoKey::Missing(why)), Self::Run) => Decision::Run(why),
            (Err(NoKey::Missing(why)), Self::Skip) => Decision::Skip(why),
            (Err(NoKey::Missing(why) | NoKey::Bad(why)), _) => Decision::Bad(why),
        }
    }
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
