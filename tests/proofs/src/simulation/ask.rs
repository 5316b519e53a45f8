//! How a lock is asked for.

use std::time::Duration;

use dynamodb_locks::AcquireOptions;

use super::rng::Rng;

/// How far one acquisition may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) wait: Duration,
    pub(super) looks: Option<u32>,
    pub(super) deadline: Option<Duration>,
}

/// What a request gets, however short the wait is.
const LEAST: Duration = Duration::from_secs(1);

/// What getting out may take, and what orphans may take before.
const OVERHEAD: Duration = Duration::from_millis(1200);

impl Ask {
    /// Of a client that always has a deadline, or of any.
    pub(super) fn any(ends: bool, rng: &mut Rng) -> Self {
        let wait = match rng.up_to(3) {
            0 => Duration::ZERO,
            1 => rng.about(50, 3000),
            _ => rng.about(3000, 40_000),
        };
        let ends = ends || rng.one_in(4);
        Self {
            wait,
            looks: rng.one_in(8).then(|| 1 + rng.up_to(30) as u32),
            deadline: ends.then(|| match rng.one_in(4) {
                true => rng.about(200, 40_000),
                false => wait + rng.about(300, 30_000),
            }),
        }
    }

    /// Only waits.
    pub(super) fn plain(self) -> Self {
        Self {
            wait: self.wait,
            looks: None,
            deadline: None,
        }
    }

    /// With a deadline that comes too late.
    pub(super) fn late(self) -> Self {
        const LATE: Duration = Duration::from_secs(60);
        let deadline = self.deadline.map(|deadline| deadline + LATE);
        Self { deadline, ..self }
    }

    pub(super) fn limits(self) -> AcquireOptions {
        let limits = AcquireOptions::wait(self.wait);
        let limits = match self.looks {
            Some(looks) => limits.max_polls(looks),
            None => limits,
        };
        match self.deadline {
            Some(deadline) => limits.deadline(deadline),
            None => limits,
        }
    }

    /// How long it may take at the most until there is an answer.
    pub(super) fn most(self) -> Duration {
        let most = self.wait.max(LEAST) + OVERHEAD;
        self.deadline.map_or(most, |deadline| most.min(deadline))
    }
}
