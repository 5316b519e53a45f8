//! The moves: each sets the phase and asks for one write, one poll or one pause.

use super::{Acquisition, AfterLeave, Phase};
use crate::protocol::entry::Entry;
use crate::protocol::liveness;
use crate::protocol::messages::{Action, KEPT, OnExpiry, Outcome, Pause, Refusal, RefusalReason};
use crate::protocol::operation::keeps_row_until;
use crate::protocol::row::Row;
use crate::protocol::time::{Moment, MonotonicInstant, Timestamp};
use crate::protocol::write::{RowLifetime, Write};

/// How many conflicting heartbeats or evictions in a row are retried without a pause.
const MAX_CONFLICTS: u32 = 3;

impl Acquisition {
    pub(super) fn wait(&mut self, at: Moment) -> Action {
        self.phase = Phase::Waiting;
        self.in_doubt_copies = 0;
        let position = self.row.position(&self.me).unwrap_or(1);
        let age = liveness::age(&self.row, &self.watch, at);
        let time_to_expiry =
            liveness::time_to_expiry(&self.terms, &self.row, &self.watch, position, at);
        Action::Pause(Pause::Turn {
            position,
            age,
            time_to_expiry,
        })
    }

    /// Whether too many writes in a row have conflicted: others are at work on the row, or it is
    /// damaged. A pause follows.
    pub(super) fn has_conflicted(&mut self) -> bool {
        self.conflicts += 1;
        self.conflicts > MAX_CONFLICTS
    }

    pub(super) fn pause_before_turn(&mut self, row: Row, at: Moment) -> Action {
        self.see(row, at);
        if !self.is_queued() && self.in_doubt_copies > 0 {
            return self.invalidate(AfterLeave::NewTicket, at);
        }
        self.phase = if self.is_queued() {
            Phase::Waiting
        } else {
            Phase::NewTicket
        };
        Action::Pause(Pause::Herd(self.conflicts))
    }

    pub(super) fn evict(&mut self, head: Entry, behind: Vec<Entry>, at: Moment) -> Action {
        self.phase = Phase::Evicting { since: at.tick };
        let (seen, now) = (self.row.renewed_at, at.now.latest);
        let unless = head.ticket().filter(|_| self.row.hold_on_expiry);
        let operation = self.attempt_of_holder(at);
        self.send(Write::Evict {
            head,
            behind,
            seen,
            now,
            unless,
            operation,
        })
    }

    /// Sends a heartbeat; before acting it confirms the lease.
    pub(super) fn heartbeat(&mut self, acting: bool, at: Moment) -> Action {
        let above = self
            .row
            .renewed_at
            .map_or(Timestamp(0), |seen| Timestamp(seen.0.saturating_add(1)));
        let now = at.now.latest.max(above);
        let me = self.me.fields();
        if !me.is_some_and(|me| liveness::is_believed_by_all(now, me, at)) {
            // It takes the place of the predecessor's renewal time, and others count from when they see it.
            self.handed = None;
        }
        let open = self.terms.on_expiry == OnExpiry::TakeOver;
        let pins = (!open).then_some(self.ticket);
        // Not before it is known whether the operation is done beside the row: the line of another run may stand here.
        let begins = !self.granted && self.has_to_begin() && !self.has_to_check(at);
        let begins_run = self.begins_run(at).filter(|_| begins);
        let outlives =
            begins_run.and_then(|(_, begun)| self.outlives(keeps_row_until(begun.until), at));
        let ttl = self.is_old(at).then(|| self.ttl(at)).max(outlives);
        self.phase = Phase::Renewing {
            since: at.tick,
            acting,
        };
        self.send(Write::Heartbeat {
            me: self.me.clone(),
            now,
            ttl,
            begins: pins,
            begins_run,
        })
    }

    /// The lease counts anew from the renewal that was just applied, sent at a tick.
    pub(super) fn prove(&mut self, since: MonotonicInstant) {
        if let Some(Write::Heartbeat { now, .. } | Write::Evict { now, .. }) = self.in_flight {
            self.sign = Some((now, since));
        }
    }

    /// Until when we may act, by every proof and by what is known now: an answer may show that a proof
    /// was worth less than it seemed.
    pub(super) fn proven(&self, at: Moment) -> MonotonicInstant {
        let own = self.me.fields().map(|me| (me.own, self.ticketed));
        let signs = own.into_iter().chain(self.sign);
        let signs = signs.map(|(time, since)| liveness::proven_by(&self.terms, time, since, at));
        let handed = self
            .handed
            .map(|renewed_at| liveness::proven_by_renewal(&self.terms, renewed_at, at));
        signs.chain(handed).max().unwrap_or_default()
    }

