//! Getting out: of the queue, of what may still be on its way, and of the lock.

use super::{Acquisition, Phase, Then};
use crate::operation::OperationUpdate;
use crate::row::Row;
use crate::terms::{Action, Ending, GivenBack, Why};
use crate::time::Moment;
use crate::write::{Departure, Write};

impl Acquisition {
    /// Gets out of whatever it is in.
    pub(super) fn give_up(&mut self, at: Moment) -> Action {
        let then = Then::Refuse(self.refusal(Why::TimedOut));
        match self.phase {
            Phase::Restamping => self.out(self.row.clone(), then, GivenBack::Gone, at),
            Phase::Entering => self.void(then, at),
            Phase::Stealing { .. } if !self.is_queued() => self.void(then, at),
            Phase::Waiting | Phase::Stealing { .. } => self.leave(then, at),
            Phase::Beating { acting: false, .. } => self.leave(then, at),
            // Nobody knows where a dropped waiter stands. Raising the anchor unseen, waiters that are
            // dropped again and again would keep a dead holder alive; leaving quietly, one whose turn
            // had come long ago would have its successor found dead at once.
            Phase::Holding | Phase::Inheriting if !self.acted => {
                self.phase = Phase::Inheriting;
                Action::Look
            }
            Phase::Beating { .. } | Phase::Holding | Phase::Inheriting => {
                self.leave(Then::Tell, at)
            }
            Phase::Leaving(Then::Restamp) => {
                self.phase = Phase::Leaving(then);
                self.resend(at)
            }
            Phase::Voiding(Then::Restamp) => {
                self.phase = Phase::Voiding(then);
                self.resend(at)
            }
            Phase::Releasing { .. } | Phase::Leaving(_) | Phase::Voiding(_) => self.resend(at),
            Phase::Over => self.over(Ending::GivenBack(GivenBack::Gone)),
        }
    }

    /// Gets an entry out of wherever a look shows it, that somebody was dropped with.
    pub(super) fn inherit(&mut self, row: Row, at: Moment) -> Action {
        self.see(row, at);
        if self.is_queued() {
            return self.leave(Then::Tell, at);
        }
        match self.row.has_passed(self.stamp) {
            true => self.over(Ending::GivenBack(GivenBack::Gone)),
            // The look may be stale: then the refusal shows the entry.
            false => self.void(Then::Tell, at),
        }
    }

    pub(super) fn leave(&mut self, then: Then, at: Moment) -> Action {
        if self.is_first_in_vain(at) {
            return self.hand_on(then, at);
        }
        // Whoever may have been first for long leaves an old anchor behind, and raises it. Whoever saw
        // somebody before it a moment ago does not: that would give a dead holder another lease.
        let recent = at.tick.since(self.seen) < self.terms.lease / 2;
        let rank = self.row.rank(&self.me).unwrap_or(0);
        let quiet = rank >= 2 || rank == 1 && recent;
        let anchor = if quiet {
            Departure::Quiet
        } else {
            Departure::Raise(at.now.latest)
        };
        self.abandon(anchor, then, at)
    }

    /// The entry is in the queue although it was to be out: the anchor was not before our now, a late
    /// copy has arrived, or it must not go.
    pub(super) fn leave_again(&mut self, then: Then, at: Moment) -> Action {
        if self.acted && self.completion.is_none() && self.row.held == Some(self.stamp) {
            return self.over(Ending::GivenBack(GivenBack::Kept));
        }
        let anchor = match self.in_flight {
            Some(Write::Abandon {
                anchor: Departure::Raise(now),
                ..
            }) => Departure::Under(now),
            Some(Write::Abandon { .. }) => Departure::Raise(at.now.latest),
            _ => return self.leave(then, at),
        };
        self.abandon(anchor, then, at)
    }

    fn abandon(&mut self, anchor: Departure, then: Then, at: Moment) -> Action {
        self.phase = Phase::Leaving(then);
        // Who has begun under a fail-closed lock may have left something half done, unless it is known that its work
        // was completed.
        let begun = self.acted && self.completion.is_none();
        let operation = match self.acted {
            true => self.operation_update(at),
            false => OperationUpdate::default(),
        };
        self.send(Write::Abandon {
            me: self.me.clone(),
            anchor,
            unless: begun.then_some(self.stamp),
            operation,
        })
    }

    pub(super) fn void(&mut self, then: Then, at: Moment) -> Action {
        self.phase = Phase::Voiding(then);
        self.send(Write::Void {
            stamp: self.stamp,
            life: self.life(at),
        })
    }

    /// There is no lock to be had. It is final only if no copy is still on its way.
    pub(super) fn refuse(&mut self, why: Why, at: Moment) -> Action {
        let refusal = self.refusal(why);
        match (self.is_queued(), self.loose) {
            (true, _) => self.leave(Then::Refuse(refusal), at),
            (false, 0) => self.over(Ending::Refused(refusal)),
            (false, _) => self.void(Then::Refuse(refusal), at),
        }
    }

    /// The entry is out of the queue, and can never enter again.
    pub(super) fn out(&mut self, row: Row, then: Then, how: GivenBack, at: Moment) -> Action {
        match then {
            Then::Refuse(refusal) => self.over(Ending::Refused(refusal)),
            Then::Tell => self.over(Ending::GivenBack(how)),
            Then::Restamp => {
                self.row = row;
                self.enqueue(at)
            }
        }
    }
}
