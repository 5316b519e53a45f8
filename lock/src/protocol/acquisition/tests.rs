//! The protocol, driven by hand.

mod driving;
mod entering;
mod leaving;
mod moved;
mod operations;
mod turns;

use super::*;
use crate::protocol::entry::{Fields, Owner};
use crate::protocol::messages::{OnExpiry, RefusalReason, WaitMode};
use crate::protocol::nonce::Nonce;
use crate::protocol::time::{Expiry, TimeInterval};
use crate::protocol::write::RenewalUpdate;

const NOON: u64 = 1_763_640_000_000_000;
const LEASE: Duration = Duration::from_secs(10);

/// One acquisition, the clock it lives by, and what it has asked for last.
#[derive(Clone)]
struct Hand {
    acquisition: Acquisition,
    millis: u64,
    asked: Action,
}

fn terms() -> Terms {
    Terms {
        lease: LEASE,
        deadline: None,
        expiry: Expiry::Verified,
        skew: Duration::from_millis(2500),
        on_expiry: OnExpiry::TakeOver,
        wait_mode: WaitMode::Wait,
        cap: 3,
        grace: Duration::from_secs(24 * 60 * 60),
        nonce: Nonce::new(1),
        owner: Owner::new("me"),
        operation: None,
    }
}

fn trial() -> Terms {
    Terms {
        wait_mode: WaitMode::Try,
        ..terms()
    }
}

impl Hand {
    /// Asks for the lock, at noon.
    fn new(terms: Terms) -> Self {
        let mut hand = Self {
            acquisition: Acquisition::new(terms),
            millis: 0,
            asked: Action::Poll,
        };
        hand.happens(Event::Begin);
        hand
    }

    /// Recovers an entry whose owner may have begun.
    fn for_another(entry: &Entry) -> Self {
        Self::for_who_left(entry, true)
    }

    /// Releases an entry whose owner was dropped before it began.
    fn for_a_waiter(entry: &Entry) -> Self {
        Self::for_who_left(entry, false)
    }

    fn for_who_left(entry: &Entry, begun: bool) -> Self {
        let ticket = entry.ticket().unwrap();
        let mut hand = Self {
            acquisition: Acquisition::left_behind(terms(), entry.clone(), ticket, begun),
            millis: 0,
            asked: Action::Poll,
        };
        hand.happens(Event::GiveUp);
        hand
    }

    fn happens(&mut self, event: Event) -> &mut Self {
        self.asked = self.acquisition.step(event, moment(self.millis));
        self
    }

    fn applied(&mut self, row: Row) -> &mut Self {
        self.happens(Event::Answered(Answer::Applied(row)))
    }

    fn refused(&mut self, row: Row) -> &mut Self {
        self.happens(Event::Answered(Answer::Refused(Some(row))))
    }

    fn lost(&mut self) -> &mut Self {
        self.happens(Event::Answered(Answer::Lost))
    }

    /// The pause is over, and this is what a poll shows.
    fn sees(&mut self, row: Row) -> &mut Self {
        self.happens(Event::Woken);
        assert_eq!(self.asked, Action::Poll);
        self.happens(Event::Polled(Some(row)))
    }

    fn later(&mut self, millis: u64) {
        self.millis += millis;
    }

    fn me(&self) -> Entry {
        self.acquisition.entry().clone()
    }

    /// The row with these in it, and the own entry.
    fn with_me(&self, others: impl IntoIterator<Item = Entry>) -> Row {
        row(others.into_iter().chain([self.me()]))
    }

    fn write(&self) -> &Write {
        match &self.asked {
            Action::Write(write) => write,
            other => panic!("no write: {other:?}"),
        }
    }

    #[track_caller]
    fn asks_for(&self, name: &str) {
        assert_eq!(self.write().name(), name);
    }

    #[track_caller]
    fn ends(&self, outcome: &Outcome) {
        assert_eq!(self.asked, Action::Over(outcome.clone()));
    }

    #[track_caller]
    fn is_refused(&self, reason: RefusalReason) {
        match &self.asked {
            Action::Over(Outcome::Refused(refusal)) => assert_eq!(refusal.reason, reason),
            other => panic!("not refused: {other:?}"),
        }
    }

    #[track_caller]
    fn acts_for(&self, millis: u64) {
        assert_eq!(self.asked, Action::Act(tick(self.millis + millis)));
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp(NOON.checked_add_signed(millis * 1000).unwrap())
}

fn tick(millis: u64) -> MonotonicInstant {
    MonotonicInstant(Duration::from_secs(100_000) + Duration::from_millis(millis))
}

/// So long after noon; the server's clock is known exactly.
fn moment(millis: u64) -> Moment {
    let now = at(i64::try_from(millis).unwrap());
    let now = TimeInterval {
        earliest: now,
        likely: now,
        latest: now,
    };
    Moment {
        now,
        tick: tick(millis),
    }
}

/// An entry that came so long before noon, or after it.
fn other(millis: i64) -> Entry {
    Entry::from(Fields {
        ticket: Ticket(at(millis).0),
        own: at(millis),
        lease: LEASE,
        deadline: None,
        expiry: Expiry::Verified,
        skew: Duration::from_millis(2500),
        nonce: Nonce::new(2),
        owner: Owner::new("other"),
        operation: None,
    })
}

fn row(queue: impl IntoIterator<Item = Entry>) -> Row {
    let queue: std::collections::BTreeSet<_> = queue.into_iter().collect();
    Row {
        last: queue.last().and_then(Entry::ticket),
        queue,
        ..Row::default()
    }
}

fn anchored(row: Row, millis: i64) -> Row {
    Row {
        renewed_at: Some(at(millis)),
        ..row
    }
}
