//! The moves: each sets the phase and asks for one write, one look or one pause.

use std::time::Duration;

use super::{Acquisition, Phase, Then};
use crate::entry::{Entry, Fields, Stamp};
use crate::judge;
use crate::row::Row;
use crate::terms::{Action, Ending, Fail, Patience, Pause, Refusal, Why};
use crate::time::{Expiry, Micros, Moment, Tick};
use crate::write::{Life, Write};

/// A stamp older than this is never sent again: the row may have been swept away meanwhile, and the
/// stamp would come back to life.
const STAMP_AGE: Duration = Duration::from_secs(60);

/// How often a refused stamp is raised at once, while the lock is free.
const HASTY_STAMPS: u32 = 2;

/// How many refusals in a row of a beat or a steal are met with another at once.
const PATIENT_REBUFFS: u32 = 3;

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
            nonce: terms.nonce,
            owner: terms.owner.clone(),
        });
        match self.me.is_attributed() {
            true => mine.attributed(),
            false => mine,
        }
    }

    pub(super) fn enter(&mut self, at: Moment) -> Action {
        let (me, stamp, life) = (self.me.clone(), self.stamp, self.life(at));
        self.phase = Phase::Entering;
        self.send(match self.stands {
            true => Write::Enqueue {
                me,
                stamp,
                cap: self.terms.cap,
                life,
            },
            false => Write::Try { me, stamp, life },
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

    pub(super) fn wait(&mut self, at: Moment) -> Action {
        self.phase = Phase::Waiting;
        self.loose = 0;
        let rank = self.row.rank(&self.me).unwrap_or(1);
        let age = judge::age(&self.row, &self.watch, at);
        let dead_in = judge::dead_in(&self.terms, &self.row, &self.watch, rank, at);
        Action::Pause(Pause::Turn { rank, age, dead_in })
    }

    /// Whether the table keeps refusing what should be accepted: others are at work on the row, or it
    /// is damaged. Then it is time for a pause.
    pub(super) fn is_rebuffed(&mut self) -> bool {
        self.rebuffs += 1;
        self.rebuffs > PATIENT_REBUFFS
    }

    pub(super) fn pause_before_turn(&mut self, row: Row, at: Moment) -> Action {
        self.see(row, at);
        if !self.is_queued() && self.loose > 0 {
            return self.void(Then::Restamp, at);
        }
        self.phase = if self.is_queued() {
            Phase::Waiting
        } else {
            Phase::Restamping
        };
        Action::Pause(Pause::Herd(self.rebuffs))
    }

    pub(super) fn steal(&mut self, head: Entry, behind: Vec<Entry>, at: Moment) -> Action {
        self.phase = Phase::Stealing { since: at.tick };
        let (seen, now) = (self.row.anchor, at.now.latest);
        let unless = head.stamp().filter(|_| self.row.closed);
        self.send(Write::Steal {
            head,
            behind,
            seen,
            now,
            unless,
        })
    }

    /// The stamp has grown old: it is not sent again, nor may a copy of it arrive.
    fn restamp(&mut self, at: Moment) -> Action {
        match self.loose {
            0 => self.enqueue(at),
            _ => self.void(Then::Restamp, at),
        }
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
        self.phase = Phase::Entering;
        self.send(Write::Take {
            me,
            stamp,
            dead,
            seen,
            now,
            unless,
            life,
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
        let open = self.terms.fail == Fail::Open;
        let ttl = (old && open).then(|| self.ttl(at));
        let begins = (!open).then_some(self.stamp);
        self.phase = Phase::Beating {
            since: at.tick,
            acting,
        };
        self.send(Write::Beat {
            me: self.me.clone(),
            now,
            ttl,
            begins,
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
        let (me, now) = (self.me.clone(), at.now.latest);
        self.send(Write::Release {
            me,
            dead,
            now,
            closed: self.terms.fail == Fail::Closed,
        })
    }

    pub(super) fn over(&mut self, ending: Ending) -> Action {
        (self.phase, self.in_flight) = (Phase::Over, None);
        Action::Over(ending)
    }

    /// The same write again: if an earlier copy was applied, this one does nothing and tells so.
    pub(super) fn resend(&mut self, at: Moment) -> Action {
        match self.in_flight.clone() {
            Some(_) if self.phase == Phase::Entering && self.is_stale(at) => {
                self.void(Then::Restamp, at)
            }
            Some(write) => {
                if let Phase::Stealing { since } = &mut self.phase {
                    *since = at.tick;
                }
                self.send(write.at(at.now.latest))
            }
            None => self.leave(Then::Tell, at),
        }
    }

    fn is_stale(&self, at: Moment) -> bool {
        at.tick.since(self.stamped) > STAMP_AGE
    }

    pub(super) fn send(&mut self, write: Write) -> Action {
        self.in_flight = Some(write.clone());
        Action::Write(write)
    }

    pub(super) fn see(&mut self, row: Row, at: Moment) {
        self.watch.see(&row, at.tick);
        self.seen = at.tick;
        self.row = row;
    }

    pub(super) fn is_held_by_the_dead(&self, at: Moment) -> bool {
        judge::dead(&self.terms, &self.row, &self.watch, 1, at).is_some()
    }

    pub(super) fn is_queued(&self) -> bool {
        self.row.queue.contains(&self.me)
    }

    pub(super) fn is_full(&self) -> bool {
        self.row.queue.len() >= usize::from(self.terms.cap)
    }

    pub(super) fn refusal(&self, why: Why) -> Refusal {
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

    /// Whether the key's locks fail in the other way.
    pub(super) fn is_of_another_kind(&self) -> bool {
        match self.terms.fail {
            Fail::Open => self.row.closed,
            Fail::Closed => !self.row.closed && self.row.last.is_some(),
        }
    }

    /// Whether somebody in the queue judges others in a way that does not go together with ours.
    pub(super) fn is_mixed(&self) -> bool {
        self.row.mixes(self.terms.expiry).is_some()
    }

    pub(super) fn life(&self, at: Moment) -> Life {
        match self.terms.fail {
            Fail::Open => Life::Until(self.ttl(at)),
            Fail::Closed => Life::Closed,
        }
    }

    fn ttl(&self, at: Moment) -> u64 {
        let last = self
            .row
            .last
            .map_or(self.stamp, |last| last.max(self.stamp));
        let last_use = at.now.latest.max(Micros(last.0));
        (last_use + self.terms.grace).0.div_ceil(1_000_000)
    }
}
