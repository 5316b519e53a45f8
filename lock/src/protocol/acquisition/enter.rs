//! Entering: the queue with a ticket of one's own, or the place of the dead.

use std::time::Duration;

use super::{Acquisition, AfterLeave, Phase};
use crate::protocol::entry::{Entry, Fields, Ticket};
use crate::protocol::messages::{Action, OnExpiry, Outcome, Pause, RefusalReason, WaitMode};
use crate::protocol::time::{Expiry, Moment, MonotonicInstant};
use crate::protocol::write::Write;

/// A ticket older than this is never sent again: TTL may have deleted the row meanwhile, and the
/// ticket would come back to life.
const TICKET_AGE: Duration = Duration::from_secs(60);

/// How often a refused ticket is raised at once, while the lock is free.
const HASTY_TICKETS: u32 = 2;

impl Acquisition {
    /// Takes a new ticket, above the last one seen, and asks to enter with it.
    pub(super) fn enqueue(&mut self, at: Moment) -> Action {
        // The step is small: it only has to pass the others who arrive in this microsecond.
        let step = 1 << self.refusals.saturating_sub(1).min(20);
        let floor = self.row.last.map_or(0, |last| last.0.saturating_add(step));
        let ticket = Ticket(at.now.likely.0.max(floor));
        if ticket > Ticket::MAX {
            return self.over(Outcome::Refused(self.refusal(RefusalReason::Exhausted)));
        }
        self.me = self.sign(ticket, at);
        (self.ticket, self.ticketed, self.behind) = (ticket, at.tick, at.tick);
        (self.sign, self.handed, self.ends) = (None, None, MonotonicInstant::default());
        (self.in_doubt_copies, self.missed_reads) = (0, 0);
        (self.checked, self.beside) = (false, None);
        // A client that finds the lock free may have to begin to act with the same write: fail-closed, or at most
        // once. So it tries first.
        let begins = self.terms.on_expiry == OnExpiry::Hold || self.begins_run(at).is_some();
        let trial = begins && self.row.queue.is_empty();
        self.queues = self.terms.wait_mode == WaitMode::Wait && !trial;
        self.enter(at)
    }

    fn sign(&self, ticket: Ticket, at: Moment) -> Entry {
        let own = at.now.latest;
        let terms = &self.terms;
        // Observers trust no clock, so they cannot know when a deadline is past.
        let deadline = terms.deadline.filter(|_| terms.expiry != Expiry::Observe);
        let mine = Entry::from(Fields {
            ticket,
            own,
            lease: terms.lease,
            deadline: deadline.map(|deadline| own + deadline.since(at.tick)),
            expiry: terms.expiry,
            skew: terms.skew,
            nonce: terms.nonce,
            owner: terms.owner.clone(),
            operation: terms.operation.map(|operation| operation.id),
        });
        match self.me.is_attributed() {
            true => mine.attributed(),
            false => mine,
        }
    }

    pub(super) fn enter(&mut self, at: Moment) -> Action {
        let (me, ticket, lifetime) = (self.me.clone(), self.ticket, self.lifetime(at));
        let unless_done = self.unless_done(at);
        // Whether another run has begun in vain is known in our turn, if the operation may be done after all.
        let unknown = self.is_begun_by_another(at) && self.has_to_check(at);
        let begins_run = self.begins_run(at).filter(|_| !unknown);
        self.phase = Phase::Entering;
        self.send(match self.queues {
            true => Write::Enqueue {
                me,
                ticket,
                cap: self.terms.cap,
                lifetime,
                unless_done,
            },
            false => Write::Try {
                me,
                ticket,
                lifetime,
                unless_done,
                begins_run,
            },
        })
    }

    /// The way seems free: sends the same entry again, a bounded number of times.
    pub(super) fn enter_again(&mut self, at: Moment) -> Action {
        if self.is_stale(at) {
            return self.take_new_ticket(at);
        }
        self.refusals += 1;
        let entering = self.enter(at);
        if self.refusals <= HASTY_TICKETS {
            return entering;
        }
        Action::Pause(Pause::Herd(self.refusals))
    }

    /// The ticket is too old: it is not sent again, and no copy of it may enter.
    fn take_new_ticket(&mut self, at: Moment) -> Action {
        match self.in_doubt_copies {
            0 => self.enqueue(at),
            _ => self.invalidate(AfterLeave::NewTicket, at),
        }
    }

    /// The ticket can no longer enter: takes a higher one.
    pub(super) fn raise_ticket(&mut self, at: Moment) -> Action {
        self.refusals += 1;
        let free = self.row.queue.is_empty();
        match self.terms.wait_mode {
            // The next refusal will find the holder dead, and take its place.
            WaitMode::Try if free || self.is_held_by_the_dead(at) => return self.enqueue(at),
            WaitMode::Try => return self.refuse(RefusalReason::Busy, at),
            WaitMode::Wait if free && self.refusals <= HASTY_TICKETS => return self.enqueue(at),
            WaitMode::Wait => {}
        }
        self.phase = Phase::NewTicket;
        Action::Pause(Pause::Herd(self.refusals))
    }

    /// All entries in the queue are dead: one write evicts them and enters.
    pub(super) fn evict_and_enter(&mut self, at: Moment) -> Action {
        if self.is_stale(at) {
            return self.take_new_ticket(at);
        }
        let (me, ticket, lifetime) = (self.me.clone(), self.ticket, self.lifetime(at));
        let dead = self.row.queue.iter().cloned().collect();
        let (seen, now) = (self.row.renewed_at, at.now.latest);
        let unless = self
            .row
            .holder()
            .and_then(Entry::ticket)
            .filter(|_| self.row.hold_on_expiry);
        let (unless_done, begins_run) = (self.unless_done(at), self.begins_run(at));
        let mut operation = self.attempt_of_holder(at);
        // DynamoDB takes one change of an attribute.
        let begun = begins_run.map(|(id, _)| id);
        operation.attempted = operation.attempted.filter(|(id, _)| Some(*id) != begun);
        self.phase = Phase::Entering;
        self.send(Write::EvictAndEnter {
            me,
            ticket,
            dead,
            seen,
            now,
            unless,
            lifetime,
            unless_done,
            operation,
            begins_run,
        })
    }

    pub(super) fn is_stale(&self, at: Moment) -> bool {
        at.tick.since(self.ticketed) > TICKET_AGE
    }
}
