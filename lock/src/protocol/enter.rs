//! Getting in: into the queue with a stamp of one's own, or into the place of the dead.

use std::time::Duration;

use super::{Acquisition, Phase, Then};
use crate::entry::{Entry, Fields, Stamp};
use crate::terms::{Action, Ending, Fail, Patience, Pause, Why};
use crate::time::{Expiry, Moment, Tick};
use crate::write::Write;

/// A stamp older than this is never sent again: the row may have been swept away meanwhile, and the
/// stamp would come back to life.
const STAMP_AGE: Duration = Duration::from_secs(60);

/// How often a refused stamp is raised at once, while the lock is free.
const HASTY_STAMPS: u32 = 2;

impl Acquisition {
    /// Takes a new stamp, above the last one seen, and asks to enter with it.
    pub(super) fn enqueue(&mut self, at: Moment) -> Action {
        // The step is small: it only has to pass the others who arrive in this microsecond.
        let step = 1 << self.refusals.saturating_sub(1).min(20);
        let floor = self.row.last.map_or(0, |last| last.0.saturating_add(step));
        let stamp = Stamp(at.now.likely.0.max(floor));
        if stamp > Stamp::MAX {
            return self.over(Ending::Refused(self.refusal(Why::Exhausted)));
        }
        self.me = self.sign(stamp, at);
        (self.stamp, self.stamped, self.behind) = (stamp, at.tick, at.tick);
        (self.sign, self.handed, self.ends) = (None, None, Tick::default());
        (self.loose, self.blind) = (0, 0);
        // Fail-closed, who finds the lock free begins with the same write; that takes a trial.
        let trial = self.terms.fail == Fail::Closed && self.row.queue.is_empty();
        self.stands = self.terms.patience == Patience::Wait && !trial;
        self.enter(at)
    }

    fn sign(&self, stamp: Stamp, at: Moment) -> Entry {
        let own = at.now.latest;
        let terms = &self.terms;
        // Observers trust no clock: nobody could tell when a deadline is past.
        let deadline = terms.deadline.filter(|_| terms.expiry != Expiry::Observe);
        let mine = Entry::from(Fields {
            stamp,
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
        let (me, stamp, life) = (self.me.clone(), self.stamp, self.life(at));
        let unless_done = self.unless_done(at);
        self.phase = Phase::Entering;
        self.send(match self.stands {
            true => Write::Enqueue {
                me,
                stamp,
                cap: self.terms.cap,
                life,
                unless_done,
            },
            false => Write::Try {
                me,
                stamp,
                life,
                unless_done,
            },
        })
    }

    /// Nothing seems to be in the way any more: the same entry again, and not without end.
    pub(super) fn enter_again(&mut self, at: Moment) -> Action {
        if self.is_stale(at) {
            return self.restamp(at);
        }
        self.refusals += 1;
        let entering = self.enter(at);
        if self.refusals <= HASTY_STAMPS {
            return entering;
        }
        Action::Pause(Pause::Herd(self.refusals))
    }

    /// The stamp has grown old: it is not sent again, nor may a copy of it arrive.
    fn restamp(&mut self, at: Moment) -> Action {
        match self.loose {
            0 => self.enqueue(at),
            _ => self.void(Then::Restamp, at),
        }
    }

    /// The stamp can never enter any more: it needs another.
    pub(super) fn raise_stamp(&mut self, at: Moment) -> Action {
        self.refusals += 1;
        let free = self.row.queue.is_empty();
        match self.terms.patience {
            // The next refusal will find the holder dead, and take its place.
            Patience::Try if free || self.is_held_by_the_dead(at) => return self.enqueue(at),
            Patience::Try => return self.refuse(Why::Busy, at),
            Patience::Wait if free && self.refusals <= HASTY_STAMPS => return self.enqueue(at),
            Patience::Wait => {}
        }
        self.phase = Phase::Restamping;
        Action::Pause(Pause::Herd(self.refusals))
    }

    /// Everybody in the queue is dead: one write takes them out and us in.
    pub(super) fn take(&mut self, at: Moment) -> Action {
        if self.is_stale(at) {
            return self.restamp(at);
        }
        let (me, stamp, life) = (self.me.clone(), self.stamp, self.life(at));
        let dead = self.row.queue.iter().cloned().collect();
        let (seen, now) = (self.row.anchor, at.now.latest);
        let unless = self
            .row
            .holder()
            .and_then(Entry::stamp)
            .filter(|_| self.row.closed);
        let (unless_done, operation) = (self.unless_done(at), self.attempt_of_holder(at));
        self.phase = Phase::Entering;
        self.send(Write::Take {
            me,
            stamp,
            dead,
            seen,
            now,
            unless,
            life,
            unless_done,
            operation,
        })
    }

    pub(super) fn is_stale(&self, at: Moment) -> bool {
        at.tick.since(self.stamped) > STAMP_AGE
    }
}
