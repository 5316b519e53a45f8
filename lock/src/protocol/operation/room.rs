//! The room for operations in the lock's row, and which completions have to leave it.
//!
//! Each write of a lock pays for each KB of its row, so a lock under which many operations are done in one window keeps
//! the latest completions in its row, and the others in rows of their own.

use std::collections::BTreeMap;

use super::{Completions, MOST_FORGOTTEN, OperationState};
use crate::protocol::operation_id::OperationId;
use crate::protocol::time::Timestamp;

/// An attribute is called `@` and the 16 characters of an id.
const NAME: usize = 17;

/// How many completions leave the row with one release, beyond those that it brings.
const MOST_MOVED: usize = 8;

/// What an update may say of operations that are done or moved: DynamoDB bounds its length to 4 KB.
const LONGEST_UPDATE: usize = 3300;

/// The completions that have to leave a row before these are written into it, so that all fit into so many bytes: the
/// oldest first, and only those that still count.
pub(crate) fn surplus(
    operations: &BTreeMap<OperationId, OperationState>,
    brings: &Completions,
    room: usize,
    earliest: Timestamp,
) -> Completions {
    let stays = |(id, state): &(&OperationId, &OperationState)| {
        !brings.contains_key(id) && !state.is_expired(earliest)
    };
    let kept: usize = operations
        .iter()
        .filter(stays)
        .map(|(_, it)| bytes(it))
        .sum();
    let new = brings.values().map(|it| NAME + it.to_string().len());
    let mut over = (kept + new.sum::<usize>()).saturating_sub(room);
    let most = most_moved(brings.len());
    let mut done: Vec<_> = operations
        .iter()
        .filter(stays)
        .filter_map(|(&id, state)| Some((id, state, state.completed(earliest)?)))
        .collect();
    done.sort_by_key(|(_, _, completion)| completion.fence);
    let moved = done.into_iter().take(most).take_while(|(_, state, _)| {
        let needed = over > 0;
        over = over.saturating_sub(bytes(state));
        needed
    });
    moved.map(|(id, _, it)| (id, it.clone())).collect()
}

/// How many completions leave with an update that brings so many, beside as many that are forgotten as it may name.
fn most_moved(brings: usize) -> usize {
    let digits = |number: usize| number.checked_ilog10().map_or(1, |log| log as usize + 1);
    // As in `#d17 = :d17, ` and in `#o17, `.
    let said: usize = (0..brings).map(|number| 9 + 2 * digits(number)).sum();
    let mut left = LONGEST_UPDATE.saturating_sub(said);
    let go = (0..brings + MOST_MOVED + MOST_FORGOTTEN).take_while(|&number| {
        let fits = left.checked_sub(4 + digits(number));
        left = fits.unwrap_or_default();
        fits.is_some()
    });
    go.count().saturating_sub(MOST_FORGOTTEN)
}

/// What an operation takes of the row.
fn bytes(state: &OperationState) -> usize {
    let line = match state {
        OperationState::Attempted(attempt) => attempt.to_string(),
        OperationState::Begun(begun) => begun.to_string(),
        OperationState::Completed(completion) => completion.to_string(),
        OperationState::Unreadable => String::new(),
    };
    NAME + line.len()
}
