//! The policy around the runtime: each event's lock is acquired before the runtime is given the event,
//! and released when it is done.
//!
//! Only the runtime's own POST, its request for another event, or the end of the environment ends a
//! hold. The extension cannot stop the handler, so neither the deadline's margin nor a lost lease does.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use lambda_locks::{
    Admission, BatchEnd, EndedInvocation, Finish, InvocationLock, LockHandle, LockedBatch, Policy,
};
use lambda_locks_proxy::{Handover, Instead, Invocation, Outcome, Posted};
use serde_json::{Value, json};
use tower::{Layer, Service};

use crate::mode::{Context, Release};

/// What the handler finds in `custom` of its client context.
const CONTEXT: &str = "lambda-locks";

/// Puts the policy around the runtime.
#[derive(Clone, Debug)]
pub(crate) struct RuntimeLocks {
    pub(crate) policy: Policy,
    pub(crate) release: Release,
    pub(crate) context: Context,
}

/// The runtime with its locks.
pub(crate) struct Locked {
    locks: RuntimeLocks,
    runtime: Handover,
    /// What the last event has left to release.
    rest: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Layer<Handover> for RuntimeLocks {
    type Service = Locked;

    fn layer(&self, runtime: Handover) -> Locked {
        let locks = self.clone();
        Locked {
            locks,
            runtime,
            rest: None,
        }
    }
}

impl Service<Invocation> for Locked {
    type Response = Outcome;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, Infallible>> + Send>>;

    /// Ready when nothing is left to release, or no time for it: Lambda freezes the environment when it is asked for the
    /// next event.
    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        if let Some(rest) = &mut self.rest {
            ready!(rest.as_mut().poll(cx));
            self.rest = None;
        }
        self.runtime.poll_ready(cx)
    }

    fn call(&mut self, invocation: Invocation) -> Self::Future {
        let (locks, deadline) = (self.locks.clone(), invocation.deadline());
        let policy = locks.policy.clone();
        self.rest = Some(Box::pin(async move { policy.settle(deadline).await }));
        Box::pin(locks.work(self.runtime.clone(), invocation))
    }
}

impl RuntimeLocks {
    async fn work(self, runtime: Handover, invocation: Invocation) -> Result<Outcome, Infallible> {
        match admit(&self.policy, &invocation).await {
            Admission::Run(lock) => self.run(runtime, invocation, lock).await,
            Admission::RunBatch(batch) => self.run_batch(runtime, invocation, *batch).await,
            Admission::Answer(rejection) => {
                let answer = serde_json::to_vec(&rejection).unwrap_or_else(|_| b"null".to_vec());
                Ok(Outcome::Instead(Instead::response(answer)))
            }
            Admission::Fail(failure) => {
                let (name, message) = (failure.name(), failure.to_string());
                tracing::warn!(name, message, "refused");
                Ok(Outcome::Instead(Instead::error(name, &message)))
            }
            other => unreachable!("the policy knows no other admission: {other:?}"),
        }
    }

    async fn run(
        self,
        mut runtime: Handover,
        mut invocation: Invocation,
        lock: Option<InvocationLock>,
    ) -> Result<Outcome, Infallible> {
        if let Some(lock) = &lock {
            self.show(|| shown(lock.handle()), &mut invocation);
        }
        if lock.as_ref().is_some_and(InvocationLock::is_for_once) {
            runtime.keep_response();
        }
        let outcome = runtime.call(invocation).await?;
        let Outcome::Finished(finished) = &outcome else {
            if let Some(lock) = lock {
                lock.release_unused().await;
            }
            return Ok(outcome);
        };
        let ended = lock.map(|lock| lock.ended(finish(finished.posted())));
        if self.release == Release::After {
            // Who has seen the response takes the event for done.
            ended.iter().for_each(EndedInvocation::note);
            finished.forward().await;
        }
        if let Some(ended) = ended {
            ended.release().await;
        }
        Ok(outcome)
    }
}

