//! The moves: each sets the phase and asks for one write, one look or one pause.

use super::{Acquisition, Phase, Then};
use crate::entry::Entry;
use crate::judge;
use crate::row::Row;
use crate::terms::{Action, Ending, Fail, KEPT, Pause, Refusal, Why};
use crate::time::{Micros, Moment, Tick};
use crate::write::{Life, Write};

/// How many refusals in a row of a beat or a steal are met with another at once.
const PATIENT_REBUFFS: u32 = 3;

impl Acquisition {
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
        let operation = self.attempt_of_holder(at);
        self.send(Write::Steal {
            head,
            behind,
            seen,
            now,
            unless,
            operation,
        })
    }

    /// Gives a sign of life; before acting it is a claim.
    pub(super) fn beat(&mut self, acting: bool, at: Moment) -> Action {
        let above = self
            .row
            .anchor
            .map_or(Micros(0), |seen| Micros(seen.0.saturating_add(1)));
        let now = at.now.latest.max(above);
        let open = self.terms.fail == Fail::Open;
        let ttl = self.is_old(at).then(|| self.ttl(at));
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

    /// The lease counts anew from the sign of life that was just applied, sent at a tick.
    pub(super) fn prove(&mut self, since: Tick) {
        if let Some(Write::Beat { now, .. } | Write::Steal { now, .. }) = self.in_flight {
            self.sign = Some((now, since));
        }
    }

    /// Until when we may act, by every proof and by what is known now: an answer may show that a proof
    /// was worth less than it seemed.
    pub(super) fn proven(&self, at: Moment) -> Tick {
        let own = self.me.fields().map(|me| (me.own, self.stamped));
        let signs = own.into_iter().chain(self.sign);
        let signs = signs.map(|(time, since)| judge::proven_by(&self.terms, time, since, at));
        let handed = self
            .handed
            .map(|anchor| judge::proven_by_anchor(&self.terms, anchor, at));
        signs.chain(handed).max().unwrap_or_default()
    }

    pub(super) fn release(&mut self, at: Moment) -> Action {
        if self.phase == Phase::Over {
            return self.over(Ending::Lost);
        }
        self.phase = Phase::Releasing {
            in_time: at.tick < self.ends,
            loose: false,
        };
        let dead = judge::dead_waiters(&self.terms, &self.row, at);
        let (me, now) = (self.me.clone(), at.now.latest);
        let operation = self.operation_update(at);
        self.send(Write::Release {
            me,
            dead,
            now,
            closed: self.terms.fail == Fail::Closed,
            operation,
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

    pub(super) fn send(&mut self, write: Write) -> Action {
        self.in_flight = Some(write.clone());
        Action::Write(write)
    }

    pub(super) fn see(&mut self, row: Row, at: Moment) {
        self.watch.see(&row, at.tick);
        self.seen = at.tick;
        self.row = row;
        if self.row.rank(&self.me).is_some_and(|rank| rank > 0) {
            self.behind = self.asked;
        }
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
            completion: self.completion_of_another(),
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

    /// Whether the row is to be dated anew, so that it outlives a lease that begins now by an eighth of
    /// what each client grants it: waiters wait and holders beat for days, and dates are set by stamps.
    pub(super) fn is_old(&self, at: Moment) -> bool {
        let kept = self.terms.grace.min(KEPT);
        let dated = Micros(self.stamp.0);
        let ends = at.now.latest + self.terms.lease + kept / 8;
        let old = at.now.latest.since(dated) > kept / 2 || ends > dated + kept;
        old && self.terms.fail == Fail::Open
    }

    pub(super) fn ttl(&self, at: Moment) -> u64 {
        let last = self
            .row
            .last
            .map_or(self.stamp, |last| last.max(self.stamp));
        let last_use = at.now.latest.max(Micros(last.0));
        (last_use + self.terms.grace).0.div_ceil(1_000_000)
    }
}
