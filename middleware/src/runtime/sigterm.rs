//! The end of the environment.
//!
//! The platform sends SIGTERM before it ends a function for good, after a timeout as well, and
//! allows it a few hundred milliseconds. That is enough to drop the handler, release the locks and exit;
//! what takes longer is left to the extension, which comes next.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use crate::policy::shared::Shared;

/// AWS promises 300 ms.
const TIME: Duration = Duration::from_millis(270);

/// Handles the signal in a task of its own.
pub(super) fn install(shared: &Arc<Shared>) {
    // Without a runtime no handler runs yet, and one that comes later may have its own idea.
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let _entered = runtime.enter();
    match signal(SignalKind::terminate()) {
        Ok(mut sigterm) => {
            let shared = Arc::clone(shared);
            runtime.spawn(async move {
                sigterm.recv().await;
                end(&shared).await;
                std::process::exit(0);
            });
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be handled; the extension recovers every lock")
        }
    }
}

async fn end(shared: &Shared) {
    for (key, error) in shared.shut_down(TIME).await {
        tracing::warn!(%key, %error, "left to the extension");
    }
}
