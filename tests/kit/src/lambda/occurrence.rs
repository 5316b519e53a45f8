use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::Clock;

/// Something that happened in an environment.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// When, since the Unix epoch.
    pub at: Duration,
    /// The environment's name.
    pub environment: Arc<str>,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Extension and function are up.
    Started,
    /// The function wrote a line.
    Function(String),
    /// The extension wrote a line.
    Extension(String),
    /// SIGTERM went to the function.
    Terminated,
    /// SIGKILL went to the function.
    Killed,
    /// The function's process is gone.
    Reaped,
    /// The extension was told to shut down, for this reason.
    ShutdownSent(&'static str),
    /// The extension's process is gone: its exit code, or `None` if it had to be killed.
    ExtensionEnded(Option<i32>),
}

/// Tells what happens in one environment.
#[derive(Clone)]
pub(super) struct Teller {
    pub(super) environment: Arc<str>,
    pub(super) tell: Arc<dyn Fn(Occurrence) + Send + Sync>,
}

impl Teller {
    pub(super) fn tell(&self, what: What) {
        let (at, environment) = (Clock::system().since_epoch(), self.environment.clone());
        (self.tell)(Occurrence {
            at,
            environment,
            what,
        });
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.environment.fmt(f)
    }
}
