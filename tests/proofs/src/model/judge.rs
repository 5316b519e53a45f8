//! Checks each transition against the invariants.

use std::time::Duration;

use dynamodb_locks::protocol::{
    Completions, Entry, MonotonicInstant, OperationId, OperationState, Outcome, RecoveryOutcome,
    Refusal, RefusalReason, RenewalUpdate, Row, Ticket, Timestamp, Write,
};

use super::clock::{self, truth};
use super::config::{Config, id};
use super::invariant::Invariant;
use super::mutant::Mutant;
use super::system::{Done, System};
use super::table::operation;

/// How long after its deadline a client may still be on its way out, as DESIGN.md has it.
const DEADLINE_MARGIN: Duration = Duration::from_secs(2);

impl System {
    /// Judges a write that is about to turn a row into another.
    pub(super) fn judge_change(
        &mut self,
        config: &Config,
        from: usize,
        write: &Write,
        before: &Row,
        after: &Row,
    ) {
        for entry in before.queue.difference(&after.queue) {
            self.judge_removal(config, from, write, before, entry);
        }
        if after.queue.iter().any(|entry| self.gone.contains(entry)) {
            self.breaks(Invariant::NothingIsLeft);
        }
        self.judge_operation(config, write, after);
        if write.enters().is_some() && after.queue.len() > usize::from(config.cap) {
            self.breaks(Invariant::QueueIsBounded);
        }
        if before.holder() != after.holder() {
            let waited = after
                .holder()
                .is_some_and(|holder| before.queue.contains(holder));
            // Whatever the write says, the next one's turn is not over before it has begun.
            let now = truth(config.elapsed(self.time));
            let given = given(write).map_or(now, |given| given.min(now));
            self.turn = Some(given).filter(|_| waited);
        } else if before.renewed_at != after.renewed_at && !is_of_holder(write, before) {
            self.breaks(Invariant::OwnLifeOnly);
        }
    }

    /// Judges what a write says of operations.
    fn judge_operation(&mut self, config: &Config, write: &Write, after: &Row) {
        let completes = operation(write)
            .into_iter()
            .flat_map(|said| &said.completes);
        for (&id, completion) in completes {
            let (last, fence) = (self.begun.get(&id).copied(), completion.fence);
            match self.well.get(&fence) {
                Some((noted, time))
                    if noted.get(&id) == Some(completion) && last == Some(fence) =>
                {
                    // A window counts from the end of the work.
                    let until = truth(config.elapsed(*time)) + config.window;
                    self.done.entry(id).or_insert(Done { fence, until });
                }
                _ => self.breaks(Invariant::CompletionsAreTrue),
            }
        }
        let (Write::Release { me, .. } | Write::Withdraw { me, .. }) = write else {
            return;
        };
        let noted = me.ticket().and_then(|ticket| self.well.get(&ticket));
        let said = |(noted, _): &(Completions, u8)| {
            noted.iter().all(|(id, completion)| {
                let state = after.operations.get(id);
                state == Some(&OperationState::Completed(completion.clone()))
            })
        };
        if noted.is_some_and(|noted| !said(noted)) {
            self.breaks(Invariant::NotedIsCompleted);
        }
    }

    fn judge_removal(
        &mut self,
        config: &Config,
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
        let held = row.pinned.is_some() && row.pinned == entry.ticket();
        // Of work that was noted as done nothing is left half done.
        let ended = entry
            .ticket()
            .is_some_and(|ticket| self.well.contains_key(&ticket));
        if held && it.begun && !releases && !ended {
            self.breaks(Invariant::BegunStays);
        } else if it.wants() && from != owner && self.lives(config, row, entry) {
            self.breaks(Invariant::QueueOrder);
        }
    }

    /// Whether an entry has a right to stand in the queue, by the true time.
    fn lives(&self, config: &Config, row: &Row, entry: &Entry) -> bool {
        let Some(fields) = entry.fields() else {
            return true;
        };
        let now = truth(config.elapsed(self.time));
        let ended = fields.deadline.map(|deadline| deadline + DEADLINE_MARGIN);
        if ended.is_some_and(|ended| ended < now) {
            return false;
        }
        if row.holder() != Some(entry) {
            return true;
        }
        let alive = row.alive_at(fields).max(self.turn.unwrap_or_default());
        config.is_sound() && now <= alive + fields.lease
    }

