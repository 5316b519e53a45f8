//! What stands in the table before anybody begins.

use std::time::Duration;

use dynamodb_locks::Expiry;
use dynamodb_locks::protocol::{Entry, Fields, Nonce, OnExpiry, Owner, Row, Ticket, Timestamp};

use super::clock;
use super::config::Config;

/// A row that others have left, or none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found {
    /// No row at all: no ticket, no queue, no renewal time.
    Nothing,
    /// The lock was never held: a ticket, no queue, no renewal time.
    Voided,
    /// The lock was released: a ticket and a renewal time, no queue.
    Released,
    /// The last ticket lies ahead of every clock.
    Ahead,
    /// The holder is dead; it was first at once: there is no renewal time.
    Dead,
    /// Holder and waiter are dead, and the waiter is past its deadline.
    DeadBoth,
}

/// So long ago was the lock last used.
const AGO: Duration = Duration::from_secs(60);

/// So far ahead is a clock that nobody has.
const AHEAD: Duration = Duration::from_secs(600);

impl Found {
    pub(super) fn row(self, config: &Config) -> Option<Row> {
        let then = clock::truth(Duration::ZERO) - AGO;
        let row = Row {
            last: Some(Ticket(then.0)),
            hold_on_expiry: config.on_expiry == OnExpiry::Hold,
            ..Row::default()
        };
        let entry = |nth| stranger(config, then, nth);
        match self {
            Self::Nothing => None,
            Self::Voided => Some(row),
            Self::Released => Some(Row {
                renewed_at: Some(then),
                ..row
            }),
            Self::Ahead => Some(Row {
                last: Some(Ticket((then + AHEAD).0)),
                ..row
            }),
            Self::Dead => Some(Row {
                queue: [entry(0)].into(),
                ..row
            }),
            Self::DeadBoth => Some(Row {
                queue: [entry(0), entry(1)].into(),
                last: Some(Ticket(then.0 + 1)),
                ..row
            }),
        }
    }
}

/// An owner that is no client of the model, and is not alive. The first of them had no deadline.
fn stranger(config: &Config, then: Timestamp, nth: u64) -> Entry {
    let observes = config.expiry == Expiry::Observe;
    let deadline = (nth > 0 && !observes).then_some(then + config.lease);
    Entry::from(Fields {
        ticket: Ticket(then.0 + nth),
        own: then,
        lease: config.lease,
        deadline,
        expiry: config.expiry,
        skew: config.skew,
        nonce: Nonce::new(u64::MAX - nth),
        owner: Owner::default(),
        operation: None,
    })
}
