//! How long a request or an answer is under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How long something is under way.
#[derive(Clone, Debug, Default)]
pub enum Wait {
    /// No time at all.
    #[default]
    No,
    /// A given time.
    For(Duration),
    /// Until a gate is opened.
    Until(Gate),
}

impl Wait {
    /// How long; unknown of a gate.
    #[doc(hidden)]
    pub fn time(&self) -> Option<Duration> {
        match self {
            Wait::No => Some(Duration::ZERO),
            Wait::For(time) => Some(*time),
            Wait::Until(_) => None,
        }
    }

    pub(crate) async fn over(&self) {
        match self {
            Wait::No => {}
            Wait::For(time) => tokio::time::sleep(*time).await,
            Wait::Until(gate) => gate.pass().await,
        }
    }
}

impl From<Duration> for Wait {
    fn from(time: Duration) -> Self {
        Wait::For(time)
    }
}

impl From<&Gate> for Wait {
    fn from(gate: &Gate) -> Self {
        Wait::Until(gate.clone())
    }
}

/// A test that waits for what never comes is to fail, not to hang.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Holds requests or answers back until it is opened; clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<State>>);

#[derive(Debug, Default)]
struct State {
    open: bool,
    reached: usize,
}

impl Gate {
    /// A gate that holds back whatever reaches it.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }

    /// Lets everything pass, from now on.
    pub fn open(&self) {
        self.0.send_modify(|state| state.open = true);
    }

    /// Waits until `many` in all have reached the gate, open or closed.
    pub async fn reached(&self, many: usize) {
        let reached = self.until(|state| state.reached >= many);
        let waited = tokio::time::timeout(A_DAY, reached).await;
        waited.expect("the gate is reached within a day");
    }

    async fn pass(&self) {
        self.0.send_modify(|state| state.reached += 1);
        self.until(|state| state.open).await;
    }

    async fn until(&self, done: impl FnMut(&State) -> bool) {
        // An error would say that the sender is gone, and this gate is the sender.
        let _ = self.0.subscribe().wait_for(done).await;
    }
}
