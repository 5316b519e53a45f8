//! A JSON pointer (RFC 6901) into the event.
//!
//! The pointer is followed while the event serializes: what does not lie on its path is neither
//! visited nor copied. A string that the path leads on into is read as JSON, or as JSON in base64,
//! in the same manner.
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

mod found;
mod seek;

mod base64;
mod inside;
mod json;

mod whole;

mod compound;
mod serializer;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;

use serde::Serialize;

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
        let tokens = text
            .strip_prefix('/')
            .ok_or_else(|| PointerError::NoSlash(text.to_owned()))?
            .split('/')
            .map(|token| unescape(token).ok_or_else(|| PointerError::Tilde(text.to_owned())))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.to_owned(),
            tokens,
        })
    }

    /// Follows the pointer into `event`.
    ///
    /// That it leads nowhere is an answer, [`Value::Missing`]; an error is what the event's own
    /// `Serialize` fails with.
    pub(crate) fn find<T>(&self, event: &T) -> Result<Found<'_>, serde_json::Error>
    where
        T: Serialize + ?Sized,
    {
        whole::visit(Seek::new(&self.text, &self.tokens), event)
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
}

impl fmt::Display for PointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, right) = match self {
            Self::Empty => {
                return f.write_str(
                    "an empty JSON pointer names the whole event; name a field, as in `/orderId`",
                );
            }
            Self::NoSlash(text) => (text, "it must start with `/`, as in `/orderId`"),
            Self::Tilde(text) => (
                text,
                "in a name, `~` is written `~0` and `/` is written `~1`",
            ),
        };
        write!(f, "`{text}` is not a JSON pointer: {right}")
    }
}

impl Error for PointerError {}
