//! Holding what happens against the laws.

use dynamodb_locks::protocol::{Departure, Ending, Entry, GivenBack, Micros, Row, Tick, Write};
use std::time::Duration;

use super::clock::{self, truth};
use super::law::Law;
use super::scope::Scope;
use super::world::World;

/// How long after its deadline somebody may still be on its way out, as DESIGN.md has it.
const DEADLINE_MARGIN: Duration = Duration::from_secs(2);

impl World {
    /// Judges a write that is about to turn a row into another.
    pub(super) fn judge_change(
        &mut self,
        scope: &Scope,
        from: usize,
        write: &Write,
        before: &Row,
        after: &Row,
    ) {
        for entry in before.queue.difference(&after.queue) {
            self.judge_removal(scope, from, write, before, entry);
        }
        if after.queue.iter().any(|entry| self.gone.contains(entry)) {
            self.breaks(Law::NothingIsLeft);
        }
        if write.enters().is_some() && after.queue.len() > usize::from(scope.cap) {
            self.breaks(Law::QueueIsBounded);
        }
        if before.holder() != after.holder() {
            let waited = after
                .holder()
                .is_some_and(|holder| before.queue.contains(holder));
            // Whoever leaves without a word was first for less than half a lease, unless a look may be
            // older than that.
            let known = scope.budget.stale == 0;
            let quiet = || known.then(|| truth(scope.elapsed(self.time)) - scope.lease / 2);
            self.turn = given(write).or_else(quiet).filter(|_| waited);
        }
    }

    fn judge_removal(
        &mut self,
        scope: &Scope,
        from: usize,
        write: &Write,
        row: &Row,
        entry: &Entry,
    ) {
        let mut owners = 0..self.clients.len();
        let Some(owner) = owners.find(|&it| self.clients[it].entry() == Some(entry)) else {
            return;
        };
        let it = &self.clients[owner];
        let releases = from == owner && it.lets_go && matches!(write, Write::Release { .. });
        let held = row.held.is_some() && row.held == entry.stamp();
        if held && it.begun && !releases {
            self.breaks(Law::BegunStays);
        } else if it.wants() && from != owner && self.lives(scope, row, entry) {
            self.breaks(Law::QueueOrder);
        }
    }

    /// Whether an entry has a right to stand in the queue, by the true time.
    fn lives(&self, scope: &Scope, row: &Row, entry: &Entry) -> bool {
        let Some(fields) = entry.fields() else {
            return true;
        };
        let now = truth(scope.elapsed(self.time));
        let ended = fields.deadline.map(|deadline| deadline + DEADLINE_MARGIN);
        if ended.is_some_and(|ended| ended < now) {
            return false;
        }
        if row.holder() != Some(entry) {
            return true;
        }
        let alive = row.alive_at(fields).max(self.turn.unwrap_or_default());
        scope.is_sound() && now <= alive + fields.lease
    }

    /// Judges a client that begins to act, or goes on to.
    pub(super) fn judge_act(&mut self, scope: &Scope, client: usize, ends: Tick) {
        let it = &self.clients[client];
        let Some(acquisition) = &it.acquisition else {
            return;
        };
        let (stamp, deadline) = (acquisition.stamp(), acquisition.terms().deadline);
        let acts = clock::tick(scope.elapsed(self.time), client) < ends;
        if deadline.is_some_and(|deadline| ends > deadline) {
            self.breaks(Law::DeadlineEnds);
        }
        if !self.clients[client].begun && acts {
            if stamp <= self.fence {
                self.breaks(Law::FencesRise);
            }
            self.fence = stamp;
        }
    }

    /// Judges a client that is over, or has taken another stamp.
    pub(super) fn judge_end(&mut self, client: usize, was: &Entry, ending: Option<&Ending>) {
        let it = &self.clients[client];
        if matches!(ending, Some(Ending::Released)) && !it.covered && !it.heir {
            self.breaks(Law::AnswersAreTrue);
        }
        let kept = matches!(ending, Some(Ending::GivenBack(GivenBack::Kept)));
        if !kept && was.stamp().is_some() {
            self.forget(was.clone());
        }
    }

    /// Judges who acts now.
    pub(super) fn judge_actors(&mut self, scope: &Scope) {
        let elapsed = scope.elapsed(self.time);
        let acts = |it: &usize| self.clients[*it].acts_at(clock::tick(elapsed, *it));
        let actors: Vec<_> = (0..self.clients.len()).filter(acts).collect();
        let row = self.row();
        let entry = |it: &usize| self.clients[*it].entry();
        let first = actors.iter().all(|it| entry(it) == row.holder());
        let inside = actors
            .iter()
            .filter_map(entry)
            .all(|it| row.queue.contains(it));
        if actors.len() > 1 || !inside {
            self.breaks(Law::OneActs);
        } else if !first {
            self.breaks(Law::QueueOrder);
        }
    }
}

/// When a write gives its turn to the next in line; none if it does not say.
fn given(write: &Write) -> Option<Micros> {
    match write {
        Write::Release { now, .. } | Write::Steal { now, .. } => Some(*now),
        Write::Abandon { anchor, .. } => match anchor {
            Departure::Raise(now) | Departure::Under(now) => Some(*now),
            Departure::Quiet => None,
        },
        _ => None,
    }
}
