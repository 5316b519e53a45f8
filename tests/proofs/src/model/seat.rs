//! One client of a config: how patient it is, how often it comes, and how well it knows the time.

use std::time::Duration;

use dynamodb_locks::protocol::WaitMode;

use super::clock::Reading;

/// What one client is like.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Seat {
    pub(super) wait_mode: WaitMode,
    pub(super) deadline: Option<u8>,
    pub(super) rounds: u8,
    pub(super) beats: u8,
    pub(super) before: Reading,
    pub(super) after: Vec<Reading>,
    pub(super) sweeps: bool,
    pub(super) operation: Option<u8>,
    pub(super) second: Option<u8>,
    pub(super) at_most_once: bool,
    pub(super) lease: Option<Duration>,
    pub(super) skew: Option<Duration>,
    pub(super) grace: Option<u32>,
}

impl Seat {
    /// A client that waits for its turn, once, with a clock that is right; when it has died, another
    /// sweeps up after it.
    pub fn new() -> Self {
        Self {
            wait_mode: WaitMode::Wait,
            deadline: None,
            rounds: 1,
            beats: 0,
            before: Reading::TRUE,
            after: vec![Reading::TRUE],
            sweeps: true,
            operation: None,
            second: None,
            at_most_once: false,
            lease: None,
            skew: None,
            grace: None,
        }
    }

    /// Asks once and does not wait.
    pub fn tries(self) -> Self {
        let wait_mode = WaitMode::Try;
        Self { wait_mode, ..self }
    }

    /// Ends this many units after it began.
    pub fn deadline(self, units: u8) -> Self {
        let deadline = Some(units);
        Self { deadline, ..self }
    }

    /// Takes the lock this often.
    pub fn rounds(self, rounds: u8) -> Self {
        Self { rounds, ..self }
    }

    /// Gives at most this many renewals.
    pub fn beats(self, beats: u8) -> Self {
        Self { beats, ..self }
    }

    /// Nobody sweeps up after it.
    pub fn unswept(self) -> Self {
        let sweeps = false;
        Self { sweeps, ..self }
    }

    /// Does an operation that is to be done once; those with the same number are the same.
    pub fn once(self, operation: u8) -> Self {
        let operation = Some(operation);
        Self { operation, ..self }
    }

    /// Its operation is done at most once.
    pub fn at_most_once(self) -> Self {
        let at_most_once = true;
        Self {
            at_most_once,
            ..self
        }
    }

    /// Does another operation as well, under the same lock and without asking for it again.
    pub fn and(self, operation: u8) -> Self {
        let second = Some(operation);
        Self { second, ..self }
    }

    /// Has a lease of its own, in milliseconds.
    pub fn lease_ms(self, lease: u64) -> Self {
        let lease = Some(Duration::from_millis(lease));
        Self { lease, ..self }
    }

    /// Allows for another skew than the rest, in milliseconds.
    pub fn skew_ms(self, skew: u64) -> Self {
        let skew = Some(Duration::from_millis(skew));
        Self { skew, ..self }
    }

    /// Lets the row outlive its last use by another number of units.
    pub fn grace(self, units: u32) -> Self {
        let grace = Some(units);
        Self { grace, ..self }
    }

    /// Has bounds of the time that are this far from the truth, in milliseconds, and a guess between
    /// them.
    pub fn knows(self, earliest: i64, likely: i64, latest: i64) -> Self {
        let reading = Reading::of(earliest, likely, latest);
        Self {
            before: reading,
            after: vec![reading],
            ..self
        }
    }

    /// Before its first answer it believes this, wrong as it may be.
    pub fn believes(self, earliest: i64, likely: i64, latest: i64) -> Self {
        let before = Reading::of(earliest, likely, latest);
        Self { before, ..self }
    }

    /// At any step its bounds may as well be these.
    pub fn or_knows(mut self, earliest: i64, likely: i64, latest: i64) -> Self {
        self.after.push(Reading::of(earliest, likely, latest));
        self
    }
}

impl Default for Seat {
    fn default() -> Self {
        Self::new()
    }
}
