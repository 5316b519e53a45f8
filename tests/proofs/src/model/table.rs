//! What DynamoDB does with one write to one row. Pure.
//!
//! A write is a list of conditions and a change, as its request is. That the real requests say the
//! same to a DynamoDB is a test of its own.

use std::collections::BTreeSet;

use dynamodb_locks::protocol::{
    Departure, Entry, Life, Micros, OperationState, OperationUpdate, Row, Stamp, UnlessDone, Write,
};

/// What a write asks of the row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Condition {
    /// The last stamp is absent or lower.
    Fresh(Stamp),
    /// The row is of this kind, or new.
    Kind(Life),
    /// There is room for one more.
    Room(u16),
    /// There is no queue.
    Vacant,
    /// The queue is exactly this.
    Queue(BTreeSet<Entry>),
    /// The entry is in the queue.
    Contains(Entry),
    /// The anchor is absent or lower.
    Later(Micros),
    /// The anchor is there, and not lower.
    NotLater(Micros),
    /// The anchor is as it was seen.
    Unmoved(Option<Micros>),
    /// The holder with this stamp has not begun.
    Unbegun(Stamp),
    /// The operation is not done.
    NotDone(UnlessDone),
}

impl Condition {
    /// Whether it holds for a row.
    pub fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Fresh(stamp) => row.last.is_none_or(|last| last < *stamp),
            Self::Kind(Life::Until(_)) => !row.closed,
            Self::Kind(Life::Closed) => row.closed || row.last.is_none(),
            Self::Room(cap) => row.queue.len() < usize::from(*cap) || row.queue.is_empty(),
            Self::Vacant => row.queue.is_empty(),
            Self::Queue(queue) => !queue.is_empty() && row.queue == *queue,
            Self::Contains(entry) => row.queue.contains(entry),
            Self::Later(now) => row.anchor.is_none_or(|anchor| anchor < *now),
            Self::NotLater(now) => row.anchor.is_some_and(|anchor| anchor >= *now),
            Self::Unmoved(seen) => row.anchor == *seen,
            Self::Unbegun(stamp) => row.held != Some(*stamp),
            Self::NotDone(unless) => match row.operations.get(&unless.id) {
                Some(OperationState::Completed(done)) => done.until < unless.now,
                Some(OperationState::Attempted(_)) | None => true,
                Some(OperationState::Unreadable) => false,
            },
        }
    }
}

/// Everything that a write asks of the row.
pub fn conditions(write: &Write) -> Vec<Condition> {
    let mut asked = Vec::new();
    match write {
        Write::Enqueue {
            stamp, cap, life, ..
        } => asked.extend([
            Condition::Fresh(*stamp),
            Condition::Kind(*life),
            Condition::Room(*cap),
        ]),
        Write::Try { stamp, life, .. } => asked.extend([
            Condition::Fresh(*stamp),
            Condition::Kind(*life),
            Condition::Vacant,
        ]),
        Write::Release { me, .. } => asked.push(Condition::Contains(me.clone())),
        Write::Abandon { me, anchor, .. } => {
            asked.push(Condition::Contains(me.clone()));
            asked.extend(match anchor {
                Departure::Quiet => None,
                Departure::Raise(now) => Some(Condition::Later(*now)),
                Departure::Under(now) => Some(Condition::NotLater(*now)),
            });
        }
        Write::Beat { me, now, .. } => {
            asked.extend([Condition::Contains(me.clone()), Condition::Later(*now)]);
        }
        Write::Steal { head, seen, .. } => {
            asked.extend([Condition::Contains(head.clone()), Condition::Unmoved(*seen)]);
        }
        Write::Take {
            stamp,
            dead,
            seen,
            life,
            ..
        } => asked.extend([
            Condition::Queue(dead.iter().cloned().collect()),
            Condition::Unmoved(*seen),
            Condition::Fresh(*stamp),
            Condition::Kind(*life),
        ]),
        Write::Void { stamp, life } => {
            asked.extend([Condition::Fresh(*stamp), Condition::Kind(*life)]);
        }
    }
    asked.extend(unless(write).map(Condition::Unbegun));
    asked.extend(unless_done(write).map(Condition::NotDone));
    asked
}

