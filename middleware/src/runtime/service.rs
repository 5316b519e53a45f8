//! The service: acquire, then the handler, then release.
//!
//! Each of the three is one step of [`ResponseFuture`]. The handler's future is polled in place, so
//! it needs to be neither `Send` nor `'static`; whatever ends it, the release is awaited before the
//! response leaves.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use dynamodb_locks::Locks;
use lambda_runtime::LambdaEvent;
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;
use tower::Service;

use super::answer::{Buffered, LockResponse};
use super::error::{LayerError, PayloadError};
use super::extract::{KeyExtractor, about};
use super::payload::{Payload, RawEvent};
use crate::event::Event;
use crate::key::KeyRule;
use crate::lock::{Boxed, Finish, InvocationLock};
use crate::policy::{Admission, Plan};
use crate::rejection::Rejection;
use crate::shared::Shared;
use crate::source::Source;

/// A service that holds a lock while the inner one works. `T` is the payload of the inner one's events.
pub struct Locked<S, T, K = KeyRule> {
    inner: S,
    shared: Arc<Shared>,
    keys: Arc<K>,
    payload: PhantomData<fn(T)>,
}

/// The handler's call, which waits for the lock.
#[doc(hidden)]
pub trait Call {
    type Answer;
    type Error;
    type Work: Future<Output = Result<Self::Answer, Self::Error>>;

    fn start(self) -> Result<Self::Work, PayloadError>;

    /// An answer as JSON text.
    fn text(answer: &Self::Answer) -> Option<String>;
}

/// The call of a handler of events, which are deserialized when the lock is held.
#[derive(Debug)]
#[doc(hidden)]
pub struct EventCall<S, T> {
    service: S,
    payload: Payload<T>,
}

pin_project! {
    /// The handler's answer, once the lock is released; or what there is instead.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<C>
    where
        C: Call,
    {
        #[pin]
        step: Step<C>,
        source: Source,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<C>
    where
        C: Call,
    {
        Acquire { admitted: Boxed<Admission>, call: Option<C> },
        Work { #[pin] work: Option<C::Work>, lock: Option<InvocationLock> },
        Release { released: Boxed<()>, outcome: Option<Outcome<C>> },
    }
}

type Answered<C> = Result<<C as Call>::Answer, LayerError<<C as Call>::Error>>;
type Outcome<C> = Result<Answered<C>, Box<dyn Any + Send>>;

impl<S, T, K> Locked<S, T, K> {
    pub(super) fn new(inner: S, shared: Arc<Shared>, keys: Arc<K>) -> Self {
        Self {
            inner,
            shared,
            keys,
            payload: PhantomData,
        }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the lock.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// The locks, for everything else that needs one.
    pub fn locks(&self) -> &Locks {
        &self.shared.locks
    }

    #[cfg(feature = "http")]
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    #[cfg(feature = "http")]
    pub(super) fn keys(&self) -> &K {
        &self.keys
    }
}

impl<S: Clone, T, K> Locked<S, T, K> {
    /// The service that is ready is the one to call; a clone of it may not be.
    pub(super) fn take(&mut self) -> S {
        let clone = self.inner.clone();
        std::mem::replace(&mut self.inner, clone)
    }
}

impl<S, T, K> Service<RawEvent> for Locked<S, T, K>
where
    S: Service<LambdaEvent<T>, Response: Buffered> + Clone,
    T: DeserializeOwned,
    K: KeyExtractor<T>,
{
    type Response = LockResponse<S::Response>;
    type Error = LayerError<S::Error>;
    type Future = ResponseFuture<EventCall<S, T>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(LayerError::Handler)
    }

    fn call(&mut self, event: RawEvent) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let source = shared.refusal.to(|| event.payload.get().source());
        let deadline = about(&event.context, None).deadline;
        let service = self.take();
        if event.payload.get().is_durable() {
            let payload = Payload::Raw(event);
            let plan = Shared::plan_durable(source);
            return ResponseFuture::new(&shared, plan, EventCall { service, payload });
        }
        let known = about(&event.context, shared.function.as_deref());
        let once = shared.once(event.payload.get(), known);
        match self.keys.extract(event, shared.function.as_deref()) {
            Ok((key, payload)) => {
                let plan = shared.plan(source, key, once, deadline);
                ResponseFuture::new(&shared, plan, EventCall { service, payload })
            }
            Err(error) => ResponseFuture::failed(source, LayerError::Payload(error)),
        }
    }
}

impl<S, T> Call for EventCall<S, T>
where
    S: Service<LambdaEvent<T>, Response: Buffered>,
    T: DeserializeOwned,
{
    type Answer = S::Response;
    type Error = S::Error;
    type Work = S::Future;

    fn start(self) -> Result<S::Future, PayloadError> {
        let Self {
            mut service,
            payload,
        } = self;
        Ok(service.call(payload.event()?))
    }

    fn text(answer: &S::Response) -> Option<String> {
        serde_json::to_string(answer).ok()
    }
}

impl<C: Call> ResponseFuture<C> {
    pub(super) fn new(shared: &Arc<Shared>, plan: Plan, call: C) -> Self {
        let source = plan.source;
        Self {
            step: Step::Acquire {
                admitted: shared.admit(plan),
                call: Some(call),
            },
            source,
        }
    }

    /// The invocation failed before a lock was needed.
    fn failed(source: Source, failure: LayerError<C::Error>) -> Self {
        let step = Step::release(None, Ok(Err(failure)));
        Self { step, source }
    }
}

impl<C: Call> Future for ResponseFuture<C> {
    type Output = Result<LockResponse<C::Answer>, LayerError<C::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.step.as_mut().project() {
                StepProjection::Acquire { admitted, call } => {
                    match ready!(admitted.as_mut().poll(cx)) {
                        Admission::Run(lock) => Step::start(lock, call.take()),
                        Admission::Answer(rejection) => return Poll::Ready(Ok(rejection.into())),
                        Admission::Fail(failure) => {
                            return Poll::Ready(Err(LayerError::Lock(failure)));
                        }
                    }
                }
                StepProjection::Work { mut work, lock } => {
                    let outcome = ready!(Step::<C>::poll_work(work.as_mut(), lock.as_mut(), cx));
                    let outcome = Step::<C>::drop_work(work, lock.as_ref(), outcome);
                    Step::release(lock.take(), outcome)
                }
                StepProjection::Release { released, outcome } => {
                    ready!(released.as_mut().poll(cx));
                    let outcome = outcome.take();
                    let outcome = outcome.expect("a future is not polled after it is done");
                    return Poll::Ready(answered(outcome, *this.source));
                }
            };
            this.step.set(next);
        }
    }
}

