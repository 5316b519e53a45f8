//! From the event to the key.

mod grammar;

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use dynamodb_locks::{Error, Operation, Vars};

use crate::event::Event;
use crate::invocation::Invocation;
use crate::name::{Part, name};
use crate::pointer::{Found, Pointer, PointerError, Value};

pub use self::grammar::KeyRuleError;

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

/// What happens to an event without a key.
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

/// The decision about an event.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Acquire this lock first.
    Lock(String, Option<Operation>),
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

impl Term {
    fn part<E>(
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

impl OnMissing {
    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let words = [
            ("error", Self::Error),
            ("run", Self::Run),
            ("skip", Self::Skip),
        ];
        vars.choice(ON_MISSING, &words)
    }

    /// The decision about an event with this key, or without one.
    pub(crate) fn decide(self, key: Result<String, KeyError>) -> Decision {
        let KeyError { kind, why } = match key {
            Ok(key) => return Decision::Lock(key, None),
            Err(none) => none,
        };
        match (kind, self) {
            (Kind::Missing, Self::Run) => Decision::Run(why),
            (Kind::Missing, Self::Skip) => Decision::Skip(why),
            (Kind::Missing, Self::Error) | (Kind::Bad, _) => Decision::Bad(why),
        }
    }

    /// The same where events are deduplicated. One without an idempotency key that is to run does so under its lock; one
    /// without the key of a lock, under `own_key`.
    pub(crate) fn decide_once(
        self,
        key: Result<String, KeyError>,
        operation: Result<Operation, KeyError>,
        own_key: Option<String>,
    ) -> Decision {
        match (self.decide(key), operation) {
            (Decision::Run(why), Ok(operation)) => match own_key {
                Some(key) => Decision::Lock(key, Some(operation)),
                None => Decision::Run(why),
            },
            (Decision::Lock(key, _), Ok(operation)) => Decision::Lock(key, Some(operation)),
            (Decision::Lock(key, _), Err(none)) => match self.decide(Err(none)) {
                Decision::Run(why) => {
                    tracing::info!(%why, "the event is not deduplicated");
                    Decision::Lock(key, None)
                }
                decision => decision,
            },
            (decision, _) => decision,
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
