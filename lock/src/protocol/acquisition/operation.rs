//! What is to be done once: whether it is done, and saying so.
//!
//! Only the write that hands the lock on says that an operation is done, on the condition that the entry is still
//! in the queue. So a run whose lease was lost can neither complete its operation nor overwrite what its
//! successor has done, and the client that is first in the queue has seen every completion there is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Acquisition, AfterLeave, Ending, Phase};
use crate::protocol::messages::{Action, OnExpiry, Outcome, RecoveryOutcome, RefusalReason};
use crate::protocol::operation::{
    Begun, Completion, OperationState, OperationUpdate, UnlessDone, done_until, may_count,
};
use crate::protocol::operation_id::OperationId;
use crate::protocol::row::Row;
use crate::protocol::time::{Moment, Timestamp};
use crate::protocol::write::Write;

/// Bounds that come from the `Date`s of answers are no further apart, as long as they agree.
const DATES: Duration = Duration::from_secs(3);

impl Acquisition {
    /// An operation is done: the write that hands the lock on says so.
    pub fn complete(&mut self, operation: OperationId, completion: Completion) {
        self.completions.insert(operation, completion);
    }

    /// The run has failed, and may begin again also where it is done at most once.
    pub fn fail(&mut self) {
        self.ending = Ending::Failed;
    }

    /// How far the run came is not known, whatever was said before.
    pub fn interrupt(&mut self) {
        self.ending = Ending::Interrupted;
    }

    /// Nothing was done under the lock: the write that hands it on does not say that the operation was attempted.
    pub fn leave_unused(&mut self) {
        self.ending = Ending::Unused;
    }

    /// Nobody is to know any more that this operation is done: the write that hands the lock on forgets it.
    pub fn forget(&mut self, operation: OperationId) {
        self.forgets = Some(operation);
    }

    /// A completion was moved out of the row, and counts until then: the write that hands the lock on drops it, and says
    /// where to look.
    pub fn move_out(&mut self, operation: OperationId, until: u64) {
        self.moved.insert(operation, until);
    }

    /// Whether another run of the operation began before, as far as the row tells.
    #[must_use]
    pub fn was_attempted(&self) -> bool {
        self.own_state().is_some() && !self.has_begun()
    }

    /// Whether the row says that this very run has begun.
    pub(super) fn has_begun(&self) -> bool {
        let state = self
            .operation()
            .and_then(|own| self.row.operations.get(&own));
        matches!(state, Some(OperationState::Begun(begun)) if begun.fence == self.ticket)
    }

    /// Whether a transaction of this very run has completed its operation.
    fn is_done_by_this_run(&self) -> bool {
        let state = self
            .operation()
            .and_then(|own| self.row.operations.get(&own));
        matches!(state, Some(OperationState::Completed(done)) if done.fence == self.ticket)
    }

    /// Whether the row may say that this run has begun, which has not acted.
    pub(super) fn may_have_begun(&self) -> bool {
        !self.granted && self.operation().is_some()
    }

    /// Whether the row has to say that this run begins before it acts, and does not yet.
    pub(super) fn has_to_begin(&self) -> bool {
        let once = self.terms.operation.and_then(|it| it.at_most_once);
        once.is_some() && !self.has_begun() && !self.is_done_by_this_run()
    }

    /// What the row is to say when this run begins, if it is done at most once.
    pub(super) fn begins_run(&self, at: Moment) -> Option<(OperationId, Begun)> {
        let operation = self.terms.operation?;
        let until = done_until(at.now.latest, operation.at_most_once?);
        let fence = self.ticket;
        Some((operation.id, Begun { until, fence }))
    }

    /// Whether another run has begun, at work or not, so that this one cannot.
    pub(super) fn is_begun_by_another(&self, at: Moment) -> bool {
        self.has_to_begin()
            && matches!(self.own_state(), Some(OperationState::Begun(begun)) if begun.counts(at.now.earliest))
    }

    /// The row as it was last seen.
    pub(crate) fn row(&self) -> &Row {
        &self.row
    }

    /// What the row says of operations. To the client that is first in the queue it says all that there is, but for what was
    /// moved out of it.
    #[must_use]
    pub fn operations(&self) -> &BTreeMap<OperationId, OperationState> {
        &self.row.operations
    }

    fn own_state(&self) -> Option<&OperationState> {
        let id = self.terms.operation?.id;
        self.beside.as_ref().or(self.row.operations.get(&id))
    }