/// What the runtime gets, once the lock is released.
fn answered<A, E>(
    outcome: Result<Result<A, LayerError<E>>, Box<dyn Any + Send>>,
    source: Source,
) -> Result<LockResponse<A>, LayerError<E>> {
    match outcome {
        Ok(Ok(answer)) => Ok(LockResponse::Handler(answer)),
        Ok(Err(LayerError::Lock(failure))) => match Rejection::of(failure, source) {
            Ok(rejection) => Ok(rejection.into()),
            Err(failure) => Err(LayerError::Lock(failure)),
        },
        Ok(Err(failure)) => Err(failure),
        Err(panic) => resume_unwind(panic),
    }
}

impl<C: Call> Step<C> {
    fn start(lock: Option<InvocationLock>, call: Option<C>) -> Self {
        let call = call.expect("the lock is acquired once");
        // The service is dropped in there as well: its destructor is the user's, and may panic.
        let called = || within(lock.as_ref(), || call.start());
        match catch_unwind(AssertUnwindSafe(called)) {
            Ok(Ok(work)) => Self::Work {
                work: Some(work),
                lock,
            },
            Ok(Err(error)) => Self::release(lock, Ok(Err(LayerError::Payload(error)))),
            Err(panic) => Self::release(lock, Err(panic)),
        }
    }

    fn poll_work(
        work: Pin<&mut Option<C::Work>>,
        mut lock: Option<&mut InvocationLock>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<C>> {
        let interrupted = lock.as_mut().map(|lock| lock.poll_interrupted(cx));
        if let Some(Poll::Ready(failure)) = interrupted {
            return Poll::Ready(Ok(Err(LayerError::Lock(failure))));
        }
        let work = work.as_pin_mut().expect("the work is not done yet");
        let polled = || within(lock.as_deref(), || work.poll(cx));
        match catch_unwind(AssertUnwindSafe(polled)) {
            Ok(answer) => answer.map(|answer| Ok(answer.map_err(LayerError::Handler))),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }

    /// Drops the handler's future while the lock is still held. A destructor that panics does not keep
    /// the lock from its release; it takes the place of the handler's result, as it would without the
    /// layer, but not that of a lock's failure.
    fn drop_work(
        mut work: Pin<&mut Option<C::Work>>,
        lock: Option<&InvocationLock>,
        outcome: Outcome<C>,
    ) -> Outcome<C> {
        let dropped = || within(lock, || work.set(None));
        match (catch_unwind(AssertUnwindSafe(dropped)), &outcome) {
            (Err(panic), Ok(Ok(_) | Err(LayerError::Handler(_)))) => Err(panic),
            _ => outcome,
        }
    }

    fn release(lock: Option<InvocationLock>, outcome: Outcome<C>) -> Self {
        let finish = match (&lock, &outcome) {
            (Some(lock), Ok(Ok(answer))) if lock.is_for_once() => Finish::Answered(C::text(answer)),
            (_, Err(_) | Ok(Err(LayerError::Lock(_)))) => Finish::Interrupted,
            _ => Finish::Failed,
        };
        Self::Release {
            released: Box::pin(async move {
                if let Some(lock) = lock {
                    lock.finish(finish).await;
                }
            }),
            outcome: Some(outcome),
        }
    }
}

/// Does a piece of the handler's work under the lock, if there is one.
fn within<T>(lock: Option<&InvocationLock>, work: impl FnOnce() -> T) -> T {
    match lock {
        Some(lock) => lock.scope(work),
        None => work(),
    }
}

impl<S: Clone, T, K> Clone for Locked<S, T, K> {
    fn clone(&self) -> Self {
        let (shared, keys) = (Arc::clone(&self.shared), Arc::clone(&self.keys));
        Self::new(self.inner.clone(), shared, keys)
    }
}

impl<S: fmt::Debug, T, K: fmt::Debug> fmt::Debug for Locked<S, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked")
            .field("inner", &self.inner)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl<C: Call> fmt::Debug for ResponseFuture<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Acquire { .. } => "acquire",
            Step::Work { .. } => "work",
            Step::Release { .. } => "release",
        };
        f.debug_tuple("ResponseFuture").field(&step).finish()
    }
}
