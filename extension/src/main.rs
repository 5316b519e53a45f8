//! A Lambda extension that gives back the locks of a function that died.
//!
//! It lies in a Lambda layer, shares the function's disk, and is told when the environment is shut
//! down: after a timeout, a crash or a kill. It costs nothing while the function works.

mod lifecycle;
mod metrics;
mod sweep;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Nothing comes before the registration: the function's cold start waits for it.
    let registered = match lifecycle::register().await {
        Ok(registered) => registered,
        Err(error) => {
            eprintln!("lambda-locks-extension was not registered: {error}");
            return ExitCode::FAILURE;
        }
    };
    tracing_subscriber::fmt().json().with_ansi(false).init();
    lifecycle::sweep(lifecycle::START).await;
    registered.live().await
}