    /// Whether the operation may be done, with its completion in a row of its own, and that row was not read yet. It is
    /// read in our turn: from then on nobody else moves anything.
    pub(super) fn has_to_check(&self, at: Moment) -> bool {
        let moved = self.row.moved_until;
        let may = moved.is_some_and(|until| may_count(until, at.now.earliest));
        may && self.terms.operation.is_some() && !self.checked
    }

    pub(super) fn check_moved(&mut self, at: Moment) -> Action {
        match self.terms.operation {
            Some(operation) => {
                self.phase = Phase::Checking;
                Action::Check(operation.id)
            }
            None => self.resend(at),
        }
    }

    /// The operation's own row was read in our turn.
    pub(super) fn hears_of_moved(&mut self, state: Option<OperationState>, at: Moment) -> Action {
        match self.phase {
            Phase::Checking => {}
            Phase::Releasing { .. } => return self.over(self.released_if_moved(state)),
            _ => return self.resend(at),
        }
        let counts = |state: &OperationState| {
            *state == OperationState::Unreadable || state.completed(at.now.earliest).is_some()
        };
        (self.checked, self.beside) = (true, state.filter(counts));
        match self.settled(at) {
            Some(why) => self.refuse(why, at),
            None => self.act_or_confirm(self.terms.lease / 2, at),
        }
    }

    /// Why there is nothing to do, if the row says so.
    pub(super) fn settled(&self, at: Moment) -> Option<RefusalReason> {
        let state = self.own_state()?;
        if *state == OperationState::Unreadable {
            return Some(RefusalReason::Unreadable);
        }
        if let OperationState::Begun(begun) = state {
            let at_work = self.row.entry(begun.fence).is_some();
            let unsure = !self.is_queued() && self.is_unsure(state, at);
            let unknown = unsure || self.has_to_check(at);
            let interrupted = self.is_begun_by_another(at) && !at_work && !unknown;
            return interrupted.then_some(RefusalReason::Interrupted);
        }
        let completion = state.completed(at.now.earliest)?;
        if !self.is_queued() && self.is_unsure(state, at) {
            return None;
        }
        match self.terms.operation?.differs_from(completion) {
            true => Some(RefusalReason::KeyReused),
            false => Some(RefusalReason::Completed),
        }
    }

    /// Whether the window may as well be over, because the first answer contradicts the wall clock. The next one decides.
    fn is_unsure(&self, state: &OperationState, at: Moment) -> bool {
        let wide = at.now.latest.since(at.now.earliest) > self.terms.skew * 2 + DATES;
        wide && state.is_expired(at.now.latest)
    }

    /// The completion that the row shows, for a refusal because of it.
    pub(super) fn completion_of_another(&self) -> Option<Completion> {
        match self.own_state()? {
            OperationState::Completed(completion) => Some(completion.clone()),
            _ => None,
        }
    }

    pub(super) fn unless_done(&self, at: Moment) -> Option<UnlessDone> {
        let operation = self.terms.operation?;
        Some(UnlessDone::of(operation.id, at.now.earliest))
    }

    /// What the write that hands the lock on says: done, or begun in vain; and what nobody needs any more.
    pub(super) fn operation_update(&self, at: Moment) -> OperationUpdate {
        let own = self.operation();
        let undone = own.filter(|own| !self.completions.contains_key(own));
        let frees = self.has_begun() && self.ending != Ending::Interrupted;
        let update = match self.ending {
            _ if undone.is_none() || frees => OperationUpdate::default(),
            Ending::Unused => OperationUpdate::default(),
            Ending::Interrupted | Ending::Failed => {
                OperationUpdate::attempted(&self.me, at.now.latest)
            }
        };
        let moved = self.moved.values().copied().max();
        let update = OperationUpdate {
            ttl: self.outlives_completions(at),
            completes: self.completions.clone(),
            forgets: self.moved.keys().copied().collect(),
            moved_until: moved.map(|until| self.row.moved_until.map_or(until, |it| it.max(until))),
            ..update
        };
        let mut update = match own.is_some() || !update.completes.is_empty() {
            true => update.forgetting(&self.row.operations, at.now.earliest),
            false => update,
        };
        // What is over anyway is forgotten once.
        for id in self.forgets.into_iter().chain(undone.filter(|_| frees)) {
            if !update.forgets.contains(&id) {
                update.forgets.push(id);
            }
        }
        update
    }

    /// What a write says that leaves without having acted: nothing, but that this run has not begun after all.
    pub(super) fn unbegun(&self) -> OperationUpdate {
        let own = self.operation();
        let begun = own.filter(|own| self.has_begun() || self.begins_in_doubt(*own));
        OperationUpdate {
            forgets: begun.into_iter().collect(),
            ..OperationUpdate::default()
        }
    }

