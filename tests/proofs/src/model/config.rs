//! A configuration of the model: the clients, their clocks, and how often each fault may happen.

use std::time::Duration;

use dynamodb_locks::protocol::{Nonce, OnExpiry, OperationId, OperationTerms, Owner, Terms};
use dynamodb_locks::{Expiry, protocol::MonotonicInstant};

use super::coverage::Coverage;
use super::found::Found;
use super::mutant::Mutant;
use super::seat::Seat;

/// One configuration of the model.
#[derive(Clone, Debug)]
#[must_use]
pub struct Config {
    /// What it is about.
    pub name: &'static str,
    pub(super) unit: Duration,
    pub(super) until: u8,
    pub(super) lease: Duration,
    pub(super) skew: Duration,
    pub(super) grace: Duration,
    pub(super) cap: u16,
    pub(super) expiry: Expiry,
    pub(super) on_expiry: OnExpiry,
    pub(super) seats: Vec<Seat>,
    pub(super) found: Vec<Found>,
    pub(super) budget: Budget,
    /// How long a copy lives that nobody answered, in units; none for ever. With it the row is deleted
    /// when its time has come.
    pub(super) life: Option<u8>,
    /// How long an operation counts as done.
    pub(super) window: Duration,
    /// How many completions the lock's row has room for; the oldest of more are moved.
    pub(super) room: usize,
    pub(super) covers: Vec<Coverage>,
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

impl Config {
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
            on_expiry: OnExpiry::TakeOver,
            seats,
            found: vec![Found::Nothing],
            budget: Budget::default(),
            life: None,
            window: Duration::from_secs(60 * 60),
            room: usize::MAX,
            covers: Vec::new(),
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

    /// A unit of time is this many seconds; the lease is just less than one.
    pub fn unit_s(self, unit: u64) -> Self {
        let unit = Duration::from_secs(unit);
        let lease = unit - Duration::from_millis(10);
        Self {
            unit,
            lease,
            ..self
        }
    }

    /// How far correct clocks may be apart, in milliseconds.
    pub fn skew_ms(self, skew: u64) -> Self {
        let skew = Duration::from_millis(skew);
        Self { skew, ..self }
    }

    /// The locks fail closed.
    pub fn closed(self) -> Self {
        let on_expiry = OnExpiry::Hold;
        Self { on_expiry, ..self }
    }

    /// Expiry is found out by watching.
    pub fn observes(self) -> Self {
        let expiry = Expiry::Observe;
        Self { expiry, ..self }
    }

    /// Clocks are trusted within the skew.
    pub fn clock(self) -> Self {
        let expiry = Expiry::Clock;
        Self { expiry, ..self }
    }

    /// The queue has room for this many.
    pub fn cap(self, cap: u16) -> Self {
        Self { cap, ..self }
    }

    /// A unit of time is longer than a ticket may grow old, and the row is deleted when it is this many
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

    /// An operation counts as done for this many units. Default: to the end.
    pub fn window(self, units: u32) -> Self {
        let window = self.unit * units;
        Self { window, ..self }
    }

    /// The lock's row has room for so many completions. Default: for all.
    pub fn room(self, room: usize) -> Self {
        Self { room, ..self }
    }

    /// Before anybody begins the table holds any of these. Default: nothing.
    pub fn finds(self, found: impl IntoIterator<Item = Found>) -> Self {
        let found = found.into_iter().collect();
        Self { found, ..self }
    }

    /// These things happen in it, or it is too small.
    pub fn covers(mut self, coverage: impl IntoIterator<Item = Coverage>) -> Self {
        self.covers.extend(coverage);
        self
    }

    /// The same with a mutant.
    pub fn with(&self, mutant: Mutant) -> Self {
        Self {
            mutant: Some(mutant),
            covers: Vec::new(),
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
    pub(super) fn terms(&self, client: usize, round: u8, begun: MonotonicInstant) -> Terms {
        let seat = &self.seats[client];
        Terms {
            lease: seat.lease.unwrap_or(self.lease),
            deadline: seat.deadline.map(|units| begun + self.elapsed(units)),
            expiry: self.expiry,
            skew: seat.skew.unwrap_or(self.skew),
            on_expiry: self.on_expiry,
            wait_mode: seat.wait_mode,
            cap: self.cap,
            grace: seat.grace.map_or(self.grace, |units| self.unit * units),
            nonce: Nonce::new(client as u64 * 32 + u64::from(round)),
            owner: Owner::default(),
            operation: seat.operation.map(|number| OperationTerms {
                id: id(number),
                fingerprint: None,
                at_most_once: seat.at_most_once.then_some(self.window),
            }),
        }
    }
}

/// The id of an operation.
pub(super) fn id(number: u8) -> OperationId {
    OperationId::of([number; 12])
}
