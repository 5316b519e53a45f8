//! Getting out: of the queue, of what may still be on its way, and of the lock.

use super::{Acquisition, AfterLeave, Phase};
use crate::messages::{Action, Outcome, RecoveryOutcome, RefusalReason};
use crate::row::Row;
use crate::time::Moment;
use crate::write::{RenewalUpdate, Write};

impl Acquisition {
    /// Gets out of whatever it is in.
    pub(super) fn give_up(&mut self, at: Moment) -> Action {
        let then = AfterLeave::Refuse(self.refusal(RefusalReason::TimedOut));
        match self.phase {
            Phase::NewTicket => self.out(self.row.clone(), then, RecoveryOutcome::Gone, at),
            Phase::Entering => self.invalidate(then, at),
            Phase::Evicting { .. } if !self.is_queued() => self.invalidate(then, at),
            Phase::Waiting | Phase::Evicting { .. } => self.leave(then, at),
            Phase::Renewing { acting: false, .. } => self.leave(then, at),
            // Nobody knows where a dropped waiter stands. Raising the renewal time unseen, waiters that are
            // dropped again and again would keep a dead holder alive; leaving quietly, one whose turn
            // had come long ago would have its successor found dead at once.
            Phase::Holding | Phase::Inheriting if !self.granted => {
                self.phase = Phase::Inheriting;
                Action::Poll
            }
            Phase::Renewing { .. } | Phase::Holding | Phase::Inheriting => {
                self.leave(AfterLeave::Tell, at)
            }
            Phase::Leaving(AfterLeave::NewTicket) => {
                self.phase = Phase::Leaving(then);
                self.resend(at)
            }
            Phase::Invalidating(AfterLeave::NewTicket) => {
                self.phase = Phase::Invalidating(then);
                self.resend(at)
            }
            Phase::Releasing { .. } | Phase::Leaving(_) | Phase::Invalidating(_) => self.resend(at),
            Phase::Over => self.over(Outcome::Recovered(RecoveryOutcome::Gone)),
        }
    }

    /// Gets an entry out of wherever a look shows it, that somebody was dropped with.
    pub(super) fn inherit(&mut self, row: Row, at: Moment) -> Action {
        self.see(row, at);
        if self.is_queued() {
            return self.leave(AfterLeave::Tell, at);
        }
        match self.row.has_passed(self.ticket) {
            true => self.over(Outcome::Recovered(RecoveryOutcome::Gone)),
            // The look may be stale: then the refusal shows the entry.
            false => self.invalidate(AfterLeave::Tell, at),
        }
    }

    pub(super) fn leave(&mut self, then: AfterLeave, at: Moment) -> Action {
        // Whoever may have been first for long leaves an old renewal time behind, and raises it. Whoever saw
        // somebody before it a moment ago does not: that would give a dead holder another lease.
        let recent = at.tick.since(self.seen) < self.terms.lease / 2;
        let position = self.row.position(&self.me).unwrap_or(0);
        let quiet = position >= 2 || position == 1 && recent;
        let renewal = if quiet {
            RenewalUpdate::Keep
        } else {
            RenewalUpdate::Raise(at.now.latest)
        };
        self.withdraw(renewal, then)
    }

    /// The entry is in the queue although it was to be out: the renewal time was not before our now, a late
    /// copy has arrived, or it must not go.
    pub(super) fn leave_again(&mut self, then: AfterLeave, at: Moment) -> Action {
        if self.granted && self.row.pinned == Some(self.ticket) {
            return self.over(Outcome::Recovered(RecoveryOutcome::Pinned));
        }
        let renewal = match self.in_flight {
            Some(Write::Withdraw {
                renewal: RenewalUpdate::Raise(now),
                ..
            }) => RenewalUpdate::KeepLater(now),
            Some(Write::Withdraw { .. }) => RenewalUpdate::Raise(at.now.latest),
            _ => return self.leave(then, at),
        };
        self.withdraw(renewal, then)
    }

    fn withdraw(&mut self, renewal: RenewalUpdate, then: AfterLeave) -> Action {
        self.phase = Phase::Leaving(then);
        // Who has begun under a fail-closed lock may have left something half done.
        let unless = self.granted.then_some(self.ticket);
        self.send(Write::Withdraw {
            me: self.me.clone(),
            renewal,
            unless,
        })
    }

    pub(super) fn invalidate(&mut self, then: AfterLeave, at: Moment) -> Action {
        self.phase = Phase::Invalidating(then);
        self.send(Write::Invalidate {
            ticket: self.ticket,
            lifetime: self.lifetime(at),
        })
    }

    /// There is no lock to be had. It is final only if no copy is still on its way.
    pub(super) fn refuse(&mut self, reason: RefusalReason, at: Moment) -> Action {
        let refusal = self.refusal(reason);
        match (self.is_queued(), self.in_doubt_copies) {
            (true, _) => self.leave(AfterLeave::Refuse(refusal), at),
            (false, 0) => self.over(Outcome::Refused(refusal)),
            (false, _) => self.invalidate(AfterLeave::Refuse(refusal), at),
        }
    }

    /// The entry is out of the queue, and can never enter again.
    pub(super) fn out(
        &mut self,
        row: Row,
        then: AfterLeave,
        how: RecoveryOutcome,
        at: Moment,
    ) -> Action {
        match then {
            AfterLeave::Refuse(refusal) => self.over(Outcome::Refused(refusal)),
            AfterLeave::Tell => self.over(Outcome::Recovered(how)),
            AfterLeave::NewTicket => {
                self.row = row;
                self.enqueue(at)
            }
        }
    }
}
