//! A lease, as its client sees it, and its end.
//!
//! A lease ends before the first write that hands the entry on is sent: no watcher of it may
//! believe in the lock when another client can hold it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::protocol::time::{Clock, Mark, Moment, MonotonicInstant};

/// Watches a lease while other code owns the [`LockGuard`](crate::LockGuard).
#[derive(Clone, Debug)]
pub struct Lease {
    state: watch::Receiver<LeaseState>,
    clock: Clock,
}

/// The present state of a lease.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseState {
    /// Until when the lock is proven to be ours.
    pub(crate) ends: MonotonicInstant,
    /// When the proof began, by all clocks: `ends` comes earlier if the monotonic clock has stood
    /// still since.
    pub(crate) since: Mark,
    /// When the next heartbeat is due.
    pub(crate) due: Option<MonotonicInstant>,
    /// Whether it ended before its time: lost, released or dropped.
    pub(crate) ended: bool,
}

/// Extends a lease, or ends it. Each place that may hand the entry on has one.
#[derive(Clone, Debug)]
pub(crate) struct LeaseControl(watch::Sender<LeaseState>);

/// Health of a lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeaseHealth {
    /// How long the lock is still proven to be ours; zero if it is lost.
    pub remaining: Duration,
    /// For how long a heartbeat has gone unanswered; `None` if all is well.
    pub heartbeat_overdue: Option<Duration>,
}

/// A heartbeat that is not answered after this is overdue.
const ANSWER: Duration = Duration::from_millis(400);

impl LeaseState {
    /// How long the proof still holds, by the clock that has run the furthest.
    pub(crate) fn remaining(&self, clock: &Clock) -> Duration {
        let passed = clock.tick() + clock.missed_since(self.since);
        self.ends.since(passed)
    }
}

impl LeaseControl {
    pub(crate) fn new(
        ends: MonotonicInstant,
        since: Mark,
        due: Option<MonotonicInstant>,
        clock: Clock,
    ) -> (Self, Lease) {
        let (sender, state) = watch::channel(LeaseState {
            ends,
            since,
            due,
            ended: false,
        });
        (Self(sender), Lease { state, clock })
    }

    pub(crate) fn state(&self) -> LeaseState {
        *self.0.borrow()
    }

    /// A renewal was answered.
    pub(crate) fn prolong(
        &self,
        ends: MonotonicInstant,
        since: Mark,
        due: Option<MonotonicInstant>,
    ) {
        self.0.send_modify(|state| {
            let ended = state.ended;
            *state = LeaseState {
                ends,
                since,
                due,
                ended,
            };
        });
    }

    /// Ends the lease, for good.
    pub(crate) fn end(&self) {
        self.0
            .send_if_modified(|state| !std::mem::replace(&mut state.ended, true));
    }
}

impl Lease {
    /// Whether the lease has expired: the lock is no longer proven to be ours.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.remaining().is_zero()
    }

    fn remaining(&self) -> Duration {
        let state = *self.state.borrow();
        // Without a task that could renew or end it, the lease is not proven.
        if state.ended || self.state.has_changed().is_err() {
            return Duration::ZERO;
        }
        state.remaining(&self.clock)
    }

    /// Health of the lease.
    #[must_use]
    pub fn health(&self) -> LeaseHealth {
        let due = self.state.borrow().due;
        let late = due.map(|due| self.clock.tick().since(due + ANSWER));
        LeaseHealth {
            remaining: self.remaining(),
            heartbeat_overdue: late.filter(|late| !late.is_zero()),
        }
    }

    /// Now, by what the holder knows of the server's clock.
    pub(crate) fn moment(&self) -> Moment {
        self.clock.moment()
    }

    /// The runtime's time, this much later than now.
    pub(crate) fn after(&self, time: Duration) -> Instant {
        self.clock.after(time)
    }

    /// Completes when the lease has expired, whether the lock was lost or released.
    pub async fn expired(&mut self) {
        let mut state = self.state.clone();
        let mut ended = pin!(state.wait_for(|state| state.ended));
        // A process that was suspended sees the expiry by the clock, before the heartbeat task
        // runs.
        poll_fn(|cx| match self.is_expired() {
            true => Poll::Ready(()),
            // An error means that the task has ended, and the lease with it.
            false => ended.as_mut().poll(cx).map(drop),
        })
        .await;
    }
}