fn unless(write: &Write) -> Option<Stamp> {
    match write {
        Write::Abandon { unless, .. }
        | Write::Steal { unless, .. }
        | Write::Take { unless, .. } => *unless,
        _ => None,
    }
}

/// The operation that a write asks not to be done.
pub fn unless_done(write: &Write) -> Option<UnlessDone> {
    match write {
        Write::Enqueue { unless_done, .. }
        | Write::Try { unless_done, .. }
        | Write::Take { unless_done, .. } => *unless_done,
        _ => None,
    }
}

/// What a write says of operations.
pub fn operation(write: &Write) -> Option<&OperationUpdate> {
    match write {
        Write::Release { operation, .. }
        | Write::Abandon { operation, .. }
        | Write::Steal { operation, .. }
        | Write::Take { operation, .. } => Some(operation),
        _ => None,
    }
}

/// The row after a write; none if a condition does not hold.
pub fn apply(row: &Row, write: &Write) -> Option<Row> {
    let held = conditions(write).iter().all(|asked| asked.holds(row));
    held.then(|| changed(row, write))
}

/// The row after a write whose conditions hold.
pub(super) fn changed(row: &Row, write: &Write) -> Row {
    let mut row = row.clone();
    match write {
        Write::Enqueue {
            me, stamp, life, ..
        } => {
            row.queue.insert(me.clone());
            issue(&mut row, *stamp, *life);
        }
        Write::Try {
            me, stamp, life, ..
        } => {
            row.queue.insert(me.clone());
            issue(&mut row, *stamp, *life);
            begin(&mut row, *stamp, *life);
        }
        Write::Release {
            me,
            dead,
            now,
            closed,
            ..
        } => {
            row.queue
                .retain(|entry| entry != me && !dead.contains(entry));
            row.anchor = Some(*now);
            row.held = row.held.filter(|_| !closed);
        }
        Write::Abandon { me, anchor, .. } => {
            row.queue.remove(me);
            if let Departure::Raise(now) = anchor {
                row.anchor = Some(*now);
            }
        }
        Write::Beat { now, begins, .. } => {
            row.anchor = Some(*now);
            row.held = begins.or(row.held);
        }
        Write::Steal {
            head, behind, now, ..
        } => {
            row.queue
                .retain(|entry| entry != head && !behind.contains(entry));
            row.anchor = Some(*now);
        }
        Write::Take {
            me,
            stamp,
            now,
            life,
            ..
        } => {
            row.queue = [me.clone()].into();
            row.anchor = Some(*now);
            issue(&mut row, *stamp, *life);
            begin(&mut row, *stamp, *life);
        }
        Write::Void { stamp, life } => issue(&mut row, *stamp, *life),
    }
    if let Some(update) = operation(write) {
        say(&mut row, update);
    }
    row
}

fn say(row: &mut Row, update: &OperationUpdate) {
    if let Some((id, completion)) = &update.completes {
        let state = OperationState::Completed(completion.clone());
        row.operations.insert(*id, state);
    }
    if let Some((id, attempt)) = update.attempted {
        let state = OperationState::Attempted(attempt);
        row.operations.entry(id).or_insert(state);
    }
    for id in &update.forgets {
        row.operations.remove(id);
    }
}

fn issue(row: &mut Row, stamp: Stamp, life: Life) {
    row.last = Some(stamp);
    row.closed |= life == Life::Closed;
}

fn begin(row: &mut Row, stamp: Stamp, life: Life) {
    if life == Life::Closed {
        row.held = Some(stamp);
    }
}

/// When the row may be swept away, if the write says so: seconds since the epoch.
pub fn dates(write: &Write) -> Option<u64> {
    match write {
        Write::Enqueue { life, .. }
        | Write::Try { life, .. }
        | Write::Take { life, .. }
        | Write::Void { life, .. } => match life {
            Life::Until(ttl) => Some(*ttl),
            Life::Closed => None,
        },
        Write::Beat { ttl, .. } => *ttl,
        Write::Release { operation, .. }
        | Write::Abandon { operation, .. }
        | Write::Steal { operation, .. } => operation.ttl,
    }
}
