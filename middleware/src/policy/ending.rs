//! The end of an invocation's lock, for the log and the metrics.

use std::sync::Arc;
use std::time::Duration;

use dynamodb_locks::{Error, LockHandle};

use crate::deadline::Timer;
use crate::policy::local_queue::LocalTurn;
use crate::policy::shared::Shared;

/// What is known of a lock that is being released.
pub(crate) struct Ending {
    pub(crate) shared: Arc<Shared>,
    pub(crate) handle: LockHandle,
    pub(crate) waited: Duration,
    pub(crate) began: Timer,
    pub(crate) lost: bool,
    /// The next invocation of this process asks for the lock when it is released.
    pub(crate) _turn: LocalTurn,
}

impl Ending {
    /// The release was to complete so many operations as well.
    pub(crate) fn completed(self, operations: usize, completed: Result<(), Error>) {
        self.shared.metrics.completed(operations, completed.is_ok());
        match completed {
            Ok(()) => self.released(Ok(())),
            Err(error) => self.failed(
                &error,
                "the event was done, and this was not recorded: it may run again",
            ),
        }
    }

    pub(crate) fn released(self, released: Result<(), Error>) {
        if let Err(error) = released {
            return self.failed(&error, "the lock was not released");
        }
        let (key, fence, requests) = (
            self.handle.key(),
            self.handle.fence(),
            self.handle.requests(),
        );
        let (waited_ms, held_ms) = (self.waited.as_millis(), self.began.elapsed().as_millis());
        tracing::debug!(%key, fence, waited_ms, held_ms, requests, "the lock was released");
        self.measured();
    }

    fn failed(self, error: &Error, what: &str) {
        let (key, fence, requests) = (
            self.handle.key(),
            self.handle.fence(),
            self.handle.requests(),
        );
        let (waited_ms, held_ms) = (self.waited.as_millis(), self.began.elapsed().as_millis());
        tracing::error!(%key, fence, waited_ms, held_ms, requests, %error, "{what}");
        self.measured();
    }

    fn measured(self) {
        let held = self.began.elapsed();
        let evictions = self.handle.evictions();
        self.shared.held_for(held);
        self.shared
            .metrics
            .held(self.waited, held, self.lost, evictions);
    }
}