    /// Whether a heartbeat says that this run begins, and may still arrive. It was sent in our turn, so while the entry is in
    /// the queue nobody else has written that line.
    fn begins_in_doubt(&self, own: OperationId) -> bool {
        match &self.in_flight {
            Some(Write::Heartbeat { begins_run, .. }) => begins_run.is_some(),
            Some(Write::Withdraw { operation, .. }) => operation.forgets.contains(&own),
            _ => false,
        }
    }

    /// The operation, as the entry names it: of an orphan nothing else is known.
    fn operation(&self) -> Option<OperationId> {
        self.me.fields()?.operation
    }

    /// A later date for the row, if the one that came with the entry does not outlive all completions.
    fn outlives_completions(&self, at: Moment) -> Option<u64> {
        let needed = self
            .completions
            .values()
            .map(Completion::keeps_row_until)
            .max()?;
        self.outlives(needed, at)
    }

    /// A later date for the row, if the one that came with the entry is before what is needed.
    pub(super) fn outlives(&self, needed: u64, at: Moment) -> Option<u64> {
        let dated = (Timestamp(self.ticket.0) + self.terms.grace).0 / 1_000_000;
        let late = self.terms.on_expiry == OnExpiry::TakeOver && needed > dated;
        late.then(|| needed.max(self.ttl(at)))
    }

    /// The holder is found dead: its operation was begun, and is not done.
    pub(super) fn attempt_of_holder(&self, at: Moment) -> OperationUpdate {
        self.row
            .holder()
            .map(|holder| OperationUpdate::attempted(holder, at.now.latest))
            .unwrap_or_default()
    }

    /// Whether the row shows that an earlier copy of our write has completed the operations. All of them: one that a
    /// transaction has completed before says nothing of that write.
    pub(super) fn has_completed(&self, row: &Row) -> bool {
        let is_ours = |(operation, ours): (&OperationId, &Completion)| {
            let state = row.operations.get(operation);
            matches!(state, Some(OperationState::Completed(theirs)) if theirs.fence == ours.fence)
        };
        !self.completions.is_empty() && self.completions.iter().all(is_ours)
    }

    /// Whether the write that hands the lock on neither completes nor forgets: then it does not matter which copy did it.
    pub(super) fn says_nothing(&self) -> bool {
        self.completions.is_empty() && self.forgets.is_none()
    }

    /// Whether the operation that an earlier copy was to forget is not known any more.
    pub(super) fn has_forgotten(&self, row: &Row) -> bool {
        let forgotten = |id| !row.operations.contains_key(&id);
        self.completions.is_empty() && self.forgets.is_some_and(forgotten)
    }

    /// A completion of ours that an earlier copy may have written, and that another client may have moved since.
    pub(super) fn perhaps_moved(&self, row: &Row, at: Moment) -> Option<OperationId> {
        let moved = row
            .moved_until
            .is_some_and(|until| may_count(until, at.now.earliest));
        let missing = self
            .completions
            .keys()
            .find(|id| !matches!(row.operations.get(id), Some(OperationState::Completed(_))));
        missing.copied().filter(|_| moved)
    }

    /// The end of a release whose completion has been looked for beside the lock.
    fn released_if_moved(&self, state: Option<OperationState>) -> Outcome {
        match state {
            Some(OperationState::Completed(done)) if done.fence == self.ticket => Outcome::Released,
            _ => Outcome::Lost,
        }
    }

    /// How the entry has left.
    pub(super) fn left(&self) -> RecoveryOutcome {
        match self.completions.is_empty() {
            false => RecoveryOutcome::Completed,
            true => RecoveryOutcome::Withdrawn,
        }
    }

    /// Whether it is our turn, and there is nothing to do in it.
    pub(super) fn is_first_in_vain(&self, at: Moment) -> bool {
        let first = self.row.holder() == Some(&self.me);
        first && !self.granted && self.settled(at).is_some()
    }

    /// Hands the lock on without having acted: the next one's turn counts from now.
    pub(super) fn hand_on(&mut self, then: AfterLeave, at: Moment) -> Action {
        self.phase = Phase::Leaving(then);
        self.send(Write::Release {
            me: self.me.clone(),
            dead: Vec::new(),
            now: at.now.latest,
            hold_on_expiry: self.terms.on_expiry == OnExpiry::Hold,
            operation: self.unbegun(),
        })
    }
}
