//! The extension's life: registered, asleep, told to shut down.
//!
//! It asks for SHUTDOWN only, so invocations never wait for it. Once registered it exits after
//! SHUTDOWN and for no other reason: the platform takes any other exit for a crash, and fails the
//! invocation.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one file that reads a clock"
)]

use std::os::unix::process::parent_id;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_extension::{Error, Extension, LambdaEvent, NextEvent, service_fn};

use crate::any_language::AnyLanguage;
use crate::{metrics, sweep};

/// How long the sweep of leftovers may take at the start: the function's own start waits for it.
pub(crate) const START: Duration = Duration::from_secs(1);

/// What the platform gives at SHUTDOWN; some emulators send no deadline.
const BUDGET: Duration = Duration::from_secs(2);

/// The time to exit in.
const MARGIN: Duration = Duration::from_millis(100);

/// How often an extension that hears nothing looks whether anybody is left to hear.
const ORPHANED: Duration = Duration::from_secs(5);

/// Registered, and not yet asleep.
pub(crate) struct Registered<R>(R);

/// Registers; the proxy, if there is one, ends at SHUTDOWN.
pub(crate) async fn register(
    any_language: Option<AnyLanguage>,
) -> Result<Registered<impl Future<Output = Result<(), Error>>>, Error> {
    let mut any_language = any_language;
    let extension = Extension::new()
        .with_events(&["SHUTDOWN"])
        .with_events_processor(service_fn(move |event: LambdaEvent| {
            // SHUTDOWN is the only event, and the last one.
            on_event(event, any_language.take())
        }))
        .register()
        .await?;
    Ok(Registered(extension.run()))
}

impl<R: Future<Output = Result<(), Error>>> Registered<R> {
    /// Sleeps until SHUTDOWN.
    pub(crate) async fn live(self) -> ExitCode {
        let platform = parent_id();
        if let Err(error) = self.0.await {
            tracing::error!(%error, "SHUTDOWN cannot be heard; locks of the dead end with their lease");
        }
        // An exit would fail the invocation, unless there is no platform left that could notice it.
        while parent_id() == platform {
            tokio::time::sleep(ORPHANED).await;
        }
        ExitCode::FAILURE
    }
}

async fn on_event(event: LambdaEvent, any_language: Option<AnyLanguage>) -> Result<(), Error> {
    if let NextEvent::Shutdown(shutdown) = event.next {
        if let Some(any_language) = any_language {
            any_language.shut_down(budget(shutdown.deadline_ms)).await;
        }
        sweep(budget(shutdown.deadline_ms)).await;
        // The runtime would ask for the next event, and the platform wait for our exit.
        std::process::exit(0);
    }
    Ok(())
}

/// Gives back what the dead have left, for at most this long.
pub(crate) async fn sweep(time: Duration) {
    let recovered = sweep::within(time).await;
    metrics::recovered(recovered, now());
}

/// Now, since the epoch.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn budget(deadline_ms: u64) -> Duration {
    let left = Duration::from_millis(deadline_ms).checked_sub(now());
    left.filter(|&left| left <= BUDGET * 5)
        .unwrap_or(BUDGET)
        .saturating_sub(MARGIN)
}
