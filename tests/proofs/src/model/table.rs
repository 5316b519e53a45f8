//! What DynamoDB does with one write to one row. Pure.
//!
//! A write is a list of conditions and a change, as its request is. That the real requests say the
//! same to a DynamoDB is a test of its own.

use std::collections::BTreeSet;

use dynamodb_locks::protocol::{
    Begun, Entry, OperationId, OperationState, OperationUpdate, RenewalUpdate, Row, RowLifetime,
    Ticket, Timestamp, UnlessDone, Write,
};

/// What a write asks of the row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Condition {
    /// The last ticket is absent or lower.
    Fresh(Ticket),
    /// The row is of this kind, or new.
    Kind(RowLifetime),
    /// There is room for one more.
    Room(u16),
    /// There is no queue.
    Vacant,
    /// The queue is exactly this.
    Queue(BTreeSet<Entry>),
    /// The entry is in the queue.
    Contains(Entry),
    /// The renewal time is absent or lower.
    Later(Timestamp),
    /// The renewal time is there, and not lower.
    NotLater(Timestamp),
    /// The renewal time is as it was seen.
    Unmoved(Option<Timestamp>),
    /// The holder with this ticket has not begun.
    Unbegun(Ticket),
    /// The operation is not done.
    NotDone(UnlessDone),
    /// No run of the operation has begun whose end is not known.
    NotBegun(UnlessDone),
}

impl Condition {
    /// Whether it holds for a row.
    pub fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Fresh(ticket) => row.last.is_none_or(|last| last < *ticket),
            Self::Kind(RowLifetime::Expires(_)) => !row.hold_on_expiry,
            Self::Kind(RowLifetime::Permanent) => row.hold_on_expiry || row.last.is_none(),
            Self::Room(cap) => row.queue.len() < usize::from(*cap) || row.queue.is_empty(),
            Self::Vacant => row.queue.is_empty(),
            Self::Queue(queue) => !queue.is_empty() && row.queue == *queue,
            Self::Contains(entry) => row.queue.contains(entry),
            Self::Later(now) => row.renewed_at.is_none_or(|renewed_at| renewed_at < *now),
            Self::NotLater(now) => row.renewed_at.is_some_and(|renewed_at| renewed_at >= *now),
            Self::Unmoved(seen) => row.renewed_at == *seen,
            Self::Unbegun(ticket) => row.pinned != Some(*ticket),
            Self::NotDone(unless) => match row.operations.get(&unless.id) {
                Some(OperationState::Completed(done)) => done.until < unless.now,
                Some(OperationState::Attempted(_) | OperationState::Begun(_)) | None => true,
                Some(OperationState::Unreadable) => false,
            },
            Self::NotBegun(unless) => match row.operations.get(&unless.id) {
                Some(OperationState::Begun(begun)) => begun.until < unless.now,
                // An unreadable line may lie anywhere; the condition beside this one refuses it.
                _ => true,
            },
        }
    }
}

/// Everything that a write asks of the row.
pub fn conditions(write: &Write) -> Vec<Condition> {
    let mut asked = Vec::new();
    match write {
        Write::Enqueue {
            ticket,
            cap,
            lifetime,
            ..
        } => asked.extend([
            Condition::Fresh(*ticket),
            Condition::Kind(*lifetime),
            Condition::Room(*cap),
        ]),
        Write::Try {
            ticket, lifetime, ..
        } => asked.extend([
            Condition::Fresh(*ticket),
            Condition::Kind(*lifetime),
            Condition::Vacant,
        ]),
        Write::Release { me, .. } => asked.push(Condition::Contains(me.clone())),
        Write::Withdraw { me, renewal, .. } => {
            asked.push(Condition::Contains(me.clone()));
            asked.extend(match renewal {
                RenewalUpdate::KeepAlone => Some(Condition::Queue([me.clone()].into())),
                RenewalUpdate::KeepBehind(before) => Some(Condition::Contains(before.clone())),
                RenewalUpdate::Raise(now) => Some(Condition::Later(*now)),
                RenewalUpdate::KeepLater(now) => Some(Condition::NotLater(*now)),
            });
        }
        Write::Heartbeat { me, now, .. } => {
            asked.extend([Condition::Contains(me.clone()), Condition::Later(*now)]);
        }
        Write::Evict { head, seen, .. } => {
            asked.extend([Condition::Contains(head.clone()), Condition::Unmoved(*seen)]);
        }
        Write::EvictAndEnter {
            ticket,
            dead,
            seen,
            lifetime,
            ..
        } => asked.extend([
            Condition::Queue(dead.iter().cloned().collect()),
            Condition::Unmoved(*seen),
            Condition::Fresh(*ticket),
            Condition::Kind(*lifetime),
        ]),
        Write::Invalidate { ticket, lifetime } => {
            asked.extend([Condition::Fresh(*ticket), Condition::Kind(*lifetime)]);
        }
    }
    asked.extend(unless(write).map(Condition::Unbegun));
    asked.extend(unless_done(write).map(Condition::NotDone));
    if let Write::Try { .. } | Write::EvictAndEnter { .. } = write {
        let begins = unless_done(write).filter(|_| begins_run(write).is_some());
        asked.extend(begins.map(Condition::NotBegun));
    }
    asked
}

