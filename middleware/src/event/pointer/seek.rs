//! A place on the way: what of the pointer lies behind, and what is still to go.

use super::found::{Found, Value};

/// A place in the event, and the tokens that lead on from it.
#[derive(Clone, Copy)]
pub(super) struct Seek<'p> {
    pointer: &'p str,
    tokens: &'p [String],
    done: usize,
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
    /// The place behind the first `done` of a pointer's tokens.
    pub(super) fn new(pointer: &'p str, tokens: &'p [String], done: usize) -> Self {
        Self {
            pointer,
            tokens,
            done,
        }
    }

    /// Whether the pointer ends here.
    pub(super) fn is_there(self) -> bool {
        self.rest().is_empty()
    }

    /// The way on: the name of the member that it leads through, and the place behind it.
    pub(super) fn step(self) -> Option<(Name<'p>, Self)> {
        let (before, rest) = self.tokens.split_at(self.done);
        let token = rest.first()?;
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

    /// The element of an array that it names. RFC 6901 has neither signs nor leading zeros, and its
    /// `-` is the element after the last, which is never there.
    pub(super) fn index(self) -> Option<usize> {
        let (Self::Exact(token) | Self::AnyCase(token)) = self;
        let plain = token == "0" || !token.starts_with(['0', '+']);
        token.parse().ok().filter(|_| plain)
    }
}
