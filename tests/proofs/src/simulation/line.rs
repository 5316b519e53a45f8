//! The line between a process and DynamoDB: what is sent waits at its end to be carried away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use testkit::dynamo::{Exchange, Reply, Way};

/// The end of the line that a process has; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sent: Mutex<Vec<Sent>>,
    bell: Notify,
}

/// A request that has left its process.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) from: Arc<str>,
    pub(super) op: String,
    pub(super) body: Vec<u8>,
    pub(super) answer: Answer,
}

/// Where the answer goes; dropped, the connection breaks.
pub(super) type Answer = oneshot::Sender<Option<Reply>>;

impl Line {
    /// There is something to be seen at this end.
    pub(super) fn ring(&self) {
        self.0.bell.notify_one();
    }

    /// Completes when something is sent, or was since it last did.
    pub(super) async fn rings(&self) {
        self.0.bell.notified().await;
    }

    /// What was sent since the last time, in that order.
    pub(super) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent())
    }

    fn sent(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.0.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Way for Line {
    fn exchange<'a>(&'a self, from: Arc<str>, op: &'a str, body: &'a [u8]) -> Exchange<'a> {
        let (answer, answered) = oneshot::channel();
        let (op, body) = (op.to_owned(), body.to_vec());
        let sent = Sent {
            from,
            op,
            body,
            answer,
        };
        self.sent().push(sent);
        self.ring();
        Box::pin(async { answered.await.ok().flatten() })
    }
}
