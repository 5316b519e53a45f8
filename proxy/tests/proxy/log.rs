//! What happened, in the order in which it did.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lines, to which both sides and the service add; clones are the same log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(watch::Sender<Vec<String>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.send_modify(|lines| lines.push(line.into()));
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.0
            .borrow()
            .iter()
            .filter(|found| *found == line)
            .count()
    }

    /// Waits until a line was added for the nth time.
    pub(crate) async fn reached(&self, line: &str, times: usize) {
        let mut lines = self.0.subscribe();
        let reached =
            lines.wait_for(|lines| lines.iter().filter(|found| *found == line).count() >= times);
        let reached = within(&format!("`{line}`, {times} times"), reached).await;
        drop(reached.expect("the log is here"));
    }
}

/// Waits for something that must come.
pub(crate) async fn within<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    let came = timeout(PATIENCE, awaited).await;
    came.unwrap_or_else(|_| panic!("{what} did not come"))
}

/// A gate that is closed until it is opened; clones are the same gate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(watch::Sender<bool>);

impl Gate {
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn passed(&self) {
        let mut open = self.0.subscribe();
        let passed = within("an open gate", open.wait_for(|&open| open)).await;
        drop(passed.expect("the gate is here"));
    }
}
