//! A place on the way: what of the pointer lies behind, and what is still to go.

use super::found::{Found, Value};

/// A place in the event, and the tokens that lead on from it.
#[derive(Clone, Copy)]
pub(super) struct Seek<'p> {
    pointer: &'p str,
    tokens: &'p [String],
    done: usize,
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

/// The name of a member of an object.
#[derive(Clone, Copy)]
pub(super) enum Name<'p> {
    /// Written just so.
    Exact(&'p str),
    /// In large or small letters.
    AnyCase(&'p str),
}

/// The names of the objects whose members are the headers of a request: one API keeps the case in
/// which the client has written them, another makes all letters small.
const HEADERS: [&str; 2] = ["headers", "multiValueHeaders"];

impl<'p> Seek<'p> {
    /// The event itself, where `pointer` begins; `tokens` are its steps.
    pub(super) fn new(pointer: &'p str, tokens: &'p [String]) -> Self {
        Self {
            pointer,
            tokens,
            done: 0,
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
            Reading::Text if !self.rest().is_empty() => Reading::Json,
            string => string,
        }
    }

    /// Whether the value that lies here is the one that the pointer names.
    pub(super) fn is_there(self) -> bool {
        matches!(self.string, Reading::Text) && self.rest().is_empty()
    }

    /// The next token and where it leads: `None` at the pointer's end, and where only a string of
    /// `serde_json`'s own belongs.
    pub(super) fn step(self) -> Option<(Name<'p>, Self)> {
        let (before, rest) = self.tokens.split_at(self.done);
        let (Reading::Text, Some(token)) = (self.string, rest.first()) else {
            return None;
        };
        let name = match before.last() {
            Some(object) if HEADERS.contains(&object.as_str()) => Name::AnyCase(token),
            _ => Name::Exact(token),
        };
        let done = self.done + 1;
        Some((name, Self { done, ..self }))
    }

    /// `value`, if the pointer ends here; else it is what lies here instead of a way on.
    pub(super) fn stop(self, value: Value<'p>) -> Found<'p> {
        match self.rest() {
            [] => value.into(),
            _ => Value::Missing {
                at: self.path(),
                there: value.kind(),
            }
            .into(),
        }
    }

    /// What is found in a value of the type `of`, if it has not the field that leads on.
    pub(super) fn no_field(self, of: &'static str) -> Found<'p> {
        match self.rest() {
            [] => Value::Object.into(),
            _ => Value::NoField {
                at: self.path(),
                of,
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

    fn rest(self) -> &'p [String] {
        &self.tokens[self.done..]
    }

    /// The part of the pointer that lies behind.
    fn path(self) -> &'p str {
        // There is one `/` before each token and none inside, for there it is written `~1`.
        let parts = self.pointer.rsplitn(self.rest().len() + 1, '/');
        parts.last().unwrap_or_default()
    }
}

impl Name<'_> {
    /// Whether a member's key is this name.
    pub(super) fn is(self, key: &str) -> bool {
        match self {
            Self::Exact(name) => name == key,
            Self::AnyCase(name) => name.eq_ignore_ascii_case(key),
        }
    }

    /// What is left of the name after `part`, if it begins so.
    pub(super) fn after(self, part: &str) -> Option<Self> {
        match self {
            Self::Exact(name) => name.strip_prefix(part).map(Self::Exact),
            Self::AnyCase(name) => {
                let (begin, rest) = name.split_at_checked(part.len())?;
                begin
                    .eq_ignore_ascii_case(part)
                    .then_some(Self::AnyCase(rest))
            }
        }
    }

    /// The element of an array that it names. RFC 6901 has neither signs nor leading zeros, and its
    /// `-` is the element after the last, which is never there.
    pub(super) fn index(self) -> Option<usize> {
        let (Self::Exact(token) | Self::AnyCase(token)) = self;
        let plain = token == "0" || !token.starts_with(['0', '+']);
        token.parse().ok().filter(|_| plain)
    }
}
