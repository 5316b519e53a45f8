//! The service: finds the key in an event, and plans the call.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use dynamodb_locks::Locks;
use lambda_runtime::LambdaEvent;
use serde::de::DeserializeOwned;
use tower::Service;

use super::answer::{Buffered, LockResponse};
use super::error::{LayerError, PayloadError};
use super::extract::{KeyExtractor, about};
use super::payload::{Payload, RawEvent};
use super::response::{Call, ResponseFuture};
use crate::event::Event;
use crate::event::key::KeyRule;
use crate::policy::locked_batch::LockedBatch;
use crate::policy::shared::Shared;

/// A service that holds a lock while the inner one works. `T` is the payload of the inner one's events.
pub struct Locked<S, T, K = KeyRule> {
    inner: S,
    shared: Arc<Shared>,
    keys: Arc<K>,
    payload: PhantomData<fn(T)>,
}

/// The call of a handler of events, which are deserialized when the lock is held.
#[derive(Debug)]
#[doc(hidden)]
pub struct EventCall<S, T> {
    service: S,
    payload: Payload<T>,
}

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
