//! The service: acquire, then the handler, then release.
//!
//! Each of the three is one step of [`ResponseFuture`]. The handler's future is polled in place, so
//! it needs to be neither `Send` nor `'static`; whatever ends it, the release is awaited before the
//! response leaves.

use std::any::Any;
use std::fmt;
use std::future::{Future, ready as at_once};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::Service;

use crate::answer::Answer;
use crate::complete::Complete;
use crate::deadline::Deadline;
use crate::failure::{Failure, LockFailure};
use crate::hold::{self, Boxed, Hold};
use crate::key::{Decision, Pointers};
use crate::request::LockRequest;
use crate::rules::{OnBusy, Rules};
use crate::source::Source;

/// A service that holds a lock while the inner one works.
#[derive(Debug)]
pub struct Locked<S, K = Pointers> {
    inner: S,
    rules: Arc<Rules>,
    keys: Arc<K>,
}

pin_project! {
    /// The handler's answer, once the lock is released; or what there is instead.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, R>
    where
        S: Service<R>,
    {
        #[pin]
        step: Step<S, R>,
        deadline: Option<Deadline>,
        source: Source,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<S, R>
    where
        S: Service<R>,
    {
        Acquire { taken: Boxed<Taken>, call: Option<(S, R)> },
        Work { #[pin] work: Option<S::Future>, hold: Option<Hold> },
        Release { released: Boxed<()>, outcome: Option<Outcome<S, R>> },
    }
}

/// The lock, or none if the handler is to run without; or why it is not to run.
type Taken = Result<Option<Hold>, Stop>;

type Answered<S, R> = Result<<S as Service<R>>::Response, Failure<<S as Service<R>>::Error>>;
type Outcome<S, R> = Result<Answered<S, R>, Box<dyn Any + Send>>;

/// Why the handler does not run.
enum Stop {
    Fail(LockFailure),
    Skip,
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
    type Response = Answer<S::Response>;
    type Error = Failure<S::Error>;
    type Future = ResponseFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Failure::Handler)
    }

    fn call(&mut self, event: R) -> Self::Future {
        let deadline = event.deadline().and_then(Deadline::of);
        let source = self.rules.told.to(|| event.source());
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
            source,
        }
    }
}

impl<S: Service<R>, R> Future for ResponseFuture<S, R> {
    type Output = Result<Answer<S::Response>, Failure<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.step.as_mut().project() {
                StepProjection::Acquire { taken, call } => match ready!(taken.as_mut().poll(cx)) {
                    Ok(hold) => Step::start(hold, call.take(), *this.deadline),
                    Err(Stop::Skip) => return Poll::Ready(Ok(Answer::nothing(*this.source))),
                    Err(Stop::Fail(failure)) => {
                        return Poll::Ready(refuse(failure, *this.source));
                    }
                },
                StepProjection::Work { mut work, hold } => {
                    let outcome = ready!(Step::<S, R>::poll_work(work.as_mut(), hold.as_mut(), cx));
                    let outcome = Step::<S, R>::drop_work(work, hold.as_ref(), outcome);
                    Step::release(hold.take(), outcome, *this.deadline)
                }
                StepProjection::Release { released, outcome } => {
                    ready!(released.as_mut().poll(cx));
                    return match outcome
                        .take()
                        .expect("a future is not polled after it is done")
                    {
                        Ok(Ok(answer)) => Poll::Ready(Ok(Answer::Handler(answer))),
                        Ok(Err(Failure::Lock(failure))) => {
                            Poll::Ready(refuse(failure, *this.source))
                        }
                        Ok(Err(error)) => Poll::Ready(Err(error)),
                        Err(panic) => resume_unwind(panic),
                    };
                }
            };
            this.step.set(next);
        }
    }
}

fn refuse<A, E>(failure: LockFailure, source: Source) -> Result<Answer<A>, Failure<E>> {
    Answer::refuse(failure, source).map_err(Failure::Lock)
}

impl<S: Service<R>, R> Step<S, R> {
    /// The lock is held, or not to be held: calls the handler.
    fn start(hold: Option<Hold>, call: Option<(S, R)>, deadline: Option<Deadline>) -> Self {
        let (mut service, request) = call.expect("the lock is acquired once");
        // The service is dropped in there as well: its destructor is the user's, and may panic.
        let called = || within(hold.as_ref(), move || service.call(request));
        match catch_unwind(AssertUnwindSafe(called)) {
            Ok(work) => Self::Work {
                work: Some(work),
                hold,
            },
            Err(panic) => Self::release(hold, Err(panic), deadline),
        }
    }

    fn poll_work(
        work: Pin<&mut Option<S::Future>>,
        mut hold: Option<&mut Hold>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<S, R>> {
        if let Some(failure) = hold.as_mut().and_then(|hold| hold.ended(cx)) {
            return Poll::Ready(Ok(Err(Failure::Lock(failure))));
        }
        let work = work.as_pin_mut().expect("the work is not done yet");
        let polled = || within(hold.as_deref(), || work.poll(cx));
        match catch_unwind(AssertUnwindSafe(polled)) {
            Ok(answer) => answer.map(|answer| Ok(answer.map_err(Failure::Handler))),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }

    /// Drops the handler's future while the lock is still held. A destructor that panics does not keep
    /// the lock from its release; it takes the place of the handler's result, as it would without the
    /// layer, but not that of a lock's failure.
    fn drop_work(
        mut work: Pin<&mut Option<S::Future>>,
        hold: Option<&Hold>,
        outcome: Outcome<S, R>,
    ) -> Outcome<S, R> {
        let dropped = || within(hold, || work.set(None));
        match (catch_unwind(AssertUnwindSafe(dropped)), &outcome) {
            (Err(panic), Ok(Ok(_) | Err(Failure::Handler(_)))) => Err(panic),
            _ => outcome,
        }
    }

    fn release(hold: Option<Hold>, outcome: Outcome<S, R>, deadline: Option<Deadline>) -> Self {
        Self::Release {
            released: Box::pin(async move {
                if let Some(hold) = hold {
                    hold.give_up(deadline).await;
                }
            }),
            outcome: Some(outcome),
        }
    }
}

/// Does a piece of the handler's work under the lock, if there is one.
fn within<T>(hold: Option<&Hold>, work: impl FnOnce() -> T) -> T {
    match hold {
        Some(hold) => hold.scope(work),
        None => work(),
    }
}

/// The lock that the handler needs.
fn taken(rules: &Arc<Rules>, decision: Decision, deadline: Option<Deadline>) -> Boxed<Taken> {
    match decision {
        Decision::Lock(key) => {
            let rules = Arc::clone(rules);
            let acquired = hold::acquire(Arc::clone(&rules), key, deadline);
            Box::pin(async move {
                acquired.await.map(Some).map_err(|failure| {
                    rules.metrics.refused(&failure);
                    if rules.on_busy == OnBusy::Skip && failure.is_busy() {
                        tracing::info!(%failure, "the handler is skipped");
                        return Stop::Skip;
                    }
                    Stop::Fail(failure)
                })
            })
        }
        Decision::Run(why) => {
            tracing::info!(%why, "the handler runs without a lock");
            Box::pin(at_once(Ok(None)))
        }
        Decision::Skip(why) => {
            tracing::info!(%why, "the handler is skipped");
            Box::pin(at_once(Err(Stop::Skip)))
        }
        Decision::Bad(why) => Box::pin(at_once(Err(Stop::Fail(LockFailure::bad_key(&why))))),
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