    /// Judges a client that begins to act, or goes on to.
    pub(super) fn judge_act(&mut self, config: &Config, client: usize, ends: MonotonicInstant) {
        let it = &self.clients[client];
        let Some(acquisition) = &it.acquisition else {
            return;
        };
        let (ticket, deadline) = (acquisition.ticket(), acquisition.terms().deadline);
        let acts = clock::tick(config.elapsed(self.time), client) < ends;
        if deadline.is_some_and(|deadline| ends > deadline) {
            self.breaks(Invariant::DeadlineEnds);
        }
        if !self.clients[client].begun {
            self.judge_begin(config, client, ticket);
        }
        if !self.clients[client].begun && acts {
            if ticket <= self.fence {
                self.breaks(Invariant::FencesRise);
            }
            self.fence = ticket;
        }
    }

    /// Judges a run that begins to do an operation.
    fn judge_begin(&mut self, config: &Config, client: usize, ticket: Ticket) {
        let it = &self.clients[client];
        let operation = it.acquisition.as_ref().and_then(|it| it.terms().operation);
        let Some(operation) = operation else { return };
        if operation.at_most_once.is_some() {
            let now = truth(config.elapsed(self.time));
            let run = (ticket, now + config.window);
            let before = self.once.insert(operation.id, run);
            if config.is_sound() && before.is_some_and(|(_, until)| now <= until) {
                self.breaks(Invariant::AtMostOnce);
            }
        }
        let second = self.second(config, client);
        let now = truth(config.elapsed(self.time));
        for id in [Some(operation.id), second].into_iter().flatten() {
            self.begun.insert(id, ticket);
            let done = self.done.remove(&id);
            if config.is_sound() && done.is_some_and(|done| now <= done.until) {
                self.breaks(Invariant::DoneOnce);
            }
        }
    }

    /// The second operation of a client, if that is to be done: as the guard of its lock tells.
    fn second(&self, config: &Config, client: usize) -> Option<OperationId> {
        let second = id(config.seats[client].second?);
        let known = self.clients[client].acquisition.as_ref()?.operations();
        let earliest = self.moment(config, client, 0).now.earliest;
        let moved = self.row().moved_until.is_some();
        let beside = self.beside.says(second).filter(|_| moved);
        let here = known.get(&second).cloned();
        let done = here
            .into_iter()
            .chain(beside)
            .find(|state| state.completed(earliest).is_some());
        let ignores = config.mutant.is_some_and(Mutant::ignores_the_second);
        (done.is_none() || ignores).then_some(second)
    }

    /// Judges a client that is over, or has taken another ticket.
    pub(super) fn judge_end(&mut self, client: usize, was: &Entry, ending: Option<&Outcome>) {
        let it = &self.clients[client];
        if matches!(ending, Some(Outcome::Released)) && !it.covered && !it.heir {
            self.breaks(Invariant::AnswersAreTrue);
        }
        if let Some(Outcome::Refused(Refusal {
            reason: RefusalReason::Completed,
            ..
        })) = ending
        {
            let it = &self.clients[client];
            let operation = it.acquisition.as_ref().and_then(|it| it.terms().operation);
            if operation.is_none_or(|operation| !self.done.contains_key(&operation.id)) {
                self.breaks(Invariant::DoneOnce);
            }
        }
        let kept = matches!(ending, Some(Outcome::Recovered(RecoveryOutcome::Pinned)));
        if !kept && was.ticket().is_some() {
            self.forget(was.clone());
        }
    }

    /// Judges who acts now.
    pub(super) fn judge_actors(&mut self, config: &Config) {
        let elapsed = config.elapsed(self.time);
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
            self.breaks(Invariant::OneActs);
        } else if !first {
            self.breaks(Invariant::QueueOrder);
        }
    }
}

/// Whether a write is one of the holder's own.
fn is_of_holder(write: &Write, row: &Row) -> bool {
    matches!(write, Write::Heartbeat { me, .. } if row.holder() == Some(me))
}

/// When a write gives its turn to the next in line; none if it does not say.
fn given(write: &Write) -> Option<Timestamp> {
    match write {
        Write::Release { now, .. } | Write::Evict { now, .. } => Some(*now),
        Write::Withdraw { renewal, .. } => match renewal {
            RenewalUpdate::Raise(now) | RenewalUpdate::KeepLater(now) => Some(*now),
            RenewalUpdate::KeepAlone | RenewalUpdate::KeepBehind(_) => None,
        },
        _ => None,
    }
}
