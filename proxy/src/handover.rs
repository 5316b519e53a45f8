//! The inner service: the runtime.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use crate::instead::Instead;
use crate::invocation::Invocation;
use crate::post::{Posted, Wanted};
use crate::session::Session;

/// Hands an event to the runtime, and completes when the runtime is done with it.
///
/// Dropping the future does not stop the handler: nothing but the platform can.
#[derive(Clone, Debug)]
pub struct Handover {
    session: Arc<Session>,
    wanted: Wanted,
}

/// How a service is done with an event.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// The runtime had it, and is done with it.
    Finished(Finished),
    /// The runtime was not given it, because its connection has closed. The proxy keeps the event, and
    /// calls the service with it when the runtime asks again.
    Undelivered(Invocation),
    /// The service answers instead, and the runtime never hears of it.
    Instead(Instead),
}

/// An invocation that the runtime is done with: it has posted the whole response, or asked for the next
/// event.
#[derive(Debug)]
pub struct Finished {
    session: Arc<Session>,
}

impl Handover {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        let wanted = Wanted::Nothing;
        Self { session, wanted }
    }

    /// Keeps a copy of the response, and the name of an error, for [`Finished::posted`]. By default nothing is kept.
    pub fn keep_response(&mut self) {
        self.wanted = Wanted::Copy;
    }

    /// Collects the response: nothing of it reaches Lambda before the service completes or
    /// [forwards](Finished::forward) it, so that [`Finished::replace`] can put another in its place, and
    /// [`Finished::posted`] has its body. A streamed response is collected as well. Of a longer one than
    /// Lambda takes without streaming it nothing is kept: if nothing else takes its place, an error does. An
    /// error passes as it comes.
    pub fn collect_response(&mut self) {
        self.wanted = Wanted::Whole;
    }
}

impl Service<Invocation> for Handover {
    type Response = Outcome;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, invocation: Invocation) -> Self::Future {
        let (session, wanted) = (Arc::clone(&self.session), self.wanted);
        Box::pin(async move {
            if let Some(invocation) = session.deliver(invocation, wanted) {
                return Ok(Outcome::Undelivered(invocation.into_original()));
            }
            session.done().await;
            Ok(Outcome::Finished(Finished { session }))
        })
    }
}

impl Finished {
    /// What the runtime has posted. The second call tells nothing.
    pub fn posted(&self) -> Posted {
        self.session.take_posted()
    }

    /// Lets another answer reach Lambda in the place of the response. False if the response was not
    /// [collected](Handover::collect_response): then it passes as the runtime posted it, and so does an
    /// error.
    pub fn replace(&self, instead: Instead) -> bool {
        self.session.replace(instead)
    }

    /// Lets the end of the response reach Lambda before the service completes, and waits until Lambda
    /// has answered. Without this the end is held back until then.
    pub async fn forward(&self) {
        self.session.forward();
        self.session.posts_done().await;
    }
}
