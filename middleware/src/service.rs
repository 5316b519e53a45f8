//! The service: acquire, then the handler, then release.
//!
//! Each of the three is one step of [`ResponseFuture`]. The handler's future is polled in place, so
//! it needs to be neither `Send` nor `'static`; whatever ends it, the release is awaited before the
//! response leaves.

use std::any::Any;
use std::fmt;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use dynamodb_locks::{Held, Holding, Lease, Locks};
use pin_project_lite::pin_project;
use tower::Service;

use crate::answer::{Failure, LockFailure};
use crate::complete::Complete;
use crate::deadline::{Deadline, Reserve};
use crate::key::{Decision, OnMissing, Pointers};
use crate::request::LockRequest;

/// A service that holds a lock while the inner one works.
#[derive(Debug)]
pub struct Locked<S, K = Pointers> {
    inner: S,
    rules: Arc<Rules>,
    keys: Arc<K>,
}

/// How invocations are locked.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) locks: Locks,
    pub(crate) on_missing: OnMissing,
    pub(crate) reserve: Reserve,
}

pin_project! {
    /// The handler's answer, once the lock is released.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, R>
    where
        S: Service<R>,
    {
        #[pin]
        step: Step<S, R>,
        deadline: Option<Deadline>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<S, R>
    where
        S: Service<R>,
    {
        Acquire { taken: Boxed<Result<Option<Hold>, LockFailure>>, call: Option<(S, R)> },
        Work { #[pin] work: S::Future, hold: Option<Hold> },
        Release { released: Boxed<()>, outcome: Option<Outcome<S, R>> },
    }
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Answer<S, R> = Result<<S as Service<R>>::Response, Failure<<S as Service<R>>::Error>>;
type Outcome<S, R> = Result<Answer<S, R>, Box<dyn Any + Send>>;

/// A lock that is held for this invocation, and what ends it before its time.
struct Hold {
    held: Held,
    holding: Holding,
    lease: Lease,
    cut: Boxed<LockFailure>,
}

impl<S, K> Locked<S, K> {
    pub(crate) fn new(inner: S, rules: Arc<Rules>, keys: Arc<K>) -> Self {
        Self { inner, rules, keys }
    }
}

impl<S: Clone, K> Clone for Locked<S, K> {
    fn clone(&self) -> Self {
        let (rules, keys) = (Arc::clone(&self.rules), Arc::clone(&self.keys));
        Self::new(self.inner.clone(), rules, keys)
    }
}

impl<S, K, R> Service<R> for Locked<S, K>
where
    S: Service<R, Response: Complete<R>> + Clone,
    R: LockRequest<K>,
{
    type Response = S::Response;
    type Error = Failure<S::Error>;
    type Future = ResponseFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Failure::Handler)
    }

    fn call(&mut self, event: R) -> Self::Future {
        let deadline = event.deadline().and_then(Deadline::of);
        let decision = self.rules.on_missing.decide(event.key(&self.keys));
        let taken = taken(&self.rules, decision, deadline);
        // The service that is ready is the one to call; a clone of it may not be.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        ResponseFuture {
            step: Step::Acquire {
                taken,
                call: Some((ready, event)),
            },
            deadline,
        }
    }
}

impl<S: Service<R>, R> Future for ResponseFuture<S, R> {
    type Output = Answer<S, R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.step.as_mut().project() {
                StepProjection::Acquire { taken, call } => match ready!(taken.as_mut().poll(cx)) {
                    Ok(hold) => Step::start(hold, call.take(), *this.deadline),
                    Err(failure) => return Poll::Ready(Err(Failure::Lock(failure))),
                },
                StepProjection::Work { work, hold } => {
                    let outcome = ready!(Step::<S, R>::poll_work(work, hold.as_mut(), cx));
                    Step::release(hold.take(), outcome, *this.deadline)
                }
                StepProjection::Release { released, outcome } => {
                    ready!(released.as_mut().poll(cx));
                    return match outcome
                        .take()
                        .expect("a future is not polled after it is done")
                    {
                        Ok(answer) => Poll::Ready(answer),
                        Err(panic) => resume_unwind(panic),
                    };
                }
            };
            // This drops what the step before held, the handler's future among it.
            this.step.set(next);
        }
    }
}

