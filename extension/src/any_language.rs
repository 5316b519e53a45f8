//! Locks for runtimes of every language: the proxy of the Runtime API, with the policy around the
//! runtime.

use std::io;
use std::time::Duration;

use dynamodb_locks::{Error, Vars};
use lambda_locks::{Config, LockError, Policy};
use lambda_locks_proxy::{fail_init, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::locked::RuntimeLocks;
use crate::mode::{Mode, TableCheck, unsupported};

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
        let Some(mode) = Mode::from_vars(vars).map_err(io::Error::other)? else {
            return Ok(None);
        };
        let listener = TcpListener::bind(mode.address).await?;
        Ok(Some(match policy(vars) {
            Ok(policy) => Self::lock(mode, listener, policy),
            Err(why) => Self::fail(mode, listener, why),
        }))
    }

    fn lock(mode: Mode, listener: TcpListener, policy: Policy) -> Self {
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
                Ok(()) => match serve(listener, mode.upstream, locks).await {},
                Err(why) => {
                    let (name, message) = (why.name(), why.to_string());
                    match fail_init(listener, mode.upstream, name, &message).await {}
                }
            }
        };
        Self {
            proxy: tokio::spawn(proxy),
            policy: Some(policy),
        }
    }

    fn fail(mode: Mode, listener: TcpListener, why: String) -> Self {
        Self {
            proxy: tokio::spawn(async move {
                match fail_init(listener, mode.upstream, CONFIGURATION, &why).await {}
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

fn policy(vars: &Vars) -> Result<Policy, String> {
    if let Some(why) = unsupported(vars) {
        return Err(why.to_owned());
    }
    let config = Config::from_vars(vars).map(Config::cannot_stop_handler);
    let policy = config.and_then(Config::policy);
    policy.map_err(|error: Error| error.to_string())
}
