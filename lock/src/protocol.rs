//! The protocol: what one client does next about one key. The heart, and pure.
//!
//! No I/O, no clock, no randomness: [`Acquisition::step`] takes what happened and when, and answers
//! what is to be done. It keeps the laws of DESIGN.md. The same code runs in production and under
//! whatever wants to explore it.
//!
//! ```text
//!  ┌──► entering ─────► waiting ───────► beating ◄──► holding ──► releasing ──► over
//!  │     │  │  ▲          │  ▲           (claims)
//!  │     │  │  └───────┐  ▼  │
//!  │     │  └───────► stealing
//!  │     ▼
//!  restamping ◄── voiding ◄── leaving ◄── GiveUp, from anywhere          ... ──► over
//! ```

mod decide;
mod enter;
mod leave;
mod moves;

#[cfg(test)]
mod tests;

pub use crate::entry::{Entry, Fields, Owner, Stamp};
pub use crate::nonce::Nonce;
pub use crate::row::Row;
pub use crate::terms::{
    Action, Answer, Ending, Event, Fail, GivenBack, Patience, Pause, Refusal, Terms, Why,
};
pub use crate::time::{Micros, Moment, Now, Tick};
pub use crate::write::{Departure, Life, Write};

use std::time::Duration;

use crate::judge::Watch;

/// One client's dealings with one key, from the first write to the last.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Acquisition {
    terms: Terms,
    phase: Phase,
    me: Entry,
    stamp: Stamp,
    /// When the entry was stamped.
    stamped: Tick,
    /// The write whose answer is awaited.
    in_flight: Option<Write>,
    /// Copies of writes that could put the entry into the queue, and that nobody answered.
    loose: u32,
    /// How often in a row the stamp was too low.
    refusals: u32,
    /// How many looks in a row have not shown our entry.
    blind: u32,
    /// Whether to stand in the queue if the lock is busy.
    stands: bool,
    /// Whether the caller was told to act.
    acted: bool,
    /// Whether the lease lasts as long as the caller.
    lasts: bool,
    /// When the row was last seen.
    seen: Tick,
    /// When the write or the look was asked for whose answer comes next.
    asked: Tick,
    /// Until when, at least, somebody stood before us.
    behind: Tick,
    /// The last sign of life that was applied, and when it left.
    sign: Option<(Micros, Tick)>,
    /// The predecessor's anchor, if it proves us alive.
    handed: Option<Micros>,
    /// How often in a row the holder's place was not as it had just been seen.
    rebuffs: u32,
    /// The row as last seen.
    row: Row,
    watch: Watch,
    /// Until when we may act.
    ends: Tick,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Phase {
    Entering,
    Restamping,
    Waiting,
    Stealing {
        since: Tick,
    },
    Beating {
        since: Tick,
        acting: bool,
    },
    Holding,
    /// An owner was dropped half-way, and where its entry stands is to be seen.
    Inheriting,
    Releasing {
        in_time: bool,
        loose: bool,
    },
    Leaving(Then),
    Voiding(Then),
    Over,
}

/// What follows once the entry is out for certain.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Then {
    Refuse(Refusal),
    Restamp,
    Tell,
}

impl Acquisition {
    /// Nothing has happened yet; the first event is [`Event::Begin`].
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self::of(terms, Entry::read(""), Stamp::default(), Phase::Restamping)
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

    /// An entry that somebody left behind, who may have begun to act; the first event is
    /// [`Event::GiveUp`].
    #[must_use]
    pub fn left_behind(terms: Terms, me: Entry, stamp: Stamp, begun: bool) -> Self {
        let left = Self::of(terms, me, stamp, Phase::Holding);
        Self {
            acted: begun,
            ..left
        }
    }

    fn of(terms: Terms, me: Entry, stamp: Stamp, phase: Phase) -> Self {
        let (row, watch) = (Row::default(), Watch::default());
        let (stamped, ends) = (Tick::default(), Tick::default());
        let (in_flight, loose, refusals, blind) = (None, 0, 0, 0);
        let (stands, acted) = (false, phase == Phase::Holding);
        let (lasts, seen, rebuffs) = (false, Tick::default(), 0);
        let (asked, behind, sign, handed) = (Tick::default(), Tick::default(), None, None);
        Self {
            terms,
            phase,
            me,
            stamp,
            stamped,
            in_flight,
            loose,
            refusals,
            blind,
            stands,
            acted,
            lasts,
            seen,
            asked,
            behind,
            sign,
            handed,
            rebuffs,
            row,
            watch,
            ends,
        }
    }

