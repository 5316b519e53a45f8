//! Time in the model: few points, and clocks that are wrong.

use std::time::Duration;

use dynamodb_locks::protocol::{Moment, MonotonicInstant, TimeInterval, Timestamp};

/// The true time at the beginning, in microseconds.
const EPOCH: u64 = 1_763_640_000_000_000;

/// Where the monotonic clock of the first client stands then; those of the others are a day apart.
const ORIGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What a client believes of the time: how far its bounds and its guess are from the truth, in
/// milliseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Reading {
    pub(super) earliest: i64,
    pub(super) likely: i64,
    pub(super) latest: i64,
}

impl Reading {
    /// A clock that knows.
    pub(super) const TRUE: Self = Self::of(0, 0, 0);

    pub(super) const fn of(earliest: i64, likely: i64, latest: i64) -> Self {
        Self {
            earliest,
            likely,
            latest,
        }
    }

    /// Whether the true time lies within the bounds.
    pub(super) fn is_sound(self) -> bool {
        self.earliest <= 0 && self.latest >= 0
    }

    /// Now, as one client has it that reads its clocks thus.
    pub(super) fn moment(self, elapsed: Duration, client: usize) -> Moment {
        let truth = truth(elapsed);
        let off = |by: i64| Timestamp(truth.0.saturating_add_signed(by * 1000));
        Moment {
            now: TimeInterval {
                earliest: off(self.earliest),
                likely: off(self.likely),
                latest: off(self.latest),
            },
            tick: tick(elapsed, client),
        }
    }
}

/// The true time.
pub(super) fn truth(elapsed: Duration) -> Timestamp {
    Timestamp(EPOCH) + elapsed
}

/// The monotonic clock of one client, which is never wrong about how much time has passed.
pub(super) fn tick(elapsed: Duration, client: usize) -> MonotonicInstant {
    let nth = u32::try_from(client).unwrap_or_default() + 1;
    MonotonicInstant(ORIGIN * nth + elapsed)
}
