//! Leaving: the queue, writes that are still in flight, and the lock.

use super::{Acquisition, AfterLeave, Phase};
use crate::protocol::messages::{Action, Outcome, RecoveryOutcome, RefusalReason};
use crate::protocol::row::Row;
use crate::protocol::time::Moment;
use crate::protocol::write::{RenewalUpdate, Write};

impl Acquisition {
    /// Leaves from any state.
    pub(super) fn give_up(&mut self, at: Moment) -> Action {
        let then = AfterLeave::Refuse(self.refusal(RefusalReason::TimedOut));
        match self.phase {
            Phase::NewTicket => self.out(self.row.clone(), then, RecoveryOutcome::Gone, at),
            Phase::Entering => self.invalidate(then, at),
            Phase::Evicting { .. } if !self.is_queued() => self.invalidate(then, at),
            Phase::Waiting | Phase::Evicting { .. } => self.leave(then, at),
            Phase::Renewing { acting: false, .. } | Phase::Checking => self.leave(then, at),
            Phase::Renewing { .. } | Phase::Holding => self.leave(AfterLeave::Tell, at),
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

    /// Leaves the queue from the place where the row shows the entry. Between that and the write the entry
    /// before it may have left; then the write is refused, and shows the next place.
    pub(super) fn leave(&mut self, then: AfterLeave, at: Moment) -> Action {
        if self.is_first_in_vain(at) {
            return self.hand_on(then, at);
        }
        if !self.is_queued() && self.may_have_begun() {
            // What the row says of the run is to be known first; the refusal shows it.
            return self.invalidate(then, at);
        }
        let now = at.now.latest;
        let renewal = match self.row.before(&self.me) {
            _ if !self.is_queued() => RenewalUpdate::KeepAlone,
            Some(before) => RenewalUpdate::KeepBehind(before.clone()),
            None if self.row.renewed_at >= Some(now) => RenewalUpdate::KeepLater(now),
            None => RenewalUpdate::Raise(now),
        };
        self.withdraw(renewal, then, at)
    }

    /// The entry is still in the queue: its place was another one, the renewal time was not before our now, a
    /// late copy has arrived, or it must stay.
    pub(super) fn leave_again(&mut self, then: AfterLeave, at: Moment) -> Action {
        if self.granted && self.completions.is_empty() && self.row.pinned == Some(self.ticket) {
            return self.over(Outcome::Recovered(RecoveryOutcome::Pinned));
        }
        self.leave(then, at)
    }

    fn withdraw(&mut self, renewal: RenewalUpdate, then: AfterLeave, at: Moment) -> Action {
        self.phase = Phase::Leaving(then);
        // A fail-closed holder that has begun may have left something half done, unless it has noted
        // that its work was completed.
        let begun = self.granted && self.completions.is_empty();
        let operation = match self.granted {
            true => self.operation_update(at),
            false => self.unbegun(),
        };
        self.send(Write::Withdraw {
            me: self.me.clone(),
            renewal,
            unless: begun.then_some(self.ticket),
            operation,
        })
    }

    pub(super) fn invalidate(&mut self, then: AfterLeave, at: Moment) -> Action {
        self.phase = Phase::Invalidating(then);
        self.send(Write::Invalidate {
            ticket: self.ticket,
            lifetime: self.lifetime(at),
        })
    }

    /// Refuses. That is final only if no copy is still in flight.
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
