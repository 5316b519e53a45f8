//! A JSON pointer (RFC 6901) into the event's JSON text.
//!
//! The text is read once, from its beginning to its end: what does not lie on the pointer's path is
//! skipped, and neither kept nor copied. A string that the path leads on into is read as JSON, or as
//! JSON in base64, in the same manner.
//!
//! ```text
//! /Records/0/body/orderId
//!  │       │ │    └ a key inside the JSON that the string holds
//!  │       │ └ a string
//!  │       └ the elements after it are counted: an array of several is a batch
//!  └ a field, whose neighbours are skipped
//! ```
//!
//! The names of headers (what follows `headers` in the pointer) are found in any case.
//!
//! Where an object has a key twice the last one counts, as in the DOM that a handler might build.

mod canonical;
mod delivery;
mod found;
mod seek;

mod inside;
mod json;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;

pub(crate) use self::canonical::{canonical, canonical_text, is_json};
pub(crate) use self::found::{Found, Value};
use self::seek::Seek;

/// The way to one value in an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pointer {
    text: String,
    tokens: Vec<String>,
}

impl Pointer {
    /// Reads a pointer: a `/` before each token, in which `~1` is a `/` and `~0` is a `~`.
    pub(crate) fn parse(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() {
            return Err(PointerError::Empty);
        }
        let tokens: Vec<_> = text
            .strip_prefix('/')
            .ok_or_else(|| PointerError::NoSlash(text.to_owned()))?
            .split('/')
            .map(|token| unescape(token).ok_or_else(|| PointerError::Tilde(text.to_owned())))
            .collect::<Result<_, _>>()?;
        if tokens.iter().any(|token| token == "*") {
            return Err(PointerError::Star(text.to_owned()));
        }
        if let Some(changes) = delivery::changes(&tokens) {
            return Err(PointerError::Changes(text.to_owned(), changes));
        }
        Ok(Self {
            text: text.to_owned(),
            tokens,
        })
    }

    /// Reads a pointer that leads into each record of a batch: `/Records/*/..`, and `/records/*/*/..` of Kafka. `None` if
    /// it leads elsewhere.
    pub(crate) fn parse_in_record(text: &str) -> Option<Result<Self, PointerError>> {
        let inside = THROUGH
            .iter()
            .find_map(|through| text.strip_prefix(through))?;
        let inside = Self::parse(inside).and_then(Self::of_record);
        Some(match inside {
            Ok(Self { tokens, .. }) => Ok(Self {
                text: text.to_owned(),
                tokens,
            }),
            Err(PointerError::Changes(_, changes)) => {
                Err(PointerError::Changes(text.to_owned(), changes))
            }
            Err(PointerError::Empty) => {
                let changes = "a whole record changes with each delivery";
                Err(PointerError::Changes(text.to_owned(), changes))
            }
            Err(_) => Err(PointerError::Star(text.to_owned())),
        })
    }

    /// The same pointer, for a record: what it leads to there must not change with each delivery.
    pub(crate) fn of_record(self) -> Result<Self, PointerError> {
        let named = self
            .tokens
            .first()
            .is_some_and(|token| token.eq_ignore_ascii_case("records"));
        if named {
            return Err(PointerError::NotInRecord(self.text));
        }
        match delivery::changes_in_record(&self.tokens) {
            Some(changes) => Err(PointerError::Changes(self.text, changes)),
            None => Ok(self),
        }
    }

    /// Whether it leads to the header `Idempotency-Key`, in any case.
    pub(crate) fn is_idempotency_key(&self) -> bool {
        let named = |headers: &str| headers == "headers" || headers == "multiValueHeaders";
        matches!(
            &self.tokens[..],
            [headers, name, ..] if named(headers) && name.eq_ignore_ascii_case("idempotency-key")
        )
    }

    /// Whether it says where the records are.
    pub(crate) fn is_through_records(&self) -> bool {
        THROUGH.iter().any(|through| self.text.starts_with(through))
    }

    /// Follows the pointer into the JSON text of an event.
    pub(crate) fn find(&self, event: &str) -> Found<'_> {
        json::event(event, Seek::new(&self.text, &self.tokens, 0))
    }

    /// Follows the pointer into the string `text`, which lies behind the first `done` of its tokens.
    #[cfg(feature = "http")]
    pub(crate) fn find_inside(&self, text: &str, done: usize) -> Found<'_> {
        json::string(text, Seek::new(&self.text, &self.tokens, done))
    }

    #[cfg(feature = "http")]
    pub(crate) fn tokens(&self) -> &[String] {
        &self.tokens
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The token without its escapes, or `None` where a `~` is not one.
fn unescape(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        match part.split_at_checked(1)? {
            ("0", rest) => plain.extend(["~", rest]),
            ("1", rest) => plain.extend(["/", rest]),
            _ => return None,
        }
    }
    Some(plain)
}

/// The ways into each record of a batch.
const THROUGH: [&str; 2] = ["/Records/*", "/records/*/*"];

/// Why a text is no pointer to a key.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PointerError {
    /// It names the whole event, which is a pointer, but not to a key.
    Empty,
    /// It does not start with a `/`.
    NoSlash(String),
    /// It has a `~` that is neither `~0` nor `~1`.
    Tilde(String),
    /// It has a `*` where there is no record.
    Star(String),
    /// It leads through the list of records, and not into each of them.
    NotInRecord(String),
    /// It names something that is another with each delivery of the same event, for the reason given.
    Changes(String, &'static str),
}

impl fmt::Display for PointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, right) = match self {
            Self::Empty => {
                return f.write_str(
                    "an empty JSON pointer names the whole event; name a field, as in `/orderId`",
                );
            }
            Self::Changes(text, changes) => {
                let why = "two deliveries of one event would have two locks";
                return write!(f, "`{text}` cannot be a key: {changes}, so that {why}");
            }
            Self::NoSlash(text) => (text, "it must start with `/`, as in `/orderId`"),
            Self::Tilde(text) => (
                text,
                "in a name, `~` is written `~0` and `/` is written `~1`",
            ),
            Self::Star(text) => (
                text,
                "`*` stands for each record, as in `/Records/*/body` and in Kafka's `/records/*/*/value`, and nowhere else",
            ),
            Self::NotInRecord(text) => {
                return write!(
                    f,
                    "`{text}` does not lead into each record: write `*` in place of the number, as in `/Records/*/body`, \
                     for every pointer of the rule"
                );
            }
        };
        write!(f, "`{text}` is not a JSON pointer: {right}")
    }
}

impl Error for PointerError {}
