//! The state machine: the next step of one client, about one key.
//!
//! No I/O, no clock, no randomness: [`Acquisition::step`] takes an event and its time, and returns
//! the next action. It keeps the laws of DESIGN.md. The same code runs in production, in the model
//! and in the simulation.
//!
//! ```text
//!  ┌──► entering ─────► waiting ───────► renewing ◄─► holding ──► releasing ──► over
//!  │     │  │  ▲          │  ▲           (confirms)
//!  │     │  │  └───────┐  ▼  │
//!  │     │  └───────► evicting
//!  │     ▼
//!  new ticket ◄── invalidating ◄── leaving ◄── GiveUp, from anywhere     ... ──► over
//! ```

mod decide;
mod enter;
mod leave;
mod moves;
mod operation;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::entry::{Entry, Ticket};
use crate::protocol::liveness::Watch;
use crate::protocol::messages::{
    Action, Answer, Event, Outcome, Pause, RecoveryOutcome, Refusal, Terms,
};
use crate::protocol::operation::{Completions, OperationState};
use crate::protocol::operation_id::OperationId;
use crate::protocol::row::Row;
use crate::protocol::time::{Moment, MonotonicInstant, Timestamp};
use crate::protocol::write::Write;

/// One client's acquisition of one key, from the first write to the last.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Acquisition {
    terms: Terms,
    phase: Phase,
    me: Entry,
    ticket: Ticket,
    /// When the entry took its ticket.
    ticketed: MonotonicInstant,
    /// The write whose answer is awaited.
    in_flight: Option<Write>,
    /// Unanswered copies of writes that may still add the entry to the queue.
    in_doubt_copies: u32,
    /// How often in a row the ticket was too low.
    refusals: u32,
    /// How many reads in a row have not shown our entry.
    missed_reads: u32,
    /// Whether to wait in the queue if the lock is held.
    queues: bool,
    /// Whether the lock was granted to the caller.
    granted: bool,
    /// Whether the lease lasts until the caller's deadline.
    until_deadline: bool,
    /// When the request was decided whose answer comes next.
    asked: MonotonicInstant,
    /// Until when, at least, another entry was before ours.
    behind: MonotonicInstant,
    /// The last renewal that was applied, and when it was sent.
    sign: Option<(Timestamp, MonotonicInstant)>,
    /// The predecessor's renewal time, if it proves us alive.
    handed: Option<Timestamp>,
    /// How often in a row a write conflicted with another client's.
    conflicts: u32,
    /// The row as last seen.
    row: Row,
    watch: Watch,
    /// Until when we may act.
    ends: MonotonicInstant,
    /// These operations are done; the next write that hands the lock on says so.
    completions: Completions,
    /// An operation that the same write is to forget.
    forgets: Option<OperationId>,
    /// Completions that have been moved out of the row, each with its end; the same write drops them from it.
    moved: BTreeMap<OperationId, u64>,
    /// Whether the operation's own row was read in our turn.
    checked: bool,
    /// What that says of the operation, while it counts.
    beside: Option<OperationState>,
    ending: Ending,
}

/// How a run has ended that does not complete its operation.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Ending {
    /// How far it came is not known.
    Interrupted,
    /// It has failed, and says that it did nothing which must not be done again.
    Failed,
    /// It has done nothing.
    Unused,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Phase {
    Entering,
    NewTicket,
    Waiting,
    Evicting {
        since: MonotonicInstant,
    },
    Renewing {
        since: MonotonicInstant,
        acting: bool,
    },
    /// Our turn; the operation may be done, with its completion moved out of the row.
    Checking,
    Holding,
    Releasing {
        in_time: bool,
        in_doubt: bool,
    },
    Leaving(AfterLeave),
    Invalidating(AfterLeave),
    Over,
}

/// What follows once the entry has left for certain.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum AfterLeave {
    Refuse(Refusal),
    NewTicket,
    Tell,
}

