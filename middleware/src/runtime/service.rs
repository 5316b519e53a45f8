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
use super::held::Held;
use super::payload::{Payload, RawEvent};
use crate::event::Event;
use crate::key::KeyRule;
use crate::lock::{Boxed, Finish};
use crate::locked_batch::{BatchEnd, LockedBatch};
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

    /// Starts the handler, with the event that is left of a batch.
    fn start(self, batch: Option<&LockedBatch>) -> Result<Self::Work, PayloadError>;

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
        Work { #[pin] work: Option<C::Work>, held: Held },
        Release { released: Boxed<Option<BatchEnd>>, outcome: Option<Outcome<C>> },
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
        if shared.disabled {
            let (service, payload) = (self.take(), Payload::Raw(event));
            let plan = Shared::plan_nothing();
            return ResponseFuture::new(&shared, plan, EventCall { service, payload });
        }
        let source = shared.refusal.to(|| event.payload.get().source());
        let deadline = about(&event.context, None).deadline;
        let service = self.take();
        if event.payload.get().is_durable() {
            let payload = Payload::Raw(event);
            let plan = Shared::plan_durable(source);
            return ResponseFuture::new(&shared, plan, EventCall { service, payload });
        }
        let known = about(&event.context, shared.function.as_deref());
        if let Some(plan) = shared.plan_batch(event.payload.get(), known) {
            let payload = Payload::Raw(event);
            return ResponseFuture::new(&shared, plan, EventCall { service, payload });
        }
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

    fn start(self, batch: Option<&LockedBatch>) -> Result<S::Future, PayloadError> {
        let Self {
            mut service,
            payload,
        } = self;
        let payload = match batch {
            Some(batch) => payload.rewritten(|event| batch.event(event)),
            None => payload,
        };
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
        let step = Step::release(Held::Nothing, Ok(Err(failure)));
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
                        Admission::Run(lock) => {
                            let held =
                                lock.map_or(Held::Nothing, |lock| Held::Lock(Box::new(lock)));
                            Step::start(held, call.take(), cx)
                        }
                        Admission::RunBatch(batch) => {
                            Step::start(Held::Batch(batch), call.take(), cx)
                        }
                        Admission::Answer(rejection) => return Poll::Ready(Ok(rejection.into())),
                        Admission::Fail(failure) => {
                            return Poll::Ready(Err(LayerError::Lock(failure)));
                        }
                    }
                }
                StepProjection::Work { mut work, held } => {
                    let outcome = ready!(Step::<C>::poll_work(work.as_mut(), held, cx));
                    let outcome = Step::<C>::drop_work(work, held, outcome);
                    Step::release(std::mem::replace(held, Held::Nothing), outcome)
                }
                StepProjection::Release { released, outcome } => {
                    let end = ready!(released.as_mut().poll(cx));
                    let outcome = outcome.take();
                    let outcome = outcome.expect("a future is not polled after it is done");
                    return Poll::Ready(
                        answered(outcome, *this.source).and_then(|answer| told(end, answer)),
                    );
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

/// The answer, or what the source of a batch is told instead.
fn told<A, E>(
    end: Option<BatchEnd>,
    answer: LockResponse<A>,
) -> Result<LockResponse<A>, LayerError<E>> {
    match end {
        None | Some(BatchEnd::Unchanged) => Ok(answer),
        Some(BatchEnd::Report(report)) => Ok(Rejection::report(report).into()),
        Some(BatchEnd::Failed(failure)) => Err(LayerError::Lock(failure)),
    }
}

impl<C: Call> Step<C> {
    fn start(mut held: Held, call: Option<C>, cx: &mut Context<'_>) -> Self {
        let call = call.expect("the lock is acquired once");
        if let Poll::Ready(failure) = held.poll_interrupted(cx) {
            // There is no time left, and nothing has begun.
            return Self::Release {
                released: Box::pin(held.release_unused()),
                outcome: Some(Ok(Err(LayerError::Lock(failure)))),
            };
        }
        // The service is dropped in there as well: its destructor is the user's, and may panic.
        let batch = match &held {
            Held::Batch(batch) => Some(&**batch),
            Held::Nothing | Held::Lock(_) => None,
        };
        let called = || held.within(|| call.start(batch));
        match catch_unwind(AssertUnwindSafe(called)) {
            Ok(Ok(work)) => Self::Work {
                work: Some(work),
                held,
            },
            Ok(Err(error)) => Self::release(held, Ok(Err(LayerError::Payload(error)))),
            Err(panic) => Self::release(held, Err(panic)),
        }
    }

    fn poll_work(
        work: Pin<&mut Option<C::Work>>,
        held: &mut Held,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<C>> {
        if let Poll::Ready(failure) = held.poll_interrupted(cx) {
            return Poll::Ready(Ok(Err(LayerError::Lock(failure))));
        }
        let work = work.as_pin_mut().expect("the work is not done yet");
        let polled = || held.within(|| work.poll(cx));
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
        held: &Held,
        outcome: Outcome<C>,
    ) -> Outcome<C> {
        let dropped = || held.within(|| work.set(None));
        match (catch_unwind(AssertUnwindSafe(dropped)), &outcome) {
            (Err(panic), Ok(Ok(_) | Err(LayerError::Handler(_)))) => Err(panic),
            _ => outcome,
        }
    }

    fn release(held: Held, outcome: Outcome<C>) -> Self {
        let finish = match &outcome {
            Ok(Ok(answer)) if held.asks_for_answer() => match C::text(answer) {
                // The runtime will not be able to tell the source anything either.
                None if matches!(held, Held::Batch(_)) => Finish::Failed,
                text => Finish::Answered(text),
            },
            Ok(Ok(_)) => Finish::Answered(None),
            Err(_) | Ok(Err(LayerError::Lock(_))) => Finish::Interrupted,
            _ => Finish::Failed,
        };
        Self::Release {
            released: Box::pin(held.finish(finish)),
            outcome: Some(outcome),
        }
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
