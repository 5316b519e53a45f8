//! The way into an array or an object: which value to enter, and what was found in it.
//!
//! The values of the event and those of JSON in a string are entered by the same rules, these.

use super::found::{Found, Value};
use super::seek::{Name, Reading, Seek};

/// The only key of the object as which `serde_json` passes a number on when it keeps numbers as
/// text: for the whole program, as soon as one crate in it asks for `arbitrary_precision`.
const NUMBER: Name<'_> = Name::Exact("$serde_json::private::Number");

/// The elements of an array, one after the other.
pub(super) struct Elements<'p> {
    wanted: Option<(usize, Seek<'p>)>,
    len: usize,
    found: Found<'p>,
}

impl<'p> Elements<'p> {
    /// The elements of the array at `seek`.
    pub(super) fn of(seek: Seek<'p>) -> Self {
        let wanted = seek
            .step()
            .and_then(|(token, inside)| Some((token.index()?, inside)));
        Self {
            wanted,
            ..Self::skipped(seek.stop(Value::Array))
        }
    }

    /// The elements of an array that does not lie on the path, `found` being what does.
    pub(super) fn skipped(found: Found<'p>) -> Self {
        Self {
            wanted: None,
            len: 0,
            found,
        }
    }

    /// The place of the next element, if the path leads through it.
    pub(super) fn next(&self) -> Option<Seek<'p>> {
        self.wanted
            .filter(|(index, _)| *index == self.len)
            .map(|(_, inside)| inside)
    }

    /// Takes what the next element held, `None` if it was skipped.
    pub(super) fn put(&mut self, found: Option<Found<'p>>) {
        self.len += 1;
        if let Some(found) = found {
            self.found = found;
        }
    }

    /// What was found when the last element is done.
    pub(super) fn done(mut self) -> Found<'p> {
        if self.wanted.is_some() && self.len > 1 {
            self.found.batch = Some(self.len);
        }
        self.found
    }
}

/// The entries of an object, one after the other.
pub(super) struct Entries<'p> {
    wanted: Option<(Name<'p>, Seek<'p>)>,
    number: Option<Seek<'p>>,
    found: Found<'p>,
}

impl<'p> Entries<'p> {
    /// The entries of the object at `seek`.
    pub(super) fn of(seek: Seek<'p>) -> Self {
        Self {
            wanted: seek.step(),
            number: Some(seek.reading(Reading::Digits)),
            found: seek.stop(Value::Object),
        }
    }

    /// The fields of the struct at `seek`, which is of the type `name`.
    pub(super) fn of_struct(name: &'static str, seek: Seek<'p>) -> Self {
        Self {
            found: seek.no_field(name),
            ..Self::of(seek)
        }
    }

    /// The one entry of an object that only wraps the JSON of the value at `seek`.
    pub(super) fn wrapping(key: &'p str, seek: Seek<'p>) -> Self {
        Self {
            wanted: Some((Name::Exact(key), seek.reading(Reading::Json))),
            ..Self::of(seek)
        }
    }

    /// The entries of an object that does not lie on the path, `found` being what does.
    pub(super) fn skipped(found: Found<'p>) -> Self {
        Self {
            wanted: None,
            number: None,
            found,
        }
    }

    /// The place of the next entry, if its key `is` the one through which the path leads.
    pub(super) fn next(&mut self, is: impl Fn(Name<'_>) -> bool) -> Option<Seek<'p>> {
        // Only the first key can be a number's, and the path's own counts after it: no event
        // can hide what it says at the path behind that name.
        let number = self.number.take().filter(|_| is(NUMBER));
        let wanted = self.wanted.filter(|(name, _)| is(*name));
        wanted.map(|(_, inside)| inside).or(number)
    }

    /// Takes what the next entry held, `None` if it was skipped.
    pub(super) fn put(&mut self, found: Option<Found<'p>>) {
        if let Some(found) = found {
            self.found = found;
        }
    }

    /// Takes note of a field that the struct has and does not serialize, for it is empty.
    pub(super) fn leave_out(&mut self, key: &str) {
        if let Some((_, inside)) = self.wanted.filter(|(name, _)| name.is(key)) {
            self.found = inside.stop(Value::Null);
        }
    }

    /// What was found when the last entry is done.
    pub(super) fn done(self) -> Found<'p> {
        self.found
    }
}
