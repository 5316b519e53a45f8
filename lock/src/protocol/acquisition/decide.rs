//! Decisions by a row.

use std::time::Duration;

use super::{Acquisition, AfterLeave, Phase};
use crate::protocol::liveness;
use crate::protocol::messages::{Action, OnExpiry, RefusalReason, WaitMode};
use crate::protocol::row::{DEADLINE_MARGIN, Row};
use crate::protocol::time::{Moment, MonotonicInstant, Timestamp};

/// How many reads may miss our entry before we stop believing that they are only stale.
const MISSED_READS: u32 = 8;

/// The end of a lease that does not end.
const FOR_EVER: MonotonicInstant = MonotonicInstant(Duration::from_secs(100 * 365 * 24 * 60 * 60));

impl Acquisition {
    /// Decides by a read, which may be stale.
    pub(super) fn polled(&mut self, row: Option<Row>, at: Moment) -> Action {
        let row = row.unwrap_or_default();
        if row.queue.contains(&self.me) {
            self.missed_reads = 0;
            return self.judge(row, at);
        }
        self.missed_reads += 1;
        // A read from before the row was deleted shows a ticket that seems to have passed ours.
        let most = match row.has_passed(self.ticket) {
            true => 2,
            false => MISSED_READS,
        };
        match self.missed_reads < most {
            true => self.wait(at),
            false => self.leave(AfterLeave::NewTicket, at),
        }
    }

    /// Decides anew by a row that shows the truth about our entry.
    pub(super) fn judge(&mut self, row: Row, at: Moment) -> Action {
        self.see(row, at);
        let position = self.row.position(&self.me);
        let passed = position.is_none() && self.row.has_passed(self.ticket);
        if passed {
            // No copy can enter any more.
            self.in_doubt_copies = 0;
        }
        if let Some(format) = self.row.later_format(&self.me) {
            return self.refuse(RefusalReason::LaterFormat(format), at);
        }
        if self.has_other_failure_mode()
            || self.has_conflicting_expiry() && !self.is_held_by_the_dead(at)
        {
            return self.refuse(RefusalReason::Mismatch, at);
        }
        if let Some(why) = self.settled(at) {
            return self.refuse(why, at);
        }
        if passed {
            return self.raise_ticket(at);
        }
        match position {
            Some(_) if self.is_misdated(at) => self.leave(AfterLeave::NewTicket, at),
            Some(0) => self.first(at),
            Some(position) => {
                match liveness::dead(&self.terms, &self.row, &self.watch, position, at) {
                    Some((head, behind)) => self.evict(head, behind, at),
                    None => self.wait(at),
                }
            }
            None => self.outside(at),
        }
    }

    /// At the head of the queue: the holder, if it is proven that no client may have found us dead.
    fn first(&mut self, at: Moment) -> Action {
        (self.in_doubt_copies, self.missed_reads) = (0, 0);
        if let Phase::Evicting { since } = self.phase {
            self.prove(since);
        }
        let Some(me) = self.me.fields() else {
            return self.leave(AfterLeave::Tell, at);
        };
        let handed = liveness::is_proven_by_renewal(&self.terms, &self.row, me, self.behind, at);
        self.handed = handed.then(|| self.row.alive_at(me));
        match &self.phase {
            Phase::Waiting if !handed => self.heartbeat(false, at),
            _ if self.is_old(at) => self.heartbeat(false, at),
            _ => self.act_or_confirm(self.terms.lease / 2, at),
        }
    }

    /// Whether the entry's deadline comes too early to be of use, because the wall clock was late when it was written:
    /// others would soon find it dead, and it would end its own work.
    fn is_misdated(&self, at: Moment) -> bool {
        let dated = self.me.fields().filter(|me| me.deadline.is_some());
        let shown = dated
            .and_then(|me| liveness::deadline(&self.terms, me.own, self.ticketed, at))
            .zip(self.terms.deadline);
        shown.is_some_and(|(shown, deadline)| {
            let useless = shown <= at.tick && at.tick < deadline;
            useless || shown + DEADLINE_MARGIN < deadline
        })
    }

    /// Acts while a proof holds; before that the rest of the lease must be long enough, or a
    /// heartbeat has to confirm it.
    pub(super) fn act_or_confirm(&mut self, need: Duration, at: Moment) -> Action {
        self.ends = self.proven(at);
        if !self.granted && self.has_to_check(at) {
            return self.check_moved(at);
        }
        if self.terms.on_expiry == OnExpiry::Hold {
            // No clock can end this lease: a holder that has begun is never evicted.
            self.ends = FOR_EVER;
            if self.row.pinned != Some(self.ticket) {
                return self.heartbeat(false, at);
            }
        }
        if !self.granted && self.has_to_begin() {
            return self.heartbeat(false, at);
        }
        let own = self.me.fields().map_or(Timestamp(0), |me| me.own);
        let deadline = liveness::deadline(&self.terms, own, self.ticketed, at)
            .filter(|&deadline| deadline <= self.ends);
        // Once begun, the work sees when its lease expires, and no heartbeat takes that back.
        if !self.granted && deadline.is_none() && self.ends <= at.tick + need {
            return self.heartbeat(false, at);
        }
        if !self.granted && self.is_misdated(at) {
            return self.leave(AfterLeave::NewTicket, at);
        }
        if !self.granted && deadline.is_some_and(|deadline| deadline <= at.tick) {
            // The answer came too late to be of use, and others may have found us dead.
            return self.refuse(RefusalReason::TimedOut, at);
        }
        self.phase = Phase::Holding;
        self.granted = true;
        self.ends = deadline.unwrap_or(self.ends);
        self.until_deadline = deadline.is_some();
        Action::Act(self.ends)
    }

    /// Not in the queue, and the ticket could still enter: busy or full, unless the holder is dead.
    fn outside(&mut self, at: Moment) -> Action {
        match liveness::dead(&self.terms, &self.row, &self.watch, 1, at) {
            Some((_, behind))
                if self.row.queue.len() == 1 + behind.len() && !self.is_begun_by_another(at) =>
            {
                self.evict_and_enter(at)
            }
            Some((head, behind)) => self.evict(head, behind, at),
            None if self.row.queue.is_empty() => self.enter_again(at),
            None => match self.terms.wait_mode {
                WaitMode::Try => self.refuse(RefusalReason::Busy, at),
                WaitMode::Wait if self.is_full() => self.refuse(RefusalReason::Full, at),
                WaitMode::Wait => {
                    self.queues = true;
                    self.enter_again(at)
                }
            },
        }
    }
}
