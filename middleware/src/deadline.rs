//! How long an invocation may still take. The only file of this crate that reads a clock.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one file that reads a clock"
)]

use std::future::pending;
use std::time::{Duration, SystemTime};

use dynamodb_locks::{Error, Vars};
use tokio::time::{Instant, sleep_until};

/// When the platform ends the invocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    end: Instant,
    margin: Duration,
}

/// The time kept back from waiting, for the work.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reserve(Option<Duration>);

/// No invocation has more time; an emulator that reports more does not know the deadline.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Nor does any end before 2014, when there was no Lambda yet: emulators count from the epoch.
const BEFORE_LAMBDA: Duration = Duration::from_secs(44 * 365 * 24 * 60 * 60);

/// The time from the end of the handler's to the end of the invocation: enough to release, also
/// where the first answer is lost.
const MARGIN: Duration = Duration::from_millis(300);

/// How long the response takes on its way to Lambda, at most.
const RESPONSE: Duration = Duration::from_millis(100);

/// How long it takes to release some locks at once.
const ROUND: Duration = Duration::from_millis(20);

/// How long a release may take without a deadline.
const RELEASE: Duration = Duration::from_secs(3);

impl Deadline {
    /// `None` if the runtime's time cannot be a deadline. A deadline that has passed is one.
    pub(crate) fn of(told: SystemTime) -> Option<Self> {
        if told < SystemTime::UNIX_EPOCH + BEFORE_LAMBDA {
            return None;
        }
        let left = told.duration_since(SystemTime::now()).unwrap_or_default();
        let margin = MARGIN.min(left / 4);
        (left <= LONGEST).then(|| Self {
            end: Instant::now() + left,
            margin,
        })
    }

    /// The time until the platform ends the invocation.
    pub(crate) fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    pub(crate) fn is_past(self) -> bool {
        self.left().is_zero()
    }

    /// The same deadline, with time to release many locks, of which only so many are released at once.
    pub(crate) fn for_many(self, locks: usize, at_once: usize) -> Self {
        let rounds = u32::try_from(locks / at_once).unwrap_or(u32::MAX);
        let margin = self.margin + ROUND.saturating_mul(rounds);
        Self {
            margin: margin.min(self.left() / 4).max(self.margin),
            ..self
        }
    }

    /// Completes when the handler has to end.
    pub(crate) async fn margin(self) {
        sleep_until(self.end - self.margin).await;
    }

    /// Completes in time for a report, before the handler has to end.
    #[cfg(feature = "runtime")]
    pub(crate) async fn report(self) {
        sleep_until(self.end - self.margin * 2).await;
    }

    /// How long a release may take now: it leaves time for the response, which counts for more. A late one is still
    /// tried.
    pub(crate) fn for_release(deadline: Option<Self>) -> Duration {
        deadline.map_or(RELEASE, |deadline| {
            let left = deadline.left().saturating_sub(RESPONSE);
            left.clamp(RESPONSE, RELEASE)
        })
    }

    /// How long a release may be repeated when the response is on its way: whatever goes on at the deadline is
    /// killed, and the whole environment with it.
    pub(crate) fn for_rest(deadline: Option<Self>) -> Duration {
        deadline.map_or(RELEASE, |deadline| deadline.left().saturating_sub(MARGIN))
    }

    /// Completes when the last time for the response has come.
    pub(crate) async fn response(deadline: Option<Self>) {
        match deadline {
            Some(deadline) => sleep_until(deadline.end - RESPONSE / 2).await,
            None => pending().await,
        }
    }
}

/// Measures how long something takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer(Instant);

impl Timer {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Now, in milliseconds since the epoch.
pub(crate) fn epoch_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

impl Reserve {
    const LEAST: Duration = Duration::from_millis(500);

    pub(crate) fn of(reserve: Duration) -> Self {
        Self(Some(reserve))
    }

    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let reserve = vars.millis("LOCKS_RESERVE_MS", 0..=15 * 60 * 1000)?;
        Ok(reserve.map(Self::of))
    }

    /// How long to wait at most; by default a tenth of the time is reserved for the work.
    pub(crate) fn leaves(self, left: Duration) -> Duration {
        let reserve = self.0.unwrap_or_else(|| Self::LEAST.max(left / 10));
        left.saturating_sub(reserve)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_no_invocation_has_is_unknown() {
        let seconds = Duration::from_secs;
        assert!(Deadline::of(SystemTime::UNIX_EPOCH + seconds(600)).is_none());
        assert!(Deadline::of(SystemTime::now() + seconds(1_999_999)).is_none());
        assert!(Deadline::of(SystemTime::now() + seconds(60)).is_some());
    }

    #[test]
    fn a_deadline_that_has_passed_is_one() {
        for ago in [1, 60, 24 * 60 * 60] {
            let past = SystemTime::now() - Duration::from_secs(ago);
            assert!(Deadline::of(past).is_some_and(Deadline::is_past));
        }
        let soon = SystemTime::now() + Duration::from_secs(1);
        assert!(!Deadline::of(soon).is_some_and(Deadline::is_past));
    }

    #[test]
    fn many_locks_leave_earlier() {
        let deadline = Deadline::of(SystemTime::now() + Duration::from_secs(60));
        let deadline = deadline.expect("it is one");
        assert_eq!(deadline.for_many(10, 64).margin, deadline.margin);
        assert_eq!(
            deadline.for_many(640, 64).margin,
            deadline.margin + ROUND * 10
        );
        let most = deadline.for_many(1_000_000, 64).margin;
        assert!(most <= Duration::from_secs(15), "{most:?}");
    }

    #[test]
    fn waiting_never_eats_the_time_the_work_needs() {
        let seconds = Duration::from_secs;
        assert_eq!(Reserve::default().leaves(seconds(60)), seconds(54));
        assert_eq!(
            Reserve::default().leaves(seconds(3)),
            Duration::from_millis(2500)
        );
        assert_eq!(
            Reserve::default().leaves(Duration::from_millis(400)),
            Duration::ZERO
        );
        assert_eq!(Reserve(Some(seconds(20))).leaves(seconds(60)), seconds(40));
    }
}
