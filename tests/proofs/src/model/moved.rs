//! Completions that leave the lock's row for rows of their own.

use std::collections::BTreeMap;

use dynamodb_locks::protocol::{
    Acquisition, Completion, Completions, Moment, OperationId, OperationState, Ticket,
};

/// The rows beside the lock's, and the copies of moves that nobody waits for any more.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Moved {
    rows: Completions,
    late: BTreeMap<(OperationId, Ticket), Completion>,
}

impl Moved {
    /// What an operation's own row says.
    pub(super) fn says(&self, operation: OperationId) -> Option<OperationState> {
        let done = self.rows.get(&operation).cloned();
        done.map(OperationState::Completed)
    }

    /// A move is carried out: it asks for a lower fence.
    pub(super) fn is_moved(&mut self, operation: OperationId, completion: Completion) {
        let there = self.rows.get(&operation);
        if there.is_none_or(|there| there.fence < completion.fence) {
            self.rows.insert(operation, completion);
        }
    }

    /// A copy is on its way.
    pub(super) fn is_sent(&mut self, operation: OperationId, completion: Completion) {
        self.late.insert((operation, completion.fence), completion);
    }

    pub(super) fn late(&self) -> usize {
        self.late.len()
    }

    /// A copy arrives.
    pub(super) fn arrives(&mut self, nth: usize) {
        let copy = self.late.keys().nth(nth).copied();
        if let Some((copy, completion)) = copy.and_then(|copy| self.late.remove_entry(&copy)) {
            self.is_moved(copy.0, completion);
        }
    }

    /// Leaves out copies that can make no difference any more.
    pub(super) fn forget_futile_copies(&mut self) {
        let rows = &self.rows;
        self.late.retain(|(operation, fence), _| {
            let there = rows.get(operation);
            there.is_none_or(|there| there.fence < *fence)
        });
    }
}

/// The completions that have to leave the row, so that it has room for these: the oldest.
pub(super) fn surplus(
    acquisition: &Acquisition,
    brings: &Completions,
    room: usize,
    at: Moment,
) -> Completions {
    let known = acquisition.operations().iter();
    let mut done: Vec<_> = known
        .filter(|(id, _)| !brings.contains_key(id))
        .filter_map(|(&id, state)| Some((id, state.completed(at.now.earliest)?.clone())))
        .collect();
    done.sort_by_key(|(_, completion)| completion.fence);
    let over = (done.len() + brings.len()).saturating_sub(room);
    done.into_iter().take(over).collect()
}