impl RuntimeLocks {
    /// Gives the runtime one event with the records whose locks are held, and merges its report with those that were held
    /// back. What the report becomes is known when the locks are released, so that comes first in any case.
    async fn run_batch(
        self,
        mut runtime: Handover,
        mut invocation: Invocation,
        batch: LockedBatch,
    ) -> Result<Outcome, Infallible> {
        let locks = || json!({"locks": batch.locks().map(|lock| shown(&lock)).collect::<Vec<_>>()});
        self.show(locks, &mut invocation);
        if let Some(event) = batch.event(&text(&invocation)) {
            invocation.set_event(event);
        }
        runtime.collect_response();
        let outcome = runtime.call(invocation).await?;
        if let Outcome::Undelivered(_) = outcome {
            batch.release_unused().await;
            return Ok(outcome);
        }
        let finish = match posted(&outcome) {
            Posted::Response(Some(body)) => {
                Finish::Answered(Some(String::from_utf8_lossy(&body).into_owned()))
            }
            // Of a response that is too long an error takes the place.
            _ => Finish::Failed,
        };
        let instead = match batch.finish(finish).await {
            BatchEnd::Unchanged => None,
            BatchEnd::Report(report) => Some(Instead::response(report)),
            BatchEnd::Failed(failure) => Some(Instead::error(failure.name(), &failure.to_string())),
            other => unreachable!("a batch has no other end: {other:?}"),
        };
        if let (Outcome::Finished(finished), Some(instead)) = (&outcome, instead) {
            finished.replace(instead);
        }
        Ok(outcome)
    }
}

impl RuntimeLocks {
    /// Shows the handler what it holds, if it wants to see that.
    fn show(&self, held: impl FnOnce() -> Value, invocation: &mut Invocation) {
        let held = match self.context {
            Context::Nothing => return,
            Context::Fence => held(),
            Context::FenceAsText => held().to_string().into(),
        };
        if !invocation.set_custom(CONTEXT, &held) {
            tracing::warn!(
                "the client context cannot be read, or there are too many locks to show their fencing tokens in it"
            );
        }
    }
}

fn shown(lock: &LockHandle) -> Value {
    json!({"key": lock.key().as_str(), "fence": lock.fence()})
}

/// Repairs only what is no text: that looks at each character, and an event may be long.
fn text(invocation: &Invocation) -> Cow<'_, str> {
    let event = invocation.event();
    std::str::from_utf8(event).map_or_else(|_| String::from_utf8_lossy(event), Cow::Borrowed)
}

/// What the runtime has posted for an event, if it is done with it.
fn posted(outcome: &Outcome) -> Posted {
    match outcome {
        Outcome::Finished(finished) => finished.posted(),
        _ => Posted::Nothing,
    }
}

/// How the handler has ended. A response that was too long to be kept or is no text was sent, and so the event is done as
/// well.
fn finish(posted: Posted) -> Finish {
    match posted {
        Posted::Response(body) => {
            Finish::Answered(body.and_then(|body| String::from_utf8(body.into()).ok()))
        }
        Posted::Error(name) => name.map_or(Finish::Failed, Finish::FailedWith),
        _ => Finish::Interrupted,
    }
}

/// What the policy says of an event.
async fn admit(policy: &Policy, invocation: &Invocation) -> Admission {
    let mut about = lambda_locks::Invocation::new();
    if let Some(deadline) = invocation.deadline() {
        about = about.deadline(deadline);
    }
    let id = invocation.request_id().to_owned();
    about = about.request_id(&id);
    let tenant = invocation.headers().get("lambda-runtime-aws-tenant-id");
    if let Some(tenant) = tenant.and_then(|tenant| tenant.to_str().ok()) {
        about = about.tenant_id(tenant);
    }
    policy.admit(&text(invocation), about).await
}
