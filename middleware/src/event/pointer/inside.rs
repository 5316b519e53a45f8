//! The way into an array or an object: which value to enter, and what was found in it.

use super::found::{Found, Value};
use super::seek::{Name, Seek};

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
            len: 0,
            found: seek.stop(Value::Array),
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
    found: Found<'p>,
}

impl<'p> Entries<'p> {
    /// The entries of the object at `seek`.
    pub(super) fn of(seek: Seek<'p>) -> Self {
        Self {
            wanted: seek.step(),
            found: seek.stop(Value::Object),
        }
    }

    /// The place of the next entry, if `key` is the one through which the path leads.
    pub(super) fn next(&self, key: &str) -> Option<Seek<'p>> {
        let wanted = self.wanted.filter(|(name, _)| name.is(key));
        wanted.map(|(_, inside)| inside)
    }

    /// Takes what the next entry held, `None` if it was skipped.
    pub(super) fn put(&mut self, found: Option<Found<'p>>) {
        if let Some(found) = found {
            self.found = found;
        }
    }

    /// What was found when the last entry is done.
    pub(super) fn done(self) -> Found<'p> {
        self.found
    }
}
