//! Requests of `lambda_http`, and answers to them.
//!
//! ```json
//! {"method": "POST", "path": "/orders", "headers": {}, "query": {}, "body": "{\"orderId\": 42}"}
//! ```
//!
//! Pointers lead into a request as into this event; it is never built. A response is collected, its body
//! included, before the lock is released: whatever turns into a response can be answered, that of a router
//! of axum as well.

mod request;
mod stored;

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use lambda_http::{Body, IntoResponse, Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::answer::LockResponse;
use super::closure::{ByField, ByPayload, KeyFn, named};
use super::error::{LayerError, PayloadError};
use super::extract::about;
use super::response::{Call, ResponseFuture};
use super::service::Locked;
use crate::answer::rejection::Rejection;
use crate::event::Event;
use crate::event::invocation::Invocation;
use crate::event::key::{KeyError, KeyRule};
use crate::policy::locked_batch::LockedBatch;

/// What finds the key in a request.
#[doc(hidden)]
pub trait RequestKey {
    fn key(&self, request: &Request, about: Invocation<'_>) -> Result<String, KeyError>;
}

impl RequestKey for KeyRule {
    fn key(&self, request: &Request, about: Invocation<'_>) -> Result<String, KeyError> {
        self.find(request, about)
    }
}

impl<F> RequestKey for ByPayload<F>
where
    Self: KeyFn<Request>,
{
    fn key(&self, request: &Request, _: Invocation<'_>) -> Result<String, KeyError> {
        named(self.text(request))
    }
}

impl<F> RequestKey for ByField<F>
where
    Self: KeyFn<Request>,
{
    fn key(&self, request: &Request, _: Invocation<'_>) -> Result<String, KeyError> {
        named(self.text(request))
    }
}

/// The call of a handler of requests.
#[derive(Debug)]
#[doc(hidden)]
pub struct RequestCall<S> {
    service: S,
    request: Request,
}

impl<S, K> Service<Request> for Locked<S, Request, K>
where
    S: Service<Request, Response: IntoResponse> + Clone,
    K: RequestKey,
{
    type Response = LockResponse<Response<Body>>;
    type Error = LayerError<S::Error>;
    type Future = ResponseFuture<RequestCall<S>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.get_mut().poll_ready(cx).map_err(LayerError::Handler)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let shared = Arc::clone(self.shared());
        let context = request.extensions().get();
        let function = shared.function.as_deref();
        let known = context.map(|context| about(context, function));
        let known = shared.about(known.unwrap_or_default());
        let key = self.keys().key(&request, known);
        let source = shared.refusal.to(|| request.source());
        let once = shared.once(&request, known);
        let plan = shared.plan(source, key, once, known.deadline);
        let service = self.take();
        ResponseFuture::new(&shared, plan, RequestCall { service, request })
    }
}

impl<S> Call for RequestCall<S>
where
    S: Service<Request, Response: IntoResponse>,
{
    type Answer = Response<Body>;
    type Error = S::Error;
    type Work = Collect<S::Future>;

    fn start(mut self, _batch: Option<&LockedBatch>) -> Result<Self::Work, PayloadError> {
        let answer = self.service.call(self.request);
        Ok(Collect::Answer { answer })
    }

    fn text(answer: &Response<Body>) -> Option<String> {
        Some(stored::text(answer))
    }
}

pin_project! {
    /// The handler's work, and then the collection of its response.
    #[project = CollectProjection]
    #[doc(hidden)]
    pub enum Collect<F> {
        Answer { #[pin] answer: F },
        Body { body: Pin<Box<dyn Future<Output = Response<Body>> + Send>> },
    }
}

impl<F, A, E> Future for Collect<F>
where
    F: Future<Output = Result<A, E>>,
    A: IntoResponse,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let body = match self.as_mut().project() {
                CollectProjection::Answer { answer } => ready!(answer.poll(cx))?.into_response(),
                CollectProjection::Body { body } => return body.as_mut().poll(cx).map(Ok),
            };
            self.set(Self::Body { body });
        }
    }
}

impl<A: IntoResponse> IntoResponse for LockResponse<A> {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        match self {
            Self::Handler(answer) => answer.into_response(),
            Self::Rejected(rejection) => Box::pin(ready(response(rejection))),
        }
    }
}

fn response(rejection: Rejection) -> Response<Body> {
    let rejected = match rejection.into_response() {
        Ok(rejected) => rejected,
        Err(Some(replay)) => return stored::response(&replay),
        Err(None) => return Response::default(),
    };
    let mut response = Response::builder().status(rejected.status);
    for (name, value) in rejected.headers() {
        response = response.header(name, value);
    }
    response
        .body(Body::from(rejected.body))
        .expect("the status and the headers are ours, and right")
}
