//! Locks for runtimes of every language: the proxy of the Runtime API, with the policy around the
//! runtime.

use std::io;
use std::time::Duration;

use dynamodb_locks::{Error, Vars};
use lambda_locks::{Config, LockError, Policy};
use lambda_locks_proxy::{Upstream, fail_init, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::locked::RuntimeLocks;
use crate::mode::{Endpoints, Mode, TableCheck, unsupported};

/// The proxy that runs beside the extension's own life, and its locks.
#[derive(Debug)]
pub(crate) struct AnyLanguage {
    proxy: JoinHandle<()>,
    policy: Option<Policy>,
}

/// The name of an error that a setting causes.
const CONFIGURATION: &str = "Lock.Configuration";

impl AnyLanguage {
    /// Starts to listen if the variables ask for it. What is wrong with the locks' own settings, or with
    /// their table, reaches the function's caller, as an error of the runtime's initialisation.
    pub(crate) async fn start(vars: &Vars) -> io::Result<Option<Self>> {
        let Some(endpoints) = Endpoints::from_vars(vars).map_err(io::Error::other)? else {
            return Ok(None);
        };
        let Endpoints { address, upstream } = endpoints;
        let listener = TcpListener::bind(address).await?;
        Ok(Some(match read(vars) {
            Ok((mode, policy)) => Self::lock(listener, upstream, mode, policy),
            Err(why) => {
                // A runtime that does not come this way starts all the same.
                tracing::error!(why, "a setting is wrong: no runtime that comes here starts");
                Self::fail(listener, upstream, why)
            }
        }))
    }

    fn lock(listener: TcpListener, upstream: Upstream, mode: Mode, policy: Policy) -> Self {
        let locks = RuntimeLocks {
            policy: policy.clone(),
            release: mode.release,
            context: mode.context,
        };
        let proxy = async move {
            // The runtime initialises meanwhile, and connects when it wants its first event. That would wait
            // for the connection to DynamoDB in any case.
            let checked = match mode.table {
                TableCheck::AtStart => locks.policy.locks().check().await,
                TableCheck::Never => Ok(()),
            };
            match checked.map_err(LockError::from) {
                Ok(()) => match serve(listener, upstream, locks).await {},
                Err(why) => {
                    let (name, message) = (why.name(), why.to_string());
                    match fail_init(listener, upstream, name, &message).await {}
                }
            }
        };
        Self {
            proxy: tokio::spawn(proxy),
            policy: Some(policy),
        }
    }

    fn fail(listener: TcpListener, upstream: Upstream, why: String) -> Self {
        Self {
            proxy: tokio::spawn(async move {
                match fail_init(listener, upstream, CONFIGURATION, &why).await {}
            }),
            policy: None,
        }
    }

    /// The environment is shut down, and the runtime is dead: acquisitions end, and what is held is
    /// released, but for fail-closed locks whose work has begun.
    pub(crate) async fn shut_down(self, time: Duration) {
        // What the proxy drops was interrupted by death, and not finished: locks see the difference.
        self.proxy.abort();
        let _ = self.proxy.await;
        let Some(policy) = self.policy else { return };
        for (key, error) in policy.shut_down(time).await {
            tracing::warn!(%key, %error, "left to the next start of the extension");
        }
    }
}

/// What is to be done for the runtime, or why it cannot be started.
fn read(vars: &Vars) -> Result<(Mode, Policy), String> {
    if let Some(why) = unsupported(vars) {
        return Err(why.to_owned());
    }
    let read = Mode::from_vars(vars).and_then(|mode| {
        let config = Config::from_vars(vars)?.cannot_stop_handler();
        Ok((mode, config.policy()?))
    });
    read.map_err(|error: Error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_setting_of_the_mode_stops_the_function_and_not_the_extension() {
        for (name, value, expected) in [
            ("LOCKS_PROXY", "yes", "`0` or `1`"),
            ("LOCKS_RELEASE", "later", "`before` or `after`"),
            ("LOCKS_CONTEXT", "yes", "`0`, `1` or `text`"),
            ("LOCKS_DISABLED", "yes", "`0` or `1`"),
        ] {
            let vars = [
                ("LOCKS_PROXY", "1"),
                ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
                (name, value),
            ];
            let vars: Vars = vars.into_iter().collect();
            assert!(matches!(Endpoints::from_vars(&vars), Ok(Some(_))), "{name}");
            let why = read(&vars).expect_err(name);
            assert!(why.contains(name) && why.contains(expected), "{why}");
        }
    }
}
