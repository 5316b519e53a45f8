//! Completions that leave the lock's row for rows of their own, so that a lock under which many operations are done in one
//! window stays small.
//!
//! Only a holder moves a completion, one that it has seen at its grant, before its release; the release drops what was
//! moved, and says until when there is something beside the lock. What is not moved in time stays.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::LockGuard;
use crate::client::driving::wait;
use crate::client::leaving::release::together;
use crate::error::Error;
use crate::idempotency::Operation;
use crate::protocol::entry::Ticket;
use crate::protocol::messages::LONGEST_LEASE;
use crate::protocol::operation::room::surplus;
use crate::protocol::operation::{Completion, Completions, OperationState, may_count};
use crate::protocol::operation_id::OperationId;
use crate::table::Failure;

/// How many completions are moved at a time.
const AT_ONCE: usize = 16;

/// How long one copy of a request may stay unanswered.
const PATIENCE: Duration = Duration::from_millis(400);

/// How long a read may take, or what a person forgets: nothing can be done without the answer.
const LONGEST: Duration = Duration::from_millis(1500);

/// How often a request is sent: a second copy settles what became of the first.
const TRIES: u32 = 3;

impl LockGuard {
    /// Moves completions out of the row that would not fit beside these; those that have left it, each with its end.
    pub(super) async fn make_room(
        &self,
        brings: &Completions,
        until: Instant,
    ) -> Vec<(OperationId, u64)> {
        let lease = self.handle.lease();
        let Some(room) = self
            .room
            .filter(|_| !brings.is_empty() && !lease.is_expired())
        else {
            return Vec::new();
        };
        let earliest = lease.moment().now.earliest;
        let surplus = surplus(&self.found.operations, brings, room, earliest);
        // The release needs the rest of the time.
        let left = until.saturating_duration_since(lease.after(Duration::ZERO));
        let until = lease.after(left / 3);
        let moving = surplus.into_iter().map(|(operation, completion)| {
            Box::pin(async move {
                let moved = self.moves(operation, &completion, until).await;
                moved.then_some((operation, completion.until))
            })
        });
        let moved = together(moving, AT_ONCE).await;
        moved.into_iter().flatten().collect()
    }

    async fn moves(&self, operation: OperationId, completion: &Completion, until: Instant) -> bool {
        let (key, table) = (self.key(), self.cleanup.shared().table().await);
        let moved = self.insist(until, || table.move_completion(key, operation, completion));
        moved.await.unwrap_or_else(|failure| {
            let error = table.explain(key, "move a completion out of the row of", failure);
            tracing::warn!(%key, %error, "a completion stays in the row of its lock, which grows");
            false
        })
    }

    /// What stands beside the lock about an operation other than the lock's own, which was looked for before the grant.
    pub(super) async fn find_moved(
        &self,
        operation: &Operation,
    ) -> Result<Option<OperationState>, Error> {
        let lease = self.handle.lease();
        let earliest = lease.moment().now.earliest;
        let moved = self.found.moved_until;
        let own = self.operation.is_some_and(|own| own.is_same_as(operation));
        if own || !moved.is_some_and(|until| may_count(until, earliest)) {
            return Ok(None);
        }
        let (key, table) = (self.key(), self.cleanup.shared().table().await);
        let until = lease.after(LONGEST);
        let (id, asked) = (operation.id(), &table);
        let read = self.insist(until, || async move { asked.moved(key, id).await.answer });
        let state = read
            .await
            .map_err(|failure| table.explain(key, "read what was done under", failure))?;
        let counts = |state: &OperationState| {
            *state == OperationState::Unreadable || state.completed(earliest).is_some()
        };
        Ok(state.filter(counts))
    }

    /// What others may have moved, or may still be moving, of this operation counts no more.
    pub(super) async fn forget_moved(&self, operation: &Operation) -> Result<(), Error> {
        let (key, shared) = (self.key(), self.cleanup.shared());
        if !shared.layout.has_rows_beside() {
            return Ok(());
        }
        let (table, lease) = (shared.table().await, self.handle.lease());
        let grace = LONGEST_LEASE + shared.settings.grace;
        let ttl = (lease.moment().now.latest + grace).0.div_ceil(1_000_000);
        let (id, fence) = (operation.id(), Ticket(self.fence()));
        let until = lease.after(LONGEST);
        let forgotten = self.insist(until, || table.forget_moved(key, id, fence, ttl));
        forgotten
            .await
            .map_err(|failure| table.explain(key, "forget what was done under", failure))
    }

    /// Sends a request again whose answer was lost: each of them may be sent twice.
    async fn insist<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        until: Instant,
        ask: impl Fn() -> F,
    ) -> Result<T, Failure> {
        let lease = self.handle.lease();
        let mut tries = 1;
        loop {
            let answered = timeout_at(until.min(lease.after(PATIENCE)), ask()).await;
            let answer = answered.unwrap_or_else(|_| Err(Failure::too_slow(PATIENCE)));
            match answer {
                Err(failure) if failure.answer().is_some() && tries < TRIES => tries += 1,
                answer => return answer,
            }
            sleep_until(until.min(lease.after(wait::repeat(tries - 2)))).await;
        }
    }
}
