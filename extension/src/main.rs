//! A Lambda extension that releases the locks of a function that died, and locks for functions of every
//! language.
//!
//! It lies in a Lambda layer, shares the function's disk, and is told when the environment is shut
//! down: after a timeout, a crash or a kill. It costs nothing while the function works.
//!
//! Where the wrapper or a variable asks for it, it also stands between the runtime and Lambda, and
//! acquires and releases the lock of each event. Otherwise it listens to nothing.

mod metrics;
mod sweep;

mod mode;

mod locked;

mod any_language;

mod lifecycle;

use std::process::ExitCode;

use any_language::AnyLanguage;
use dynamodb_locks::Vars;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().json().with_ansi(false).init();
    // The platform starts the runtime when the extension has registered, and then the port must be open.
    let any_language = match AnyLanguage::start(&Vars::from_env()).await {
        Ok(any_language) => any_language,
        Err(error) => return failed(&error.to_string()),
    };
    // Nothing else comes before the registration: the function's cold start waits for it.
    let registered = match lifecycle::register(any_language).await {
        Ok(registered) => registered,
        Err(error) => return failed(&error.to_string()),
    };
    lifecycle::sweep(lifecycle::START).await;
    registered.live().await
}

fn failed(error: &str) -> ExitCode {
    eprintln!("lambda-locks-extension was not registered: {error}");
    ExitCode::FAILURE
}
