//! The lock of one invocation: taken, kept and given back, each in one function.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dynamodb_locks::{Held, Holding, Lease, Limits};
use tracing::Span;

use crate::deadline::{Deadline, Timer};
use crate::failure::LockFailure;
use crate::lane::Lane;
use crate::rules::{OnBusy, Rules};

/// A future that is ours.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A lock that is held for this invocation, and what ends it before its time.
pub(crate) struct Hold {
    rules: Arc<Rules>,
    held: Held,
    holding: Holding,
    lease: Lease,
    cut: Boxed<LockFailure>,
    span: Span,
    /// How long it took to get the lock, in memory and in the table.
    waited: Duration,
    began: Timer,
    lost: bool,
    _lane: Lane,
}

/// Takes the lock of this name.
pub(crate) async fn acquire(
    rules: Arc<Rules>,
    key: String,
    deadline: Option<Deadline>,
) -> Result<Hold, LockFailure> {
    let key = rules.locks.key(key)?;
    if deadline.is_some_and(Deadline::is_past) {
        return Err(LockFailure::too_late());
    }
    // The local queue would wait for the lock's own invocation, and so would the table's.
    if let Some(held) = rules.locks.current(&key) {
        return Err(LockFailure::reentrant(&key, held.fence()));
    }
    let limits = rules.limits(deadline);
    let waiting = Timer::start();
    let lane = rules.lanes.enter(key.as_str(), limits.longest_wait());
    let Some(lane) = lane.await else {
        return Err(match limits.longest_wait().is_zero() {
            true => LockFailure::busy_here(&key),
            false => LockFailure::waited_here(&key),
        });
    };
    let rest = limits.longest_wait().saturating_sub(waiting.elapsed());
    // Whoever waited here in vain still asks, as one who does not wait.
    let limits = rules.limits(deadline).at_most(rest);
    let held = rules.locks.acquire_within(key.as_str(), limits).await?;
    held.stops_with_its_lease();
    let (holding, lease) = (held.holding(), held.lease());
    let cut = Box::pin(keep(held.key().to_string(), lease.clone(), deadline));
    let (key, owner) = (held.key(), rules.locks.owner());
    let span = tracing::info_span!("lock", %key, owner, fence = held.fence());
    Ok(Hold {
        rules,
        held,
        holding,
        lease,
        cut,
        span,
        waited: waiting.elapsed(),
        began: Timer::start(),
        lost: false,
        _lane: lane,
    })
}

/// Ends when the handler has to end before its time, and tells why.
async fn keep(key: String, mut lease: Lease, deadline: Option<Deadline>) -> LockFailure {
    let margin = async {
        match deadline {
            Some(deadline) => deadline.margin().await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = lease.over() => LockFailure::lost(&key),
        () = margin => LockFailure::deadline(&key),
    }
}

impl Hold {
    /// Does a piece of the handler's work under the lock.
    pub(crate) fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        self.span.in_scope(|| self.holding.scope(work))
    }

    /// Why the handler has to end before its time, if it has to.
    pub(crate) fn ended(&mut self, cx: &mut Context<'_>) -> Option<LockFailure> {
        let key = self.holding.key();
        let failure = match self.lease.is_over() {
            true => LockFailure::lost(key),
            false => match self.cut.as_mut().poll(cx) {
                Poll::Ready(failure) => failure,
                Poll::Pending => return None,
            },
        };
        if self.rules.is_ending() {
            // That takes every lease back.
            return Some(LockFailure::ended(key));
        }
        self.lost = failure.is_lost();
        Some(failure)
    }

    /// Gives the lock back. The handler's result stands, whatever becomes of this.
    pub(crate) async fn give_up(self, deadline: Option<Deadline>) {
        let holding = self.holding;
        let released = self
            .held
            .release_within(Deadline::for_release(deadline))
            .await;
        let held = self.began.elapsed();
        let (key, fence, requests) = (holding.key(), holding.fence(), holding.requests());
        let (waited_ms, held_ms) = (self.waited.as_millis(), held.as_millis());
        match released {
            Ok(()) => tracing::debug!(
                %key, fence, waited_ms, held_ms, requests, "the lock was released"
            ),
            Err(error) => tracing::error!(
                %key, fence, waited_ms, held_ms, requests, %error, "the lock was not released"
            ),
        }
        let stolen = holding.stolen();
        self.rules
            .metrics
            .held(self.waited, held, self.lost, stolen);
    }
}

impl Rules {
    /// How far an invocation may go for its lock that ends then.
    fn limits(&self, deadline: Option<Deadline>) -> Limits {
        let limits = self.locks.limits();
        let limits = match self.on_busy {
            OnBusy::Wait => limits,
            OnBusy::Fail | OnBusy::Skip => limits.at_most(Duration::ZERO),
        };
        match deadline.map(Deadline::left) {
            Some(left) => limits.at_most(self.reserve.leaves(left)).deadline(left),
            None => limits,
        }
    }
}
