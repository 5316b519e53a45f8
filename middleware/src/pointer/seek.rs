//! A place on the way: what of the pointer lies behind, and what is still to go.

use super::found::{Found, Value};

/// A place in the event, and the tokens that lead on from it.
#[derive(Clone, Copy)]
pub(super) struct Seek<'p> {
    pointer: &'p str,
    rest: &'p [String],
    string: Reading,
}

/// How a string is read.
#[derive(Clone, Copy)]
pub(super) enum Reading {
    /// As a text; as JSON where the pointer leads on into it.
    Text,
    /// As the JSON of the value that belongs here.
    Json,
    /// As the digits of a number.
    Digits,
}

impl<'p> Seek<'p> {
    /// The event itself, where `pointer` begins; `tokens` are its steps.
    pub(super) fn new(pointer: &'p str, tokens: &'p [String]) -> Self {
        Self {
            pointer,
            rest: tokens,
            string: Reading::Text,
        }
    }

    /// The same place, where a string is to be read in another way.
    pub(super) fn reading(self, string: Reading) -> Self {
        Self { string, ..self }
    }

    /// How a string that lies here is to be read.
    pub(super) fn string(self) -> Reading {
        match self.string {
            Reading::Text if !self.rest.is_empty() => Reading::Json,
            string => string,
        }
    }

    /// The next token and where it leads: `None` at the pointer's end, and where only a string of
    /// `serde_json`'s own belongs.
    pub(super) fn step(self) -> Option<(&'p str, Self)> {
        match (self.string, self.rest) {
            (Reading::Text, [token, rest @ ..]) => Some((token, Self { rest, ..self })),
            _ => None,
        }
    }

    /// `value`, if the pointer ends here; else it is what lies here instead of a way on.
    pub(super) fn stop(self, value: Value<'p>) -> Found<'p> {
        match self.rest {
            [] => value.into(),
            _ => Value::Missing {
                at: self.path(),
                there: value.kind(),
            }
            .into(),
        }
    }

    /// What is found in a string that should have been JSON.
    pub(super) fn not_json(self, why: &serde_json::Error) -> Found<'p> {
        Value::NotJson {
            at: self.path(),
            why: why.to_string(),
        }
        .into()
    }

    /// The part of the pointer that lies behind.
    fn path(self) -> &'p str {
        // There is one `/` before each token and none inside, for there it is written `~1`.
        let parts = self.pointer.rsplitn(self.rest.len() + 1, '/');
        parts.last().unwrap_or_default()
    }
}
