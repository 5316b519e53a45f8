//! What a row means for us.

use std::time::Duration;

use super::{Acquisition, Phase, Then};
use crate::judge;
use crate::row::{DEADLINE_MARGIN, Row};
use crate::terms::{Action, Fail, Patience, Why};
use crate::time::{Micros, Moment, Tick};

/// How many reads may miss our entry before we stop believing that they are only stale.
const BLIND_LOOKS: u32 = 8;

/// The end of a lease that does not end.
const FOR_EVER: Tick = Tick(Duration::from_secs(100 * 365 * 24 * 60 * 60));

impl Acquisition {
    /// Decides by a look, which may be stale.
    pub(super) fn looked(&mut self, row: Option<Row>, at: Moment) -> Action {
        let row = row.unwrap_or_default();
        if self.phase == Phase::Inheriting {
            return self.inherit(row, at);
        }
        if row.queue.contains(&self.me) {
            self.blind = 0;
            return self.judge(row, at);
        }
        self.blind += 1;
        // A look from before the row was deleted shows a stamp that seems to have passed ours.
        let most = match row.has_passed(self.stamp) {
            true => 2,
            false => BLIND_LOOKS,
        };
        match self.blind < most {
            true => self.wait(at),
            false => self.leave(Then::Restamp, at),
        }
    }

    /// Decides anew by a row that shows the truth about our entry.
    pub(super) fn judge(&mut self, row: Row, at: Moment) -> Action {
        self.see(row, at);
        let rank = self.row.rank(&self.me);
        let passed = rank.is_none() && self.row.has_passed(self.stamp);
        if passed {
            // No copy can enter any more.
            self.loose = 0;
        }
        if let Some(format) = self.row.later_format(&self.me) {
            return self.refuse(Why::LaterFormat(format), at);
        }
        if self.is_of_another_kind() || self.is_mixed() && !self.is_held_by_the_dead(at) {
            return self.refuse(Why::Mismatch, at);
        }
        if passed {
            return self.raise_stamp(at);
        }
        match rank {
            Some(_) if self.is_misdated(at) => self.leave(Then::Restamp, at),
            Some(0) => self.first(at),
            Some(rank) => match judge::dead(&self.terms, &self.row, &self.watch, rank, at) {
                Some((head, behind)) => self.steal(head, behind, at),
                None => self.wait(at),
            },
            None => self.outside(at),
        }
    }

    /// First in the queue: the holder, if there is a proof that nobody may have found us dead.
    fn first(&mut self, at: Moment) -> Action {
        (self.loose, self.blind) = (0, 0);
        if let Phase::Stealing { since } = self.phase {
            self.prove(since);
        }
        let Some(me) = self.me.fields() else {
            return self.leave(Then::Tell, at);
        };
        let handed = judge::is_proven_by_anchor(&self.terms, &self.row, me, self.behind, at);
        self.handed = handed.then(|| self.row.alive_at(me));
        match &self.phase {
            Phase::Waiting if !handed => self.beat(false, at),
            _ if self.is_old(at) => self.beat(false, at),
            _ => self.act_or_claim(self.terms.lease / 2, at),
        }
    }

    /// Whether the entry's deadline comes too early to be of use, because the wall clock was late when it was written:
    /// others would soon find it dead, and it would end its own work.
    fn is_misdated(&self, at: Moment) -> bool {
        let dated = self.me.fields().filter(|me| me.deadline.is_some());
        let shown = dated
            .and_then(|me| judge::deadline(&self.terms, me.own, self.stamped, at))
            .zip(self.terms.deadline);
        shown.is_some_and(|(shown, deadline)| {
            let useless = shown <= at.tick && at.tick < deadline;
            useless || shown + DEADLINE_MARGIN < deadline
        })
    }

    /// Acts while a proof holds; before that the rest of the lease must be worth it, or it is claimed.
    pub(super) fn act_or_claim(&mut self, need: Duration, at: Moment) -> Action {
        self.ends = self.proven(at);
        if self.terms.fail == Fail::Closed {
            // No clock can end this one: nobody steals from a holder that has begun.
            self.ends = FOR_EVER;
            if self.row.held != Some(self.stamp) {
                return self.beat(false, at);
            }
        }
        let own = self.me.fields().map_or(Micros(0), |me| me.own);
        let deadline = judge::deadline(&self.terms, own, self.stamped, at)
            .filter(|&deadline| deadline <= self.ends);
        // Once begun, the work is told when its lease is over, and no beat takes that back.
        if !self.acted && deadline.is_none() && self.ends <= at.tick + need {
            return self.beat(false, at);
        }
        if !self.acted && self.is_misdated(at) {
            return self.leave(Then::Restamp, at);
        }
        if !self.acted && deadline.is_some_and(|deadline| deadline <= at.tick) {
            // The answer came too late to be of any use, and others may have found us dead.
            return self.refuse(Why::TimedOut, at);
        }
        self.phase = Phase::Holding;
        self.acted = true;
        self.ends = deadline.unwrap_or(self.ends);
        self.lasts = deadline.is_some();
        Action::Act(self.ends)
    }

    /// Not in the queue, and the stamp could still enter: busy or full, unless the holder is dead.
    fn outside(&mut self, at: Moment) -> Action {
        match judge::dead(&self.terms, &self.row, &self.watch, 1, at) {
            Some((_, behind)) if self.row.queue.len() == 1 + behind.len() => self.take(at),
            Some((head, behind)) => self.steal(head, behind, at),
            None if self.row.queue.is_empty() => self.enter_again(at),
            None => match self.terms.patience {
                Patience::Try => self.refuse(Why::Busy, at),
                Patience::Wait if self.is_full() => self.refuse(Why::Full, at),
                Patience::Wait => {
                    self.stands = true;
                    self.enter_again(at)
                }
            },
        }
    }
}