    pub(super) fn release(&mut self, at: Moment) -> Action {
        if self.phase == Phase::Over {
            return self.over(Outcome::Lost);
        }
        self.phase = Phase::Releasing {
            in_time: at.tick < self.ends,
            in_doubt: false,
        };
        let dead = liveness::dead_waiters(&self.terms, &self.row, at);
        let (me, now) = (self.me.clone(), at.now.latest);
        let operation = self.operation_update(at);
        self.send(Write::Release {
            me,
            dead,
            now,
            hold_on_expiry: self.terms.on_expiry == OnExpiry::Hold,
            operation,
        })
    }

    pub(super) fn over(&mut self, outcome: Outcome) -> Action {
        (self.phase, self.in_flight) = (Phase::Over, None);
        Action::Over(outcome)
    }

    /// Sends the same write again: if an earlier copy was applied, this one does nothing and shows
    /// it.
    pub(super) fn resend(&mut self, at: Moment) -> Action {
        match self.in_flight.clone() {
            Some(_) if self.phase == Phase::Entering && self.is_stale(at) => {
                self.invalidate(AfterLeave::NewTicket, at)
            }
            Some(write) => {
                if let Phase::Evicting { since } = &mut self.phase {
                    *since = at.tick;
                }
                self.send(write.at(at.now.latest))
            }
            None => self.leave(AfterLeave::Tell, at),
        }
    }

    pub(super) fn send(&mut self, write: Write) -> Action {
        self.in_flight = Some(write.clone());
        Action::Write(write)
    }

    pub(super) fn see(&mut self, row: Row, at: Moment) {
        self.watch.see(&row, at.tick);
        self.row = row;
        if self
            .row
            .position(&self.me)
            .is_some_and(|position| position > 0)
        {
            self.behind = self.asked;
        }
    }

    pub(super) fn is_held_by_the_dead(&self, at: Moment) -> bool {
        liveness::dead(&self.terms, &self.row, &self.watch, 1, at).is_some()
    }

    pub(super) fn is_queued(&self) -> bool {
        self.row.queue.contains(&self.me)
    }

    pub(super) fn is_full(&self) -> bool {
        self.row.queue.len() >= usize::from(self.terms.cap)
    }

    pub(super) fn refusal(&self, reason: RefusalReason) -> Refusal {
        let holder = self
            .row
            .holder()
            .filter(|&holder| *holder != self.me)
            .cloned();
        Refusal {
            reason,
            holder,
            until: self.row.lease_ends(),
            completion: self.completion_of_another().map(Box::new),
        }
    }

    /// Whether the row uses the other failure mode.
    pub(super) fn has_other_failure_mode(&self) -> bool {
        match self.terms.on_expiry {
            OnExpiry::TakeOver => self.row.hold_on_expiry,
            OnExpiry::Hold => !self.row.hold_on_expiry && self.row.last.is_some(),
        }
    }

    /// Whether an entry in the queue has an expiry mode that conflicts with ours.
    pub(super) fn has_conflicting_expiry(&self) -> bool {
        self.row.conflicting_expiry(self.terms.expiry).is_some()
    }

    pub(super) fn lifetime(&self, at: Moment) -> RowLifetime {
        match self.terms.on_expiry {
            OnExpiry::TakeOver => RowLifetime::Expires(self.ttl(at)),
            OnExpiry::Hold => RowLifetime::Permanent,
        }
    }

    /// Whether to extend the row's TTL, so that it outlives a lease that begins now by an eighth of
    /// what each client grants it: waiters wait and holders renew for days, and the TTL is set by
    /// tickets.
    pub(super) fn is_old(&self, at: Moment) -> bool {
        let kept = self.terms.grace.min(KEPT);
        let dated = Timestamp(self.ticket.0);
        let ends = at.now.latest + self.terms.lease + kept / 8;
        let old = at.now.latest.since(dated) > kept / 2 || ends > dated + kept;
        old && self.terms.on_expiry == OnExpiry::TakeOver
    }

    pub(super) fn ttl(&self, at: Moment) -> u64 {
        let last = self
            .row
            .last
            .map_or(self.ticket, |last| last.max(self.ticket));
        let last_use = at.now.latest.max(Timestamp(last.0));
        (last_use + self.terms.grace).0.div_ceil(1_000_000)
    }
}