impl Acquisition {
    /// Nothing has happened yet; the first event is [`Event::Begin`].
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self::of(terms, Entry::read(""), Ticket::default(), Phase::NewTicket)
    }

    /// The same, where additional attributes enter with the entry.
    #[must_use]
    pub fn attributed(mut self) -> Self {
        self.me = self.me.attributed();
        self
    }

    /// The same, where the client has watched the holder before.
    pub(crate) fn having_watched(self, watch: Watch) -> Self {
        Self { watch, ..self }
    }

    /// What was seen of the holder.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// An entry of a dead or dropped owner, which may have begun to act; the first event is
    /// [`Event::GiveUp`].
    #[must_use]
    pub fn left_behind(terms: Terms, me: Entry, ticket: Ticket, begun: bool) -> Self {
        let left = Self::of(terms, me, ticket, Phase::Holding);
        Self {
            granted: begun,
            ..left
        }
    }

    fn of(terms: Terms, me: Entry, ticket: Ticket, phase: Phase) -> Self {
        let (row, watch) = (Row::default(), Watch::default());
        let (ticketed, ends) = (MonotonicInstant::default(), MonotonicInstant::default());
        let (in_flight, in_doubt_copies, refusals, missed_reads) = (None, 0, 0, 0);
        let (queues, granted) = (false, phase == Phase::Holding);
        let (until_deadline, conflicts) = (false, 0);
        let (asked, behind, sign, handed) = (
            MonotonicInstant::default(),
            MonotonicInstant::default(),
            None,
            None,
        );
        let (completions, forgets) = (Completions::new(), None);
        Self {
            terms,
            phase,
            me,
            ticket,
            ticketed,
            in_flight,
            in_doubt_copies,
            refusals,
            missed_reads,
            queues,
            granted,
            until_deadline,
            asked,
            behind,
            sign,
            handed,
            conflicts,
            row,
            watch,
            ends,
            completions,
            forgets,
            moved: BTreeMap::new(),
            checked: false,
            beside: None,
            ending: Ending::Interrupted,
        }
    }

    /// The ticket of this acquisition.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The terms of this acquisition.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether the lease lasts until the caller's deadline, so that no heartbeat is needed.
    #[must_use]
    pub fn until_deadline(&self) -> bool {
        self.until_deadline
    }

    /// The entry, as it is written.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.me
    }

    /// Whether the entry may be in the table, or on its way there.
    #[must_use]
    pub fn leaves_a_trace(&self) -> bool {
        match self.phase {
            Phase::Entering => self.in_doubt_copies > 0,
            Phase::Evicting { .. } => self.in_doubt_copies > 0 || self.is_queued(),
            Phase::NewTicket | Phase::Over => false,
            _ => true,
        }
    }

    /// Takes an event and its time, and returns the next action.
    pub fn step(&mut self, event: Event, at: Moment) -> Action {
        let action = self.reacts(event, at);
        if matches!(action, Action::Write(_) | Action::Poll) {
            self.asked = at.tick;
        }
        action
    }

    fn reacts(&mut self, event: Event, at: Moment) -> Action {
        match event {
            Event::Begin => self.enqueue(at),
            Event::Answered(answer) => self.answered(answer, at),
            Event::Polled(row) => self.polled(row, at),
            Event::Checked(state) => self.hears_of_moved(state, at),
            Event::Woken => self.woken(at),
            Event::Heartbeat => self.heartbeat(true, at),
            Event::Expired => {
                self.granted = false;
                self.heartbeat(false, at)
            }
            Event::Release => self.release(at),
            Event::GiveUp => self.give_up(at),
        }
    }

    fn answered(&mut self, answer: Answer, at: Moment) -> Action {
        match answer {
            Answer::Applied(row) => self.applied(row, at),
            Answer::Refused(row) => self.refused(row.unwrap_or_default(), at),
            Answer::Unapplied => self.resend(at),
            Answer::Lost => {
                match &mut self.phase {
                    Phase::Entering => self.in_doubt_copies += 1,
                    Phase::Releasing { in_doubt, .. } => *in_doubt = true,
                    _ => {}
                }
                self.resend(at)
            }
        }
    }

    fn applied(&mut self, row: Row, at: Moment) -> Action {
        self.conflicts = 0;
        match self.phase.clone() {
            Phase::Entering | Phase::Evicting { .. } => self.judge(row, at),
            Phase::Renewing { since, .. } => {
                self.see(row, at);
                self.prove(since);
                self.act_or_confirm(Duration::ZERO, at)
            }
            Phase::Releasing { .. } => self.over(Outcome::Released),
            Phase::Leaving(then) => self.out(row, then, self.left(), at),
            Phase::Invalidating(then) => self.out(row, then, RecoveryOutcome::Invalidated, at),
            Phase::NewTicket | Phase::Waiting | Phase::Checking | Phase::Holding | Phase::Over => {
                self.resend(at)
            }
        }
    }

    fn refused(&mut self, row: Row, at: Moment) -> Action {
        let queued = row.queue.contains(&self.me);
        match self.phase.clone() {
            Phase::Entering if matches!(self.in_flight, Some(Write::EvictAndEnter { .. })) => {
                match self.has_conflicted() && !queued {
                    true => self.pause_before_turn(row, at),
                    false => self.judge(row, at),
                }
            }
            Phase::Entering => self.judge(row, at),
            Phase::Evicting { .. } => {
                // Another client was first, so the proof that our write would have given does not
                // hold.
                self.phase = Phase::Waiting;
                match self.has_conflicted() {
                    true => self.pause_before_turn(row, at),
                    false => self.judge(row, at),
                }
            }
            Phase::Renewing { acting, .. } if queued => {
                self.see(row, at);
                match self.has_conflicted() {
                    true => Action::Pause(Pause::Herd(self.conflicts)),
                    false => self.heartbeat(acting, at),
                }
            }
            Phase::Renewing { acting: false, .. } => self.judge(row, at),
            Phase::Renewing { .. } => self.over(Outcome::Lost),
            Phase::Releasing { .. } if self.has_completed(&row) => self.over(Outcome::Released),
            // No other client can have removed the entry while the lease held: an earlier copy did.
            Phase::Releasing {
                in_time: true,
                in_doubt: true,
            } if self.says_nothing() => self.over(Outcome::Released),
            Phase::Releasing { in_doubt: true, .. } if self.has_forgotten(&row) => {
                self.over(Outcome::Released)
            }
            Phase::Releasing { .. } if self.has_completed(&row) => self.over(Outcome::Released),
            Phase::Releasing { in_doubt: true, .. } => match self.perhaps_moved(&row, at) {
                Some(operation) => Action::Check(operation),
                None => self.over(Outcome::Lost),
            },
            Phase::Releasing { .. } => self.over(Outcome::Lost),
            Phase::Leaving(then) | Phase::Invalidating(then) if queued => {
                self.see(row, at);
                self.leave_again(then, at)
            }
            Phase::Leaving(then) if !row.has_passed(self.ticket) => self.invalidate(then, at),
            Phase::Leaving(then) if self.has_completed(&row) => {
                self.out(row, then, RecoveryOutcome::Completed, at)
            }
            Phase::Leaving(then) | Phase::Invalidating(then) => {
                self.out(row, then, RecoveryOutcome::Gone, at)
            }
            Phase::NewTicket | Phase::Waiting | Phase::Checking | Phase::Holding | Phase::Over => {
                self.resend(at)
            }
        }
    }

    fn woken(&mut self, at: Moment) -> Action {
        match self.phase.clone() {
            Phase::NewTicket => self.enqueue(at),
            Phase::Waiting => Action::Poll,
            Phase::Checking => self.check_moved(at),
            Phase::Renewing { acting, .. } => self.heartbeat(acting, at),
            _ => self.resend(at),
        }
    }
}
