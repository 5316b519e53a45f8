//! The end of the environment.
//!
//! The platform sends SIGTERM before it ends a function for good, after a timeout as well, and
//! allows it a few hundred milliseconds. That is enough to drop the handler, give the locks back and
//! go; what takes longer is left to the extension, which comes next.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use crate::rules::Rules;

/// AWS promises 300 ms.
const TIME: Duration = Duration::from_millis(270);

/// Waits for the signal in a task of its own.
pub(crate) fn heed(rules: &Arc<Rules>) {
    // Without a runtime no handler runs yet, and one that comes later may have its own idea.
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let _entered = runtime.enter();
    match signal(SignalKind::terminate()) {
        Ok(mut sigterm) => {
            let rules = Arc::clone(rules);
            runtime.spawn(async move {
                sigterm.recv().await;
                end(&rules).await;
                std::process::exit(0);
            });
        }
        Err(error) => tracing::warn!(%error, "SIGTERM cannot be heard; the extension does it all"),
    }
}

async fn end(rules: &Rules) {
    rules.end();
    for (key, error) in rules.locks.release_all(TIME).await {
        tracing::warn!(%key, %error, "left to the extension");
    }
}
