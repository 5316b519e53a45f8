//! A service around the runtime, which behaves as one that locks.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use lambda_locks_proxy::{Finished, Handover, Instead, Invocation, Outcome, Posted};
use tower::{Layer, Service};

use crate::log::{Gate, Log};

/// What the service does with its events; it can be changed while the proxy runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behaviour {
    /// An event waits for it before it is handed over.
    pub(crate) acquired: Option<Gate>,
    /// The service is not ready before it is open.
    pub(crate) ready: Option<Gate>,
    /// The release waits for it.
    pub(crate) released: Option<Gate>,
    /// The response is forwarded before the release.
    pub(crate) forwards_first: bool,
    /// Events are answered instead.
    pub(crate) instead: Option<Instead>,
    /// Handlers are shown this.
    pub(crate) custom: Option<serde_json::Value>,
    /// Handlers are given this event.
    pub(crate) event: Option<&'static str>,
    /// Responses are collected.
    pub(crate) collects: bool,
    /// Responses are replaced by this.
    pub(crate) replacement: Option<Instead>,
}

/// Makes the service.
#[derive(Clone)]
pub(crate) struct Locking {
    pub(crate) log: Log,
    pub(crate) behaviour: Arc<Mutex<Behaviour>>,
}

pub(crate) struct Locked {
    locking: Locking,
    inner: Handover,
    /// What it waits for after an event.
    waiting: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Layer<Handover> for Locking {
    type Service = Locked;

    fn layer(&self, inner: Handover) -> Locked {
        let locking = self.clone();
        Locked {
            locking,
            inner,
            waiting: None,
        }
    }
}

impl Service<Invocation> for Locked {
    type Response = Outcome;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, Infallible>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if let Some(waiting) = &mut self.waiting {
            ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: Invocation) -> Self::Future {
        let behaviour = self.locking.behaviour.lock().expect("no test panics in it");
        let (log, behaviour) = (self.locking.log.clone(), behaviour.clone());
        if let Some(gate) = behaviour.ready.clone() {
            self.waiting = Some(Box::pin(async move { gate.passed().await }));
        }
        Box::pin(work(log, behaviour, self.inner.clone(), invocation))
    }
}

async fn work(
    log: Log,
    behaviour: Behaviour,
    mut inner: Handover,
    mut invocation: Invocation,
) -> Result<Outcome, Infallible> {
    let id = invocation.request_id().to_owned();
    log.add(format!("acquire {id}"));
    if let Some(gate) = &behaviour.acquired {
        gate.passed().await;
    }
    if let Some(instead) = behaviour.instead {
        return Ok(Outcome::Instead(instead));
    }
    if let Some(custom) = &behaviour.custom {
        invocation.set_custom("lock", custom);
    }
    if let Some(event) = behaviour.event {
        invocation.set_event(event);
    }
    if behaviour.collects {
        inner.collect_response();
    }
    let outcome = inner.call(invocation).await?;
    if let Outcome::Finished(finished) = &outcome {
        replace(&log, &behaviour, finished);
    }
    match &outcome {
        Outcome::Finished(finished) if behaviour.forwards_first => finished.forward().await,
        Outcome::Finished(_) => {}
        _ => log.add(format!("undelivered {id}")),
    }
    if let Some(gate) = &behaviour.released {
        gate.passed().await;
    }
    log.add(format!("release {id}"));
    Ok(outcome)
}

fn replace(log: &Log, behaviour: &Behaviour, finished: &Finished) {
    if behaviour.collects {
        log.add(match finished.posted() {
            Posted::Response(Some(body)) => format!("collected {}", body.len()),
            other => format!("{other:?}"),
        });
    }
    if let Some(replacement) = behaviour.replacement.clone() {
        let replaced = finished.replace(replacement);
        log.add(format!("replaced: {replaced}"));
    }
}
