//! The bounds of the server's clock, by its answers.

use std::time::Duration;

use super::{MonotonicInstant, Timestamp};

/// Where the server's clock stands against our monotonic one, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    low: i64,
    high: i64,
    since: MonotonicInstant,
}

/// A `Date` names a second, not a moment.
const SECOND: i64 = 1_000_000;

/// DynamoDB's front ends agree on the time within this.
const FRONT_ENDS: i64 = 50_000;

/// A monotonic clock that is worse than this is broken.
const DRIFT_PER_MILLION: u128 = 200;

impl Server {
    /// The clock stood in the second that the answer names, somewhere between sending and
    /// receiving.
    pub(super) fn shown(
        sent: MonotonicInstant,
        received: MonotonicInstant,
        date: Timestamp,
    ) -> Self {
        let date = i64::try_from(date.0).unwrap_or(i64::MAX / 4);
        let low = date - micros(received.0) - FRONT_ENDS;
        let high = date + SECOND - micros(sent.0) + FRONT_ENDS;
        Self {
            low,
            high,
            since: received,
        }
    }

    /// The intersection of both; `None` if they contradict each other: one of them is wrong, or
    /// this machine was frozen between them.
    pub(super) fn narrowed(self, newer: Self) -> Option<Self> {
        let known = self.widened(newer.since);
        let (low, high) = (known.low.max(newer.low), known.high.min(newer.high));
        (low <= high).then_some(Self { low, high, ..newer })
    }

    /// The bounds of the server's clock at a tick.
    pub(super) fn now(self, tick: MonotonicInstant) -> (Timestamp, Timestamp) {
        let known = self.widened(tick);
        let at = |bound| Timestamp(u64::try_from(micros(tick.0) + bound).unwrap_or(0));
        (at(known.low), at(known.high))
    }

    fn widened(self, at: MonotonicInstant) -> Self {
        let drift = at.since(self.since).as_micros() * DRIFT_PER_MILLION / 1_000_000;
        let drift = i64::try_from(drift).unwrap_or(i64::MAX / 4);
        Self {
            low: self.low - drift,
            high: self.high + drift,
            since: at,
        }
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4)
}
