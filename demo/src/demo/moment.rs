//! Something that a person should see.

use std::sync::Arc;
use std::time::Duration;

use testkit::lambda::Answer;

/// When, where and what.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    /// Since the Unix epoch.
    pub(super) at: Duration,
    pub(super) environment: Arc<str>,
    pub(super) event: Event,
}

/// What there is to see.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// An event is sent: the order that it is about, and which event it is.
    Sent(String, String),
    /// Function and extension are up.
    Up,
    /// Work on an order begins, with this fence.
    Begins(String, Option<u64>),
    /// Work on an order ends.
    Ends(String),
    /// The function is killed.
    Killed,
    /// Its process is gone.
    Reaped,
    /// The extension has given back the lock with this key and fence, and how.
    Recovered(String, Option<u64>, String),
    /// The extension's process is gone.
    ExtensionEnded(Option<i32>),
    /// The event was done before, and nothing runs.
    Duplicate(Known),
    /// What became of the event.
    Answered(Answer),
}

/// How it became known that an event was done before.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Known {
    /// The environment knew, and asked nobody.
    FromMemory,
    /// The table said so at once.
    FromTable,
    /// The event was being worked on, and its end was waited for.
    AfterWait,
}

impl Known {
    pub(super) fn said(self) -> &'static str {
        match self {
            Self::FromMemory => "from memory",
            Self::FromTable => "by the table",
            Self::AfterWait => "after a wait",
        }
    }
}