fn unless(write: &Write) -> Option<Ticket> {
    match write {
        Write::Withdraw { unless, .. }
        | Write::Evict { unless, .. }
        | Write::EvictAndEnter { unless, .. } => *unless,
        _ => None,
    }
}

/// The operation that a write asks not to be done.
pub fn unless_done(write: &Write) -> Option<UnlessDone> {
    match write {
        Write::Enqueue { unless_done, .. }
        | Write::Try { unless_done, .. }
        | Write::EvictAndEnter { unless_done, .. } => *unless_done,
        _ => None,
    }
}

/// The run that begins with a write, where it is done at most once.
pub(super) fn begins_run(write: &Write) -> Option<(OperationId, Begun)> {
    match write {
        Write::Try { begins_run, .. }
        | Write::Heartbeat { begins_run, .. }
        | Write::EvictAndEnter { begins_run, .. } => *begins_run,
        _ => None,
    }
}

/// What a write says of operations.
pub fn operation(write: &Write) -> Option<&OperationUpdate> {
    match write {
        Write::Release { operation, .. }
        | Write::Withdraw { operation, .. }
        | Write::Evict { operation, .. }
        | Write::EvictAndEnter { operation, .. } => Some(operation),
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
            me,
            ticket,
            lifetime,
            ..
        } => {
            row.queue.insert(me.clone());
            issue(&mut row, *ticket, *lifetime);
        }
        Write::Try {
            me,
            ticket,
            lifetime,
            ..
        } => {
            row.queue.insert(me.clone());
            issue(&mut row, *ticket, *lifetime);
            begin(&mut row, *ticket, *lifetime);
        }
        Write::Release {
            me,
            dead,
            now,
            hold_on_expiry,
            ..
        } => {
            row.queue
                .retain(|entry| entry != me && !dead.contains(entry));
            row.renewed_at = Some(*now);
            row.pinned = row.pinned.filter(|_| !hold_on_expiry);
        }
        Write::Withdraw { me, renewal, .. } => {
            row.queue.remove(me);
            if let RenewalUpdate::Raise(now) = renewal {
                row.renewed_at = Some(*now);
            }
        }
        Write::Heartbeat { now, begins, .. } => {
            row.renewed_at = Some(*now);
            row.pinned = begins.or(row.pinned);
        }
        Write::Evict {
            head, behind, now, ..
        } => {
            row.queue
                .retain(|entry| entry != head && !behind.contains(entry));
            row.renewed_at = Some(*now);
        }
        Write::EvictAndEnter {
            me,
            ticket,
            now,
            lifetime,
            ..
        } => {
            row.queue = [me.clone()].into();
            row.renewed_at = Some(*now);
            issue(&mut row, *ticket, *lifetime);
            begin(&mut row, *ticket, *lifetime);
        }
        Write::Invalidate { ticket, lifetime } => issue(&mut row, *ticket, *lifetime),
    }
    if let Some(update) = operation(write) {
        say(&mut row, update);
    }
    if let Some((id, begun)) = begins_run(write) {
        row.operations.insert(id, OperationState::Begun(begun));
    }
    row
}

fn say(row: &mut Row, update: &OperationUpdate) {
    for (id, completion) in &update.completes {
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
    row.moved_until = update.moved_until.or(row.moved_until);
}

fn issue(row: &mut Row, ticket: Ticket, lifetime: RowLifetime) {
    row.last = Some(ticket);
    row.hold_on_expiry |= lifetime == RowLifetime::Permanent;
}

fn begin(row: &mut Row, ticket: Ticket, lifetime: RowLifetime) {
    if lifetime == RowLifetime::Permanent {
        row.pinned = Some(ticket);
    }
}

/// When the row may be swept away, if the write says so: seconds since the epoch.
pub fn dates(write: &Write) -> Option<u64> {
    match write {
        Write::Enqueue { lifetime, .. }
        | Write::Try { lifetime, .. }
        | Write::EvictAndEnter { lifetime, .. }
        | Write::Invalidate { lifetime, .. } => match lifetime {
            RowLifetime::Expires(ttl) => Some(*ttl),
            RowLifetime::Permanent => None,
        },
        Write::Heartbeat { ttl, .. } => *ttl,
        Write::Release { operation, .. }
        | Write::Withdraw { operation, .. }
        | Write::Evict { operation, .. } => operation.ttl,
    }
}
