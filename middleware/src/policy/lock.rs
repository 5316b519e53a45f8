//! The lock of one invocation: acquired, kept and released, each in one function.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dynamodb_locks::{Key, Lease, LockGuard, LockHandle, Operation};
use tracing::Span;

use crate::answer::failure::LockError;
use crate::answer::verdict;
use crate::config::Handler;
use crate::deadline::{Deadline, Timer};
use crate::policy::ending::Ending;
use crate::policy::local_queue::LocalTurn;
use crate::policy::shared::Shared;

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
    /// How long the acquisition took, in memory and in the table.
    waited: Duration,
    began: Timer,
    lost: bool,
    /// Whether the event is deduplicated.
    once: bool,
    _turn: LocalTurn,
}

/// How the handler has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Finish {
    /// It returned an error.
    Failed,
    /// It returned an error of this name, which may be one after which the event counts as done; see
    /// [`Dedup::permanent_errors`](crate::Dedup::permanent_errors).
    FailedWith(String),
    /// It was stopped, it panicked, or nobody knows.
    Interrupted,
    /// It has answered: with this JSON text, if that is known. The text may tell of a failure, too.
    Answered(Option<String>),
}

/// An invocation whose handler has ended, and whose lock is still held.
#[derive(Debug)]
#[must_use = "a lock that is dropped is only released by the next call, or when its lease ends"]
pub struct EndedInvocation {
    lock: InvocationLock,
    how: How,
}

/// What the release has to say.
#[derive(Debug, Eq, PartialEq)]
enum How {
    /// The event is done, and this is kept of the response.
    Done(Option<String>),
    NotDone,
    Interrupted,
}

/// Completes when the handler has to end before its time, and returns the reason.
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
    pub(super) fn new(
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
            once: false,
            _turn: local_queue,
        }
    }

    /// Notes how long the acquisition took, and whether the event is deduplicated.
    pub(super) fn acquired(self, waited: Duration, once: bool) -> Self {
        Self {
            waited,
            once,
            ..self
        }
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

    /// The handle of the lock, for the handler.
    #[must_use]
    pub fn handle(&self) -> &LockHandle {
        &self.handle
    }

    /// Runs a piece of the handler's work under the lock: [`current`](crate::current) returns its
    /// handle.
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
        let failure = match self.lease.is_expired() {
            true => LockError::lost(self.handle.key()),
            false => std::task::ready!(interrupt.as_mut().poll(cx)),
        };
        Poll::Ready(self.interrupted_by(failure))
    }

    /// What interrupts the handler, for a batch that waits for the interruptions of all its locks at once. Later calls
    /// return none.
    pub(crate) fn take_interrupt(&mut self) -> Option<Boxed<LockError>> {
        self.interrupt.take()
    }

    /// Whether the lease is over, where the handler is stopped then.
    pub(crate) fn is_expired(&self) -> bool {
        self.shared.handler == Handler::CanBeStopped && self.lease.is_expired()
    }

    /// Notes that the handler is stopped, and says why.
    pub(crate) fn interrupted_by(&mut self, failure: LockError) -> LockError {
        if self.shared.is_ending() {
            // A shutdown ends every lease.
            return LockError::ended(self.handle.key());
        }
        self.lost = failure.is_lost();
        failure
    }

    /// Whether the event is deduplicated: then [`finish`](Self::finish) has to be told the handler's response.
    #[must_use]
    pub fn is_for_once(&self) -> bool {
        self.once
    }

    /// Releases the lock when it is not known how the handler ended, within the time that the deadline leaves. The
    /// handler's result stands, whether or not the release succeeds.
    pub async fn release(self) {
        self.finish(Finish::Interrupted).await;
    }

    /// Releases the lock when the handler has ended, within the time that the deadline leaves. If the event is
    /// deduplicated and the answer tells of success, it is done and will not run again. The handler's own word,
    /// [`LockHandle::set_done`], counts for more. The result stands, whatever becomes of this.
    pub async fn finish(self, finish: Finish) {
        self.ended(finish).release().await;
    }

    /// The handler has ended, and the lock is released later. Dropped meanwhile, it is released as well.
    pub fn ended(mut self, finish: Finish) -> EndedInvocation {
        let interrupted = self.lost || finish == Finish::Interrupted;
        let dedup = self.shared.dedup.as_ref();
        let (succeeded, response) = match finish {
            Finish::Failed | Finish::Interrupted => (false, None),
            Finish::FailedWith(name) => (dedup.is_some_and(|it| it.is_permanent(&name)), None),
            Finish::Answered(response) => {
                (response.as_deref().is_none_or(verdict::is_done), response)
            }
        };
        let done = self.once && self.handle.done().unwrap_or(succeeded) && !self.lost;
        let response = match dedup {
            Some(dedup) if done && succeeded && dedup.replays() => {
                response.and_then(|response| dedup.kept(response))
            }
            _ => None,
        };
        let how = match done {
            true => How::Done(response),
            false if interrupted => How::Interrupted,
            false => How::NotDone,
        };
        if how != How::Interrupted {
            self.held.work_ended();
        }
        EndedInvocation { lock: self, how }
    }

    /// What is to be released, and what is told of it then.
    fn into_ending(self) -> (LockGuard, Ending) {
        let ending = Ending {
            shared: self.shared,
            handle: self.handle,
            waited: self.waited,
            began: self.began,
            lost: self.lost,
            _turn: self._turn,
        };
        (self.held, ending)
    }

    /// The guard, which knows what is done under the lock.
    pub(crate) fn guard(&self) -> &LockGuard {
        &self.held
    }

    /// Releases the lock when these of the operations under it are done.
    pub(crate) async fn finish_operations(self, done: &[Operation]) {
        let time = Deadline::for_release(self.deadline);
        let (held, ending) = self.into_ending();
        // Also where the lease was lost: the write finds the lock still held by this invocation, or does nothing.
        if done.is_empty() {
            ending.released(held.release_within(time).await);
        } else {
            let completed = held.complete_all(done, time).await;
            ending.completed(done.len(), completed);
        }
    }

    /// Releases the lock of an event that no handler was given.
    pub async fn release_unused(self) {
        let time = Deadline::for_release(self.deadline);
        if let Err(error) = self.held.release_unused(time).await {
            let (key, fence) = (self.handle.key(), self.handle.fence());
            tracing::error!(%key, fence, %error, "the lock was not released");
        }
    }
}

impl EndedInvocation {
    /// Records in the journal that the event is done, if it is: then it is also if the process dies before
    /// [`release`](Self::release). For a release that comes after the response.
    pub fn note(&self) {
        if let How::Done(response) = &self.how {
            self.lock.held.note_done(response);
        }
    }

    /// Releases the lock as [`InvocationLock::finish`] does.
    pub async fn release(self) {
        let time = Deadline::for_release(self.lock.deadline);
        let (held, ending) = self.lock.into_ending();
        match self.how {
            How::Done(response) => {
                let completed = held.complete_within(response, time).await;
                ending.completed(1, completed);
            }
            How::Interrupted => ending.released(held.release_interrupted(time).await),
            How::NotDone => ending.released(held.release_within(time).await),
        }
    }
}

impl fmt::Debug for InvocationLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvocationLock")
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}
