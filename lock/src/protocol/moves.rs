//! The moves: each sets the phase and asks for one write, one look or one pause.

use std::time::Duration;

use super::{Acquisition, Phase, Then};
use crate::entry::{Entry, Fields, Stamp};
use crate::judge;
use crate::row::Row;
use crate::terms::{Action, Ending, GivenBack, Patience, Pause, Refusal, Why};
use crate::time::{Micros, Moment, Tick};
use crate::write::{Departure, Write};

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
        (self.stamp, self.stamped, self.ends) = (stamp, at.tick, Tick::default());
        (self.loose, self.blind) = (0, 0);
        self.enter(at)
    }

    fn sign(&self, stamp: Stamp, at: Moment) -> Entry {
        let own = at.now.latest;
        let terms = &self.terms;
        Entry::from(Fields {
            stamp,
            own,
            lease: terms.lease,
            deadline: terms.deadline.map(|deadline| own + deadline.since(at.tick)),
            expiry: terms.expiry,
            nonce: terms.nonce,
            owner: terms.owner.clone(),
        })
    }

    pub(super) fn enter(&mut self, at: Moment) -> Action {
        let (me, stamp, ttl) = (self.me.clone(), self.stamp, self.ttl(at));
        self.phase = Phase::Entering;
        self.send(match self.terms.patience {
            Patience::Wait => Write::Enqueue {
                me,
                stamp,
                cap: self.terms.cap,
                ttl,
            },
            Patience::Try => Write::Try { me, stamp, ttl },
        })
    }

    /// The stamp can never enter any more: it needs another.
    pub(super) fn raise_stamp(&mut self, at: Moment) -> Action {
        self.refusals += 1;
        self.loose = 0;
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

    pub(super) fn wait(&mut self, at: Moment) -> Action {
        self.phase = Phase::Waiting;
        self.loose = 0;
        let rank = self.row.rank(&self.me).unwrap_or(1);
        let age = judge::age(&self.row, &self.watch, at);
        let dead_in = judge::dead_in(&self.terms, &self.row, &self.watch, rank, at);
        Action::Pause(Pause::Turn { rank, age, dead_in })
    }

    pub(super) fn steal(&mut self, head: Entry, behind: Vec<Entry>, at: Moment) -> Action {
        self.phase = Phase::Stealing { since: at.tick };
        let (seen, now) = (self.row.anchor, at.now.latest);
        self.send(Write::Steal {
            head,
            behind,
            seen,
            now,
        })
    }

    /// Everybody in the queue is dead: one write takes them out and us in.
    pub(super) fn take(&mut self, at: Moment) -> Action {
        let (me, stamp, ttl) = (self.me.clone(), self.stamp, self.ttl(at));
        let dead = self.row.queue.iter().cloned().collect();
        let (seen, now) = (self.row.anchor, at.now.latest);
        self.phase = Phase::Entering;
        self.send(Write::Take {
            me,
            stamp,
            dead,
            seen,
            now,
            ttl,
        })
    }

    /// Gives a sign of life; before acting it is a claim.
    pub(super) fn beat(&mut self, acting: bool, at: Moment) -> Action {
        let above = self
            .row
            .anchor
            .map_or(Micros(0), |seen| Micros(seen.0.saturating_add(1)));
        let now = at.now.latest.max(above);
        // A row must not come near its ttl while somebody holds it for days.
        let old = at.now.latest.since(Micros(self.stamp.0)) > self.terms.grace / 2;
        let ttl = old.then(|| self.ttl(at));
        self.phase = Phase::Beating {
            since: at.tick,
            acting,
        };
        self.send(Write::Beat {
            me: self.me.clone(),
            now,
            ttl,
        })
    }

    /// Counts the lease anew from the sign of life that was just applied, sent at a tick.
    pub(super) fn prove(&mut self, since: Tick, at: Moment) {
        if let Some(Write::Beat { now, .. } | Write::Steal { now, .. }) = self.in_flight {
            let proven = judge::proven_by(&self.terms, now, since, at);
            self.ends = self.ends.max(proven);
        }
    }

    pub(super) fn release(&mut self, at: Moment) -> Action {
        if self.phase == Phase::Over {
            return self.over(Ending::Lost);
        }
        self.phase = Phase::Releasing {
            in_time: at.tick < self.ends,
            loose: false,
        };
        let dead = self.row.dead_waiters(at.now).cloned().collect();
        self.send(Write::Release {
            me: self.me.clone(),
            dead,
            now: at.now.latest,
        })
    }

    /// Gets out of whatever it is in.
    pub(super) fn give_up(&mut self, at: Moment) -> Action {
        let then = Then::Refuse(self.refusal(Why::TimedOut));
        match self.phase {
            Phase::Restamping => self.out(self.row.clone(), then, GivenBack::Gone, at),
            Phase::Entering => self.void(then, at),
            Phase::Stealing { .. } if !self.is_queued() => self.void(then, at),
            Phase::Waiting | Phase::Stealing { .. } => self.leave(then, at),
            Phase::Beating { acting: false, .. } => self.leave(then, at),
            Phase::Beating { .. } | Phase::Holding => self.leave(Then::Tell, at),
            Phase::Releasing { .. } | Phase::Leaving(_) | Phase::Voiding(_) => self.resend(at),
            Phase::Over => self.over(Ending::GivenBack(GivenBack::Gone)),
        }
    }

    pub(super) fn leave(&mut self, then: Then, at: Moment) -> Action {
        // Whoever was at most second may be first by now, and then somebody's lease starts here.
        let quiet = self.row.rank(&self.me).is_some_and(|rank| rank >= 2);
        let anchor = if quiet {
            Departure::Quiet
        } else {
            Departure::Raise(at.now.latest)
        };
        self.abandon(anchor, then)
    }

    /// The entry is in the queue although it was to be out: the anchor was not before our now, or a
    /// late copy has arrived.
    pub(super) fn leave_again(&mut self, row: Row, then: Then, at: Moment) -> Action {
        self.row = row;
        let anchor = match self.in_flight {
            Some(Write::Abandon {
                anchor: Departure::Raise(now),
                ..
            }) => Departure::Under(now),
            _ => Departure::Raise(at.now.latest),
        };
        self.abandon(anchor, then)
    }

    fn abandon(&mut self, anchor: Departure, then: Then) -> Action {
        self.phase = Phase::Leaving(then);
        self.send(Write::Abandon {
            me: self.me.clone(),
            anchor,
        })
    }

    pub(super) fn void(&mut self, then: Then, at: Moment) -> Action {
        self.phase = Phase::Voiding(then);
        self.send(Write::Void {
            stamp: self.stamp,
            ttl: self.ttl(at),
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

    pub(super) fn over(&mut self, ending: Ending) -> Action {
        (self.phase, self.in_flight) = (Phase::Over, None);
        Action::Over(ending)
    }

    /// The same write again: if an earlier copy was applied, this one does nothing and tells so.
    pub(super) fn resend(&mut self, at: Moment) -> Action {
        let stale = at.tick.since(self.stamped) > STAMP_AGE;
        match self.in_flight.clone() {
            Some(_) if stale && self.phase == Phase::Entering => self.void(Then::Restamp, at),
            Some(write) => Action::Write(write),
            None => self.leave(Then::Tell, at),
        }
    }

    fn send(&mut self, write: Write) -> Action {
        self.in_flight = Some(write.clone());
        Action::Write(write)
    }

    pub(super) fn see(&mut self, row: Row, at: Moment) {
        self.watch.see(&row, at.tick);
        self.row = row;
    }

    fn is_held_by_the_dead(&self, at: Moment) -> bool {
        judge::dead(&self.terms, &self.row, &self.watch, 1, at).is_some()
    }

    pub(super) fn is_queued(&self) -> bool {
        self.row.queue.contains(&self.me)
    }

    pub(super) fn is_full(&self) -> bool {
        self.row.queue.len() >= usize::from(self.terms.cap)
    }

    fn refusal(&self, why: Why) -> Refusal {
        let holder = self
            .row
            .holder()
            .filter(|&holder| *holder != self.me)
            .cloned();
        Refusal {
            why,
            holder,
            until: self.row.lease_ends(),
        }
    }

    fn ttl(&self, at: Moment) -> u64 {
        let last_use = at.now.latest.max(Micros(self.stamp.0));
        (last_use + self.terms.grace).0.div_ceil(1_000_000)
    }
}
