//! How much of the world is explored at once: who takes part, with which clocks, and how often each
//! thing may go wrong.

use std::time::Duration;

use dynamodb_locks::protocol::{Fail, Nonce, Owner, Patience, Terms};
use dynamodb_locks::{Expiry, protocol::Tick};

use super::clock::Reading;
use super::reached::Reached;
use super::sabotage::Mutant;

/// One configuration of the model.
#[derive(Clone, Debug)]
#[must_use]
pub struct Scope {
    /// What it is about.
    pub name: &'static str,
    pub(super) unit: Duration,
    pub(super) until: u8,
    pub(super) lease: Duration,
    pub(super) skew: Duration,
    pub(super) grace: Duration,
    pub(super) cap: u16,
    pub(super) expiry: Expiry,
    pub(super) fail: Fail,
    pub(super) seats: Vec<Seat>,
    pub(super) budget: Budget,
    /// How long a copy lives that nobody answered, in units; none for ever. With it the row is deleted
    /// when its time has come.
    pub(super) life: Option<u8>,
    pub(super) reaches: Vec<Reached>,
    pub(super) mutant: Option<Mutant>,
}

/// How often each thing may yet go wrong.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Budget {
    pub(super) losses: u8,
    pub(super) crashes: u8,
    pub(super) drops: u8,
    pub(super) give_ups: u8,
    pub(super) stale: u8,
}

/// What one client is like.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Seat {
    pub(super) patience: Patience,
    pub(super) deadline: Option<u8>,
    pub(super) rounds: u8,
    pub(super) beats: u8,
    pub(super) before: Reading,
    pub(super) after: Vec<Reading>,
    pub(super) sweeps: bool,
}

/// How much is explored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Size {
    /// A million states, for every day.
    Small,
    /// Twenty million and more.
    Full,
    /// As much as a large machine can hold.
    Huge,
}

impl Size {
    /// Reads a size variable: `full`, `huge`, or nothing.
    pub fn read(word: Option<&str>) -> Self {
        match word {
            Some("full") => Self::Full,
            Some("huge") => Self::Huge,
            _ => Self::Small,
        }
    }
}

impl Seat {
    /// A client that waits for its turn, once, with a clock that is right; when it has died, somebody
    /// sweeps up after it.
    pub fn new() -> Self {
        Self {
            patience: Patience::Wait,
            deadline: None,
            rounds: 1,
            beats: 0,
            before: Reading::TRUE,
            after: vec![Reading::TRUE],
            sweeps: true,
        }
    }

    /// Asks once and does not wait.
    pub fn tries(self) -> Self {
        let patience = Patience::Try;
        Self { patience, ..self }
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

    /// Gives at most this many signs of life.
    pub fn beats(self, beats: u8) -> Self {
        Self { beats, ..self }
    }

    /// Nobody sweeps up after it.
    pub fn unswept(self) -> Self {
        let sweeps = false;
        Self { sweeps, ..self }
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

impl Scope {
    /// Fail-open locks and verified clocks; a unit of time is a second, a lease just less than one,
    /// and nothing goes wrong.
    pub fn new(name: &'static str, until: u8, seats: Vec<Seat>) -> Self {
        Self {
            name,
            unit: Duration::from_secs(1),
            until,
            lease: Duration::from_millis(990),
            skew: Duration::from_millis(500),
            grace: Duration::from_secs(24 * 60 * 60),
            cap: 40,
            expiry: Expiry::Verified,
            fail: Fail::Open,
            seats,
            budget: Budget::default(),
            life: None,
            reaches: Vec::new(),
            mutant: None,
        }
    }

    /// This many requests go unanswered, and arrive late or never.
    pub fn losses(mut self, losses: u8) -> Self {
        self.budget.losses = losses;
        self
    }

    /// This many clients die.
    pub fn crashes(mut self, crashes: u8) -> Self {
        self.budget.crashes = crashes;
        self
    }

    /// This many futures or guards are dropped half-way.
    pub fn drops(mut self, drops: u8) -> Self {
        self.budget.drops = drops;
        self
    }

    /// This many clients give up.
    pub fn give_ups(mut self, give_ups: u8) -> Self {
        self.budget.give_ups = give_ups;
        self
    }

    /// So many reads may show the row as it was before its last change.
    pub fn stale(mut self, reads: u8) -> Self {
        self.budget.stale = reads;
        self
    }

    /// The lease, in milliseconds.
    pub fn lease_ms(self, lease: u64) -> Self {
        let lease = Duration::from_millis(lease);
        Self { lease, ..self }
    }

    /// How far honest clocks may be apart, in milliseconds.
    pub fn skew_ms(self, skew: u64) -> Self {
        let skew = Duration::from_millis(skew);
        Self { skew, ..self }
    }

    /// The locks fail closed.
    pub fn closed(self) -> Self {
        let fail = Fail::Closed;
        Self { fail, ..self }
    }

    /// Expiry is found out by watching.
    pub fn observes(self) -> Self {
        let expiry = Expiry::Observe;
        Self { expiry, ..self }
    }

    /// The queue has room for this many.
    pub fn cap(self, cap: u16) -> Self {
        Self { cap, ..self }
    }

    /// A unit of time is longer than a stamp may grow old, and the row is deleted when it is this many
    /// units past its last use. A copy arrives within a unit or never.
    pub fn ttl(self, grace: u32) -> Self {
        let unit = Duration::from_secs(61);
        Self {
            unit,
            grace: unit * grace,
            lease: unit - Duration::from_millis(100),
            skew: unit / 2,
            life: Some(1),
            ..self
        }
    }

    /// These things happen in it, or it is too small.
    pub fn reaches(mut self, reached: impl IntoIterator<Item = Reached>) -> Self {
        self.reaches.extend(reached);
        self
    }

    /// The same with a mutant.
    pub fn with(&self, mutant: Mutant) -> Self {
        Self {
            mutant: Some(mutant),
            reaches: Vec::new(),
            ..self.clone()
        }
    }

    /// Whether everybody's bounds are right from the first answer on, and nobody has to be watched.
    pub(super) fn is_sound(&self) -> bool {
        let sound = |seat: &Seat| {
            let mut readings = seat.after.iter().chain([&seat.before]);
            readings.all(|reading| reading.is_sound())
        };
        self.expiry != Expiry::Observe && self.seats.iter().all(sound)
    }

    /// Whether the clients are alike; then it does not matter which of them begins first.
    pub(super) fn is_symmetric(&self) -> bool {
        self.seats.windows(2).all(|pair| pair[0] == pair[1])
    }

    pub(super) fn elapsed(&self, units: u8) -> Duration {
        self.unit * units.into()
    }

    /// What a client asks for that begins at a tick.
    pub(super) fn terms(&self, client: usize, round: u8, begun: Tick) -> Terms {
        let seat = &self.seats[client];
        Terms {
            lease: self.lease,
            deadline: seat.deadline.map(|units| begun + self.elapsed(units)),
            expiry: self.expiry,
            skew: self.skew,
            fail: self.fail,
            patience: seat.patience,
            cap: self.cap,
            grace: self.grace,
            nonce: Nonce::new(client as u64 * 32 + u64::from(round)),
            owner: Owner::default(),
        }
    }
}
