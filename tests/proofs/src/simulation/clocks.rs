//! The clocks of a process: none of them shows the truth.
//!
//! True time is DynamoDB's, counted from the beginning of the simulation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testkit::Clock;

/// When every simulation begins, since the epoch: at noon, a third of the way into a second.
pub(super) const BEGINNING: Duration = Duration::from_millis(1_763_640_000_333);

/// How a process's monotonic clock runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// When it started, at zero.
    pub(super) born: Duration,
    /// By how many microseconds a second it is fast.
    pub(super) ppm: i32,
}

/// How a process's wall clock is wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct WallClock {
    /// By how many milliseconds it is fast, from when on.
    pub(super) fast_ms: Vec<(Duration, i64)>,
    /// By how many microseconds a second it runs away from there.
    pub(super) ppm: i64,
    /// How far it runs away before it is set right.
    pub(super) astray_ms: i64,
}

/// Tells true time inside a process, by its monotonic clock.
#[derive(Clone, Debug)]
pub(super) struct Truth {
    pace: Pace,
    shown: Clock,
    /// For how many nanoseconds the clock has stood still in all.
    frozen: Arc<AtomicU64>,
}

const MILLION: u128 = 1_000_000;

impl Pace {
    fn rate(self) -> u128 {
        u128::from((1_000_000 + self.ppm).unsigned_abs())
    }

    /// What the clock shows at a true time, at least.
    pub(super) fn shows(self, at: Duration) -> Duration {
        let since = at.saturating_sub(self.born).as_nanos();
        nanos((since * self.rate()).div_ceil(MILLION))
    }

    /// When the clock shows that, at the latest.
    pub(super) fn when(self, shown: Duration) -> Duration {
        self.born + nanos((shown.as_nanos() * MILLION).div_ceil(self.rate()))
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl WallClock {
    /// What it shows at a true time.
    pub(super) fn shows(&self, at: Duration) -> SystemTime {
        let set = self.fast_ms.iter().rev().find(|(since, _)| *since <= at);
        let (since, fast) = set.copied().unwrap_or_default();
        let run_away = (at - since).as_micros() as i64 * self.ppm / 1_000_000;
        let most = self.astray_ms * 1000;
        let fast = fast * 1000 + run_away.clamp(-most, most);
        let by = Duration::from_micros(fast.unsigned_abs());
        if fast < 0 {
            UNIX_EPOCH + BEGINNING + at - by
        } else {
            UNIX_EPOCH + BEGINNING + at + by
        }
    }
}

impl Truth {
    /// Asked inside a process that was just born.
    pub(super) fn of(pace: Pace) -> Self {
        let shown = Clock::tokio_from(UNIX_EPOCH);
        Self {
            pace,
            shown,
            frozen: Arc::default(),
        }
    }

    /// What the monotonic clock shows, asked inside the process.
    fn shown(&self) -> Duration {
        self.shown.since_epoch()
    }

    /// The true time, asked inside the process.
    pub(super) fn now(&self) -> Duration {
        self.pace.when(self.shown()) + self.frozen()
    }

    /// How long it takes by the monotonic clock until a true time, at least.
    pub(super) fn left(&self, until: Duration) -> Duration {
        let shown = self.pace.shows(until.saturating_sub(self.frozen()));
        shown.saturating_sub(self.shown())
    }

    /// The process is frozen for this long, and its monotonic clock with it.
    pub(super) fn freeze(&self, time: Duration) {
        self.frozen
            .fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    fn frozen(&self) -> Duration {
        Duration::from_nanos(self.frozen.load(Ordering::Relaxed))
    }
}
