//! An event, as far as keys and refusals look into it.

use crate::event::pointer::{Found, Pointer};
use crate::event::source::Source;

/// An event into which pointers lead.
pub(crate) trait Event {
    /// The value at a pointer.
    fn find<'p>(&self, pointer: &'p Pointer) -> Found<'p>;

    /// Where the event comes from, in AWS's own words, such as `aws:sqs`.
    fn origin(&self) -> Option<String>;

    /// Whether the event belongs to a durable execution.
    fn is_durable(&self) -> bool;

    /// The kind of caller that waits for the response.
    fn source(&self) -> Source;

    /// Whether nobody reads the response.
    fn discards_responses(&self) -> bool;

    /// The parts of what is asked for, of a request that is no JSON text.
    fn request(&self) -> Option<Vec<String>> {
        None
    }

    /// Whether it is a record, for a pointer that leads into one.
    fn is_record(&self, pointer: &Pointer) -> bool;
}

/// The JSON text of an event, as the Runtime API delivers it.
impl Event for str {
    fn find<'p>(&self, pointer: &'p Pointer) -> Found<'p> {
        pointer.find(self)
    }

    fn origin(&self) -> Option<String> {
        Source::origin(self)
    }

    fn is_durable(&self) -> bool {
        Source::is_durable(self)
    }

    fn source(&self) -> Source {
        Source::of(self)
    }

    fn discards_responses(&self) -> bool {
        Source::discards_responses(self)
    }

    /// An event that is no batch is one record; but for a pointer that says where the records are it has none.
    fn is_record(&self, pointer: &Pointer) -> bool {
        !pointer.is_through_records()
    }
}

/// One record of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordEvent<'e> {
    pub(crate) text: &'e str,
    /// Where the batch comes from.
    pub(crate) origin: Option<&'e str>,
}

impl Event for RecordEvent<'_> {
    fn find<'p>(&self, pointer: &'p Pointer) -> Found<'p> {
        pointer.find(self.text)
    }

    fn origin(&self) -> Option<String> {
        self.origin.map(str::to_owned)
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn source(&self) -> Source {
        Source::Errors
    }

    fn discards_responses(&self) -> bool {
        true
    }

    fn is_record(&self, _pointer: &Pointer) -> bool {
        true
    }
}
