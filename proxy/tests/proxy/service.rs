//! A service around the runtime, which behaves as one that locks.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use lambda_locks_proxy::{Handover, Instead, Invocation, Outcome};
use tower::{Layer, Service};

use crate::log::{Gate, Log};

/// What the service does with its events; it can be changed while the proxy runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behaviour {
    /// An event waits for it before it is handed over.
    pub(crate) acquired: Option<Gate>,
    /// The release waits for it.
    pub(crate) released: Option<Gate>,
    /// The response is forwarded before the release.
    pub(crate) forwards_first: bool,
    /// Events are answered instead.
    pub(crate) instead: Option<Instead>,
    /// Handlers are shown this.
    pub(crate) custom: Option<serde_json::Value>,
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
}

impl Layer<Handover> for Locking {
    type Service = Locked;

    fn layer(&self, inner: Handover) -> Locked {
        let locking = self.clone();
        Locked { locking, inner }
    }
}

impl Service<Invocation> for Locked {
    type Response = Outcome;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, Infallible>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: Invocation) -> Self::Future {
        let behaviour = self.locking.behaviour.lock().expect("no test panics in it");
        let (log, behaviour) = (self.locking.log.clone(), behaviour.clone());
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
    let outcome = inner.call(invocation).await?;
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
