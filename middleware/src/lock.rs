//! The lock of one invocation: acquired, kept and released, each in one function.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Key, Lease, LockGuard, LockHandle};
use tracing::Span;

use crate::config::Handler;
use crate::deadline::{Deadline, Timer};
use crate::failure::LockError;
use crate::local_queue::LocalTurn;
use crate::shared::Shared;

/// A future that is ours.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The lock that is held for one invocation.
///
/// Not `Clone`: two of them could both believe that they released. Dropped without
/// [`release`](Self::release), it leaves an orphan, as every lock of `dynamodb-locks` does.
#[must_use = "a lock that is dropped is only released by the next call, or when its lease ends"]
pub struct InvocationLock {
    shared: Arc<Shared>,
    held: LockGuard,
    handle: LockHandle,
    lease: Lease,
    deadline: Option<Deadline>,
    /// Ends when the handler has to end; none if it cannot be stopped.
    interrupt: Option<Boxed<LockError>>,
    span: Span,
    /// How long it took to get the lock, in memory and in the table.
    waited: Duration,
    began: Timer,
    lost: bool,
    _turn: LocalTurn,
}

/// Acquires the lock of this name.
pub(crate) async fn acquire(
    shared: Arc<Shared>,
    key: String,
    deadline: Option<Deadline>,
) -> Result<InvocationLock, LockError> {
    let key = shared.locks.key(key)?;
    if deadline.is_some_and(Deadline::is_past) {
        return Err(LockError::too_late());
    }
    // The local queue would wait for the lock's own invocation, and so would the table's.
    if let Some(held) = shared.locks.current(&key) {
        return Err(LockError::reentrant(&key, held.fence()));
    }
    let acquire_options = shared.acquire_options(deadline);
    let waiting = Timer::start();
    let local_queue = shared
        .local_queues
        .enter(key.as_str(), acquire_options.longest_wait());
    let Some(local_queue) = local_queue.await else {
        let failure = match acquire_options.longest_wait().is_zero() {
            true => LockError::busy_here(&key),
            false => LockError::waited_here(&key),
        };
        return Err(refused(&shared, failure, waiting, &acquire_options));
    };
    let whole = acquire_options;
    let rest = acquire_options
        .longest_wait()
        .saturating_sub(waiting.elapsed());
    // If the local wait used up the time, the lock is still tried once, without waiting.
    let acquire_options = shared.acquire_options(deadline).cap_wait(rest);
    let held = shared
        .locks
        .acquire_with(key.as_str(), acquire_options)
        .await;
    let held = held.map_err(|error| match shared.is_ending() {
        true => LockError::ended_waiting(&key),
        false => refused(&shared, error.into(), waiting, &whole),
    })?;
    let waited = waiting.elapsed();
    if waited >= A_WAIT {
        let waited_ms = waited.as_millis();
        tracing::info!(%key, fence = held.fence(), waited_ms, "the lock was acquired after a wait");
    }
    let lock = InvocationLock::new(shared, held, deadline, local_queue);
    Ok(lock.waited(waited))
}

/// An acquisition that takes longer waited for its turn, and not only for DynamoDB.
const A_WAIT: Duration = Duration::from_millis(250);

/// A failure to acquire, with what is known here.
fn refused(
    shared: &Shared,
    failure: LockError,
    waiting: Timer,
    acquire_options: &AcquireOptions,
) -> LockError {
    failure
        .after_wait(waiting.elapsed(), shared.wait_ends(acquire_options))
        .typically(shared.typical())
}

/// Ends when the handler has to end before its time, and tells why.
async fn watch(key: String, mut lease: Lease, deadline: Option<Deadline>) -> LockError {
    let margin = async {
        match deadline {
            Some(deadline) => deadline.margin().await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = lease.expired() => LockError::lost(&key),
        () = margin => LockError::deadline(&key),
    }
}

impl InvocationLock {
    fn new(
        shared: Arc<Shared>,
        held: LockGuard,
        deadline: Option<Deadline>,
        local_queue: LocalTurn,
    ) -> Self {
        let (handle, lease) = (held.handle(), held.lease());
        let interrupt = match shared.handler {
            Handler::CannotBeStopped => None,
            Handler::CanBeStopped => {
                held.stops_with_its_lease();
                let watched = watch(held.key().to_string(), lease.clone(), deadline);
                Some(Box::pin(watched) as Boxed<_>)
            }
        };
        let (key, owner) = (held.key(), shared.locks.owner());
        let span = tracing::info_span!("lock", %key, owner, fence = held.fence());
        Self {
            shared,
            held,
            handle,
            lease,
            deadline,
            interrupt,
            span,
            waited: Duration::ZERO,
            began: Timer::start(),
            lost: false,
            _turn: local_queue,
        }
    }

    fn waited(self, waited: Duration) -> Self {
        Self { waited, ..self }
    }

    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &Key {
        self.handle.key()
    }

    /// The fencing token; see [`LockHandle::fence`].
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.handle.fence()
    }

    /// What the handler may know of the lock.
    #[must_use]
    pub fn handle(&self) -> &LockHandle {
        &self.handle
    }

    /// Does a piece of the handler's work under the lock: [`current`](crate::current) tells it.
    pub fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        self.span.in_scope(|| self.handle.scope(work))
    }

    /// Waits until the handler has to be stopped: shortly before the deadline, when the lease is lost, and when
    /// the environment is shut down. Never resolves where the handler cannot be stopped.
    pub async fn interrupted(&mut self) -> LockError {
        poll_fn(|cx| self.poll_interrupted(cx)).await
    }

    pub(crate) fn poll_interrupted(&mut self, cx: &mut Context<'_>) -> Poll<LockError> {
        let Some(interrupt) = &mut self.interrupt else {
            return Poll::Pending;
        };
        let key = self.handle.key();
        let failure = match self.lease.is_expired() {
            true => LockError::lost(key),
            false => std::task::ready!(interrupt.as_mut().poll(cx)),
        };
        if self.shared.is_ending() {
            // That ends every lease.
            return Poll::Ready(LockError::ended(key));
        }
        self.lost = failure.is_lost();
        Poll::Ready(failure)
    }

    /// Releases the lock, within the time that the deadline leaves. The handler's result stands, whatever
    /// becomes of this.
    pub async fn release(self) {
        let handle = self.handle;
        let released = self
            .held
            .release_within(Deadline::for_release(self.deadline))
            .await;
        let held = self.began.elapsed();
        let (key, fence, requests) = (handle.key(), handle.fence(), handle.requests());
        let (waited_ms, held_ms) = (self.waited.as_millis(), held.as_millis());
        match released {
            Ok(()) => tracing::debug!(
                %key, fence, waited_ms, held_ms, requests, "the lock was released"
            ),
            Err(error) => tracing::error!(
                %key, fence, waited_ms, held_ms, requests, %error, "the lock was not released"
            ),
        }
        let evictions = handle.evictions();
        self.shared.held_for(held);
        self.shared
            .metrics
            .held(self.waited, held, self.lost, evictions);
    }
}

impl fmt::Debug for InvocationLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvocationLock")
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}
