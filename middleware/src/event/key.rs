//! From the event to the key.

mod grammar;
mod missing;
mod part;

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use crate::event::Event;
use crate::event::invocation::Invocation;
use crate::event::name::name;
use crate::event::pointer::{Pointer, PointerError};

pub use self::grammar::KeyRuleError;
pub(crate) use self::missing::Decision;
pub use self::missing::OnMissing;

/// Where the key of an event comes from, as `LOCKS_KEY` says it: one part or several with commas.
///
/// | part | what it is |
/// |---|---|
/// | `/orderId` | a JSON pointer (RFC 6901) into the event; also into strings that hold JSON |
/// | `/Records/*/body/orderId` | the same into each record of a batch: each record has its own lock |
/// | `@tenant` | the tenant on whose behalf the function is invoked |
/// | `@function` | the function's name |
/// | `@source` | where the event comes from, such as `aws:sqs`, or the `source` of an event of EventBridge |
/// | `@request-id` | the id of the invocation, which Lambda's own retries of an asynchronous event share |
/// | `'nightly'` | this text; a quote in it is written twice |
#[derive(Clone, Debug)]
pub struct KeyRule {
    terms: Vec<Term>,
    /// The variable that sets it, for messages.
    variable: &'static str,
}

/// One part of a rule.
#[derive(Clone, Debug)]
enum Term {
    Pointer(Pointer),
    /// A pointer into a record of a batch.
    InRecord(Pointer),
    Tenant,
    Function,
    Source,
    RequestId,
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
    /// The key is missing.
    Missing,
    /// The value cannot be a key.
    Bad,
}

/// Why an event cannot be locked, for people.
#[derive(Debug)]
pub(crate) struct BadKey(String);

impl KeyRule {
    /// Reads a rule.
    ///
    /// # Errors
    ///
    /// If a part is neither a JSON pointer to a key nor one of the words, nor a quoted text.
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
    /// If the event has no key, or is a batch of which the pointers name one record.
    pub fn key(&self, event: &str, about: Invocation<'_>) -> Result<String, KeyError> {
        self.find(event, about)
    }

    pub(crate) fn find<E>(&self, event: &E, about: Invocation<'_>) -> Result<String, KeyError>
    where
        E: Event + ?Sized,
    {
        let parts = self.terms.iter();
        let parts = parts.map(|term| term.part(event, about, self.variable));
        Ok(name(&parts.collect::<Result<Vec<_>, _>>()?))
    }

    /// Whether it names a key of each record, and not of the event.
    pub(crate) fn is_of_records(&self) -> bool {
        self.terms
            .iter()
            .any(|term| matches!(term, Term::InRecord(_)))
    }

    /// A pointer of the rule that leads into the event, and not into each record.
    fn pointer_outside_records(&self) -> Option<&Pointer> {
        self.terms.iter().find_map(|term| match term {
            Term::Pointer(pointer) => Some(pointer),
            _ => None,
        })
    }

    /// The same rule for each record: its pointers lead into the record, or through a `*`.
    pub(crate) fn of_records(self) -> Result<Self, PointerError> {
        let terms = self.terms.into_iter().map(|term| match term {
            Term::Pointer(pointer) => pointer.of_record().map(Term::InRecord),
            term => Ok(term),
        });
        let terms = terms.collect::<Result<_, _>>()?;
        Ok(Self { terms, ..self })
    }

    /// The same rule, set by another variable.
    pub(crate) fn of(self, variable: &'static str) -> Self {
        Self { variable, ..self }
    }

    /// The same rule, for keys that nobody else has who names another scope.
    pub(crate) fn within(&self, scope: &str) -> Self {
        let mut rule = self.clone();
        rule.terms.insert(0, Term::Constant(scope.to_owned()));
        rule
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

    /// Whether the key is missing, and not only invalid.
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
        for (number, term) in self.terms.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer(pointer) | Self::InRecord(pointer) => pointer.fmt(f),
            Self::Tenant => f.write_str("@tenant"),
            Self::Function => f.write_str("@function"),
            Self::Source => f.write_str("@source"),
            Self::RequestId => f.write_str("@request-id"),
            Self::Constant(text) => write!(f, "'{}'", text.replace('\'', "''")),
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