    /// The number that orders this acquisition among all of its key.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// What was asked for.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether the lease lasts as long as the caller, so that no beat is needed.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.lasts
    }

    /// The entry, as it is written.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.me
    }

    /// Whether the entry may stand in the table, or be on its way there.
    #[must_use]
    pub fn leaves_a_trace(&self) -> bool {
        match self.phase {
            Phase::Entering => self.loose > 0,
            Phase::Stealing { .. } => self.loose > 0 || self.is_queued(),
            Phase::Restamping | Phase::Over => false,
            _ => true,
        }
    }

    /// Takes what happened, and when it was known; answers what is to be done.
    pub fn step(&mut self, event: Event, at: Moment) -> Action {
        let action = self.reacts(event, at);
        if matches!(action, Action::Write(_) | Action::Look) {
            self.asked = at.tick;
        }
        action
    }

    fn reacts(&mut self, event: Event, at: Moment) -> Action {
        match event {
            Event::Begin => self.enqueue(at),
            Event::Answered(answer) => self.answered(answer, at),
            Event::Looked(row) => self.looked(row, at),
            Event::Woken => self.woken(at),
            Event::Beat => self.beat(true, at),
            Event::Expired => {
                self.acted = false;
                self.beat(false, at)
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
                    Phase::Entering => self.loose += 1,
                    Phase::Releasing { loose, .. } => *loose = true,
                    _ => {}
                }
                self.resend(at)
            }
        }
    }

    fn applied(&mut self, row: Row, at: Moment) -> Action {
        self.rebuffs = 0;
        match self.phase.clone() {
            Phase::Entering | Phase::Stealing { .. } => self.judge(row, at),
            Phase::Beating { since, .. } => {
                self.see(row, at);
                self.prove(since);
                self.act_or_claim(Duration::ZERO, at)
            }
            Phase::Releasing { .. } => self.over(Ending::Released),
            Phase::Leaving(then) => self.out(row, then, GivenBack::Abandoned, at),
            Phase::Voiding(then) => self.out(row, then, GivenBack::Voided, at),
            Phase::Restamping
            | Phase::Waiting
            | Phase::Holding
            | Phase::Inheriting
            | Phase::Over => self.resend(at),
        }
    }

    fn refused(&mut self, row: Row, at: Moment) -> Action {
        let queued = row.queue.contains(&self.me);
        match self.phase.clone() {
            Phase::Entering if matches!(self.in_flight, Some(Write::Take { .. })) => {
                match self.is_rebuffed() && !queued {
                    true => self.pause_before_turn(row, at),
                    false => self.judge(row, at),
                }
            }
            Phase::Entering => self.judge(row, at),
            Phase::Stealing { .. } => {
                // Somebody else was first: what our write would have proved is not so.
                self.phase = Phase::Waiting;
                match self.is_rebuffed() {
                    true => self.pause_before_turn(row, at),
                    false => self.judge(row, at),
                }
            }
            Phase::Beating { acting, .. } if queued => {
                self.see(row, at);
                match self.is_rebuffed() {
                    true => Action::Pause(Pause::Herd(self.rebuffs)),
                    false => self.beat(acting, at),
                }
            }
            Phase::Beating { acting: false, .. } => self.judge(row, at),
            Phase::Beating { .. } => self.over(Ending::Lost),
            // Nobody else can have taken us out while the lease held: an earlier copy did it.
            Phase::Releasing {
                in_time: true,
                loose: true,
            } => self.over(Ending::Released),
            Phase::Releasing { .. } => self.over(Ending::Lost),
            Phase::Leaving(then) | Phase::Voiding(then) if queued => {
                self.see(row, at);
                self.leave_again(then, at)
            }
            Phase::Leaving(then) if !row.has_passed(self.stamp) => self.void(then, at),
            Phase::Leaving(then) | Phase::Voiding(then) => self.out(row, then, GivenBack::Gone, at),
            Phase::Restamping
            | Phase::Waiting
            | Phase::Holding
            | Phase::Inheriting
            | Phase::Over => self.resend(at),
        }
    }

    fn woken(&mut self, at: Moment) -> Action {
        match self.phase.clone() {
            Phase::Restamping => self.enqueue(at),
            Phase::Waiting | Phase::Inheriting => Action::Look,
            Phase::Beating { acting, .. } => self.beat(acting, at),
            _ => self.resend(at),
        }
    }
}
