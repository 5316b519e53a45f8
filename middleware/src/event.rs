//! An event, as far as keys and refusals look into it.

use crate::pointer::{Found, Pointer};
use crate::source::Source;

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
}