impl<S: Service<R>, R> Step<S, R> {
    /// The lock is held, or not to be held: calls the handler.
    fn start(hold: Option<Hold>, call: Option<(S, R)>, deadline: Option<Deadline>) -> Self {
        let (mut service, request) = call.expect("the lock is acquired once");
        let called = || within(hold.as_ref(), || service.call(request));
        match catch_unwind(AssertUnwindSafe(called)) {
            Ok(work) => Self::Work { work, hold },
            Err(panic) => Self::release(hold, Err(panic), deadline),
        }
    }

    fn poll_work(
        work: Pin<&mut S::Future>,
        mut hold: Option<&mut Hold>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<S, R>> {
        if let Some(failure) = hold.as_mut().and_then(|hold| hold.ended(cx)) {
            return Poll::Ready(Ok(Err(Failure::Lock(failure))));
        }
        let polled = || within(hold.as_deref(), || work.poll(cx));
        match catch_unwind(AssertUnwindSafe(polled)) {
            Ok(answer) => answer.map(|answer| Ok(answer.map_err(Failure::Handler))),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }

    fn release(hold: Option<Hold>, outcome: Outcome<S, R>, deadline: Option<Deadline>) -> Self {
        Self::Release {
            released: Box::pin(async move {
                if let Some(hold) = hold {
                    give_up(hold.held, deadline).await;
                }
            }),
            outcome: Some(outcome),
        }
    }
}

impl Hold {
    /// Why the handler has to end before its time, if it has to.
    fn ended(&mut self, cx: &mut Context<'_>) -> Option<LockFailure> {
        if self.lease.is_over() {
            return Some(LockFailure::lost(self.holding.key()));
        }
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(failure) => Some(failure),
            Poll::Pending => None,
        }
    }
}

/// Does a piece of the handler's work under the lock, if there is one.
fn within<T>(hold: Option<&Hold>, work: impl FnOnce() -> T) -> T {
    match hold {
        Some(hold) => hold.holding.scope(work),
        None => work(),
    }
}

/// The lock that the handler needs, or none if it is to run without.
fn taken(
    rules: &Arc<Rules>,
    decision: Decision,
    deadline: Option<Deadline>,
) -> Boxed<Result<Option<Hold>, LockFailure>> {
    let at_once = |taken| Box::pin(std::future::ready(taken));
    match decision {
        Decision::Lock(key) => {
            let acquired = acquire(Arc::clone(rules), key, deadline);
            Box::pin(async { acquired.await.map(Some) })
        }
        Decision::Run(why) => {
            tracing::info!(%why, "the handler runs without a lock");
            at_once(Ok(None))
        }
        // An answer that is nothing belongs here, in the place of a failure.
        Decision::Skip(why) => at_once(Err(LockFailure::skipped(&why))),
        Decision::Bad(why) => at_once(Err(LockFailure::bad_key(&why))),
    }
}

async fn acquire(
    rules: Arc<Rules>,
    key: String,
    deadline: Option<Deadline>,
) -> Result<Hold, LockFailure> {
    let limits = rules.locks.limits();
    let limits = match deadline.map(Deadline::left) {
        Some(left) => limits.at_most(rules.reserve.leaves(left)).deadline(left),
        None => limits,
    };
    let held = rules.locks.acquire_within(key, limits).await?;
    held.stops_with_its_lease();
    let (holding, lease) = (held.holding(), held.lease());
    let cut = Box::pin(keep(held.key().to_string(), lease.clone(), deadline));
    Ok(Hold {
        held,
        holding,
        lease,
        cut,
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

async fn give_up(held: Held, deadline: Option<Deadline>) {
    let (key, fence) = (held.key().clone(), held.fence());
    // The handler's result stands, whatever becomes of the release.
    if let Err(error) = held.release_within(Deadline::for_release(deadline)).await {
        tracing::error!(%key, fence, %error, "the lock was not released");
    }
}

impl<S: Service<R>, R> fmt::Debug for ResponseFuture<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Acquire { .. } => "acquire",
            Step::Work { .. } => "work",
            Step::Release { .. } => "release",
        };
        f.debug_tuple("ResponseFuture").field(&step).finish()
    }
}
