//! One state of the model.

use std::collections::{BTreeMap, BTreeSet};

use dynamodb_locks::protocol::{Completions, Entry, OperationId, Row, Ticket, Timestamp};

use super::client::Client;
use super::config::{Budget, Config};
use super::copies::{Copies, is_futile};
use super::found::Found;
use super::invariant::Invariant;
use super::moved::Moved;
use super::part::Part;

/// What stands in the table where there is no row.
static NO_ROW: Row = Row {
    queue: BTreeSet::new(),
    last: None,
    renewed_at: None,
    hold_on_expiry: false,
    pinned: None,
    format: None,
    operations: BTreeMap::new(),
    moved_until: None,
};

/// The row, the clients, what is on its way between them, and the time.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct System {
    /// In units, since the beginning.
    pub(super) time: u8,
    pub(super) row: Part<Option<Row>>,
    /// When the row may be swept away, in seconds since the epoch; zero where it lives for ever.
    pub(super) ttl: u64,
    /// What the row was before its last change, as long as a client may yet be shown that.
    pub(super) older: Option<Part<Option<Row>>>,
    pub(super) clients: Vec<Part<Client>>,
    pub(super) late: Copies,
    /// The completions that were moved out of the row, and the copies of moves that are on their way.
    pub(super) beside: Moved,
    pub(super) budget: Budget,
    /// The highest fence anybody acted with.
    pub(super) fence: Ticket,
    /// The operations that are done, and the last run of each that began.
    pub(super) done: BTreeMap<OperationId, Done>,
    pub(super) begun: BTreeMap<OperationId, Ticket>,
    /// The runs of what is done at most once that have begun and have not said that they failed, and until when they
    /// count at least.
    pub(super) once: BTreeMap<OperationId, (Ticket, Timestamp)>,
    /// What the runs have noted whose work ended well, and when.
    pub(super) well: BTreeMap<Ticket, (Completions, u8)>,
    /// When it became the holder's turn; none if it was first at once.
    pub(super) turn: Option<Timestamp>,
    /// Entries that are over, and of which a copy is still on its way.
    pub(super) gone: Vec<Entry>,
    pub(super) broken: Option<Invariant>,
}

/// What is true of an operation that is done.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Done {
    pub(super) fence: Ticket,
    /// When its window ends, at the earliest.
    pub(super) until: Timestamp,
}

impl System {
    /// Before anybody has begun, with what is found then.
    pub(super) fn new(config: &Config, found: Found) -> Self {
        let seats = config.seats.iter();
        Self {
            time: 0,
            row: Part::new(found.row(config)),
            ttl: 0,
            older: None,
            clients: seats
                .map(|seat| Part::new(Client::new(seat.beats, seat.rounds)))
                .collect(),
            late: Copies::default(),
            beside: Moved::default(),
            budget: config.budget,
            fence: Ticket::default(),
            done: BTreeMap::new(),
            begun: BTreeMap::new(),
            once: BTreeMap::new(),
            well: BTreeMap::new(),
            turn: None,
            gone: Vec::new(),
            broken: None,
        }
    }

    pub(super) fn client(&mut self, client: usize) -> &mut Client {
        self.clients[client].change()
    }

    /// The row; empty where there is none.
    pub(super) fn row(&self) -> &Row {
        self.row.as_ref().unwrap_or(&NO_ROW)
    }

    pub(super) fn contains(&self, entry: &Entry) -> bool {
        self.row().queue.contains(entry)
    }

    /// The row is another from now on; reads may still show the old one.
    pub(super) fn becomes(&mut self, row: Option<Row>) {
        let old = std::mem::replace(&mut self.row, Part::new(row));
        self.older = Some(old);
    }

    /// An entry is over: it is not in the queue, and must never be again.
    pub(super) fn forget(&mut self, entry: Entry) {
        if self.contains(&entry) {
            self.breaks(Invariant::NothingIsLeft);
        }
        self.gone.push(entry);
        self.gone.sort();
        self.gone.dedup();
    }

    pub(super) fn breaks(&mut self, invariant: Invariant) {
        self.broken.get_or_insert(invariant);
    }

    /// Leaves out what can make no difference any more, so that equal states look equal.
    pub(super) fn tidy(&mut self, config: &Config) {
        let (row, time) = (self.row.as_ref().unwrap_or(&NO_ROW), self.time);
        if config.mutant.is_none() {
            self.beside.forget_futile_copies();
        }
        match config.life {
            Some(life) => self.late.retain(|copy| time - copy.sent <= life),
            None if config.mutant.is_none() => {
                self.late.retain(|copy| !is_futile(&copy.write, row));
            }
            None => {}
        }
        if row.queue.is_empty() {
            self.turn = None;
        }
        let late = &self.late;
        self.gone
            .retain(|entry| late.iter().any(|copy| copy.write.enters() == Some(entry)));
        self.older = self.older.take().filter(|_| self.budget.stale > 0);
        self.clients.iter_mut().for_each(Part::settle);
    }
}
