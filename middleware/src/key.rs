//! From the event to the key.

mod grammar;

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use dynamodb_locks::{Error, Vars};

use crate::event::Event;
use crate::invocation::Invocation;
use crate::name::{Part, name};
use crate::pointer::{Found, Pointer, Value};

pub use self::grammar::KeyRuleError;

/// Where the key of an event comes from, as `LOCKS_KEY` says it: one part or several with commas.
///
/// | part | what it is |
/// |---|---|
/// | `/orderId` | a JSON pointer (RFC 6901) into the event; also into strings that hold JSON |
/// | `@tenant` | the tenant on whose behalf the function is invoked |
/// | `@function` | the function's name |
/// | `@source` | where the event comes from, such as `aws:sqs`, or the `source` of an event of EventBridge |
/// | `'nightly'` | this text; a quote in it is written twice |
#[derive(Clone, Debug)]
pub struct KeyRule(Vec<Term>);

/// One part of a rule.
#[derive(Clone, Debug)]
enum Term {
    Pointer(Pointer),
    Tenant,
    Function,
    Source,
    Constant(String),
}

/// Why an event has no key.
#[derive(Debug)]
pub struct KeyError {
    kind: Kind,
    why: BadKey,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// There is nothing where the key should be.
    Missing,
    /// There is something that cannot be a key.
    Bad,
}

/// Why an event cannot be locked, for people.
#[derive(Debug)]
pub(crate) struct BadKey(String);

/// What becomes of an event without a key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum OnMissing {
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
    /// Refuse it, because its handler is run again and again, in many invocations.
    Durable,
}

const ON_MISSING: &str = "LOCKS_ON_MISSING";

impl KeyRule {
    /// Reads a rule.
    ///
    /// # Errors
    ///
    /// When a part is neither a JSON pointer to a key nor one of the words, nor a quoted text.
    pub fn parse(text: &str) -> Result<Self, KeyRuleError> {
        grammar::parse(text)
    }

    /// The key of an event, which is its JSON text: the name of the lock that the layer acquires for it.
    /// Also for people who want to look a lock up.
    ///
    /// ```
    /// # use lambda_locks::{Invocation, KeyRule};
    /// let rule = KeyRule::parse("@tenant,/Records/0/body/orderId")?;
    /// let event = r#"{"Records": [{"body": "{\"orderId\": 42}"}]}"#;
    /// assert_eq!(rule.key(event, Invocation::new().tenant_id("t1"))?, "t1#42");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the event has no key, or is a batch of which the pointers name one record.
    pub fn key(&self, event: &str, about: Invocation<'_>) -> Result<String, KeyError> {
        self.find(event, about)
    }

    pub(crate) fn find<E>(&self, event: &E, about: Invocation<'_>) -> Result<String, KeyError>
    where
        E: Event + ?Sized,
    {
        let parts = self.0.iter().map(|term| term.part(event, about));
        Ok(name(&parts.collect::<Result<Vec<_>, _>>()?))
    }
}

impl Term {
    fn part<E: Event + ?Sized>(&self, event: &E, about: Invocation<'_>) -> Result<Part, KeyError> {
        let text = match self {
            Self::Pointer(pointer) => return part(pointer, event.find(pointer)),
            Self::Constant(text) => Some(text.clone()),
            Self::Tenant => about.tenant_id.map(str::to_owned),
            Self::Function => about.function.map(str::to_owned),
            Self::Source => event.origin(),
        };
        let known = text.filter(|text| !text.is_empty());
        let missing = || KeyError::missing(format!("`{self}` is missing; {}", self.missing()));
        known.map(Part::Text).ok_or_else(missing)
    }

    fn missing(&self) -> &'static str {
        match self {
            Self::Tenant => "the function is not invoked with a tenant id",
            Self::Function => "the function's name is not known outside Lambda",
            _ => "the event does not say where it comes from",
        }
    }
}

fn part(pointer: &Pointer, found: Found<'_>) -> Result<Part, KeyError> {
    let Found { value, batch } = found;
    if let Some(records) = batch {
        return Err(KeyError::bad(format!(
            "`{pointer}` points to one of {records} records, and the lock would protect only that one; \
             set BatchSize 1"
        )));
    }
    match value {
        Value::Bool(value) => Ok(Part::Text(value.to_string())),
        Value::Number(digits) => Ok(Part::Text(digits)),
        Value::Text(text) if !text.is_empty() => Ok(Part::Text(text)),
        Value::Whole(canonical) if !is_empty(&canonical) => Ok(Part::Whole(canonical)),
        Value::Unreadable(why) => Err(KeyError::bad(format!(
            "the event cannot be read for its key at `{pointer}`: {why}"
        ))),
        missing => Err(KeyError::missing(format!(
            "`{pointer}` is {}",
            Described(&missing)
        ))),
    }
}

fn is_empty(canonical: &str) -> bool {
    matches!(canonical, "[]" | "{}")
}

/// What is there instead of a key, and what to do about it.
struct Described<'a>(&'a Value<'a>);

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
                "{missing}; set LOCKS_KEY to where the key stands in the event"
            ),
        }
    }
}

impl KeyError {
    pub(crate) fn missing(why: impl Into<String>) -> Self {
        Self::new(Kind::Missing, why)
    }

    pub(crate) fn bad(why: impl Into<String>) -> Self {
        Self::new(Kind::Bad, why)
    }

    fn new(kind: Kind, why: impl Into<String>) -> Self {
        let why = BadKey(why.into());
        Self { kind, why }
    }

    /// Whether there is nothing where the key should be, as against something that cannot be one.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.kind == Kind::Missing
    }
}

impl FromStr for KeyRule {
    type Err = KeyRuleError;

    fn from_str(text: &str) -> Result<Self, KeyRuleError> {
        Self::parse(text)
    }
}

impl fmt::Display for KeyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, term) in self.0.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer(pointer) => pointer.fmt(f),
            Self::Tenant => f.write_str("@tenant"),
            Self::Function => f.write_str("@function"),
            Self::Source => f.write_str("@source"),
            Self::Constant(text) => write!(f, "'{}'", text.replace('\'', "''")),
        }
    }
}

impl OnMissing {
    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let words = [
            ("error", Self::Error),
            ("run", Self::Run),
            ("skip", Self::Skip),
        ];
        vars.choice(ON_MISSING, &words)
    }

    /// What is to be done for an event with this key, or with none.
    pub(crate) fn decide(self, key: Result<String, KeyError>) -> Decision {
        let KeyError { kind, why } = match key {
            Ok(key) => return Decision::Lock(key),
            Err(none) => none,
        };
        match (kind, self) {
            (Kind::Missing, Self::Run) => Decision::Run(why),
            (Kind::Missing, Self::Skip) => Decision::Skip(why),
            (Kind::Missing, Self::Error) | (Kind::Bad, _) => Decision::Bad(why),
        }
    }
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl StdError for KeyError {}

#[cfg(test)]
mod tests;
