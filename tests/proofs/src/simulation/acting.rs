//! Work under a lock, and when it acts.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use dynamodb_locks::Lease;
use tokio::time::sleep;

use super::clocks::Truth;
use super::trace::{Grant, GrantId, Trace};

/// Work in progress. Dropped, it has ended.
pub(super) struct Acting {
    id: GrantId,
    trace: Trace,
    truth: Truth,
}

impl Acting {
    pub(super) fn begin(grant: Grant, trace: &Trace, truth: &Truth) -> Self {
        Self {
            id: trace.begin(grant),
            trace: trace.clone(),
            truth: truth.clone(),
        }
    }

    /// Acts whenever it is polled, and all the time in between.
    pub(super) async fn until(self, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        poll_fn(|cx| {
            self.trace.act(self.id, self.truth.now());
            work.as_mut().poll(cx)
        })
        .await;
    }

    /// Does small things, and asks before each whether the lease is over.
    pub(super) async fn now_and_then(self, work: Duration, lease: &Lease) {
        const THINGS: u32 = 8;
        self.trace.end(self.id, || self.truth.now());
        for _ in 0..THINGS {
            if lease.is_expired() {
                return;
            }
            self.trace.act(self.id, self.truth.now());
            sleep(work / THINGS).await;
        }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        self.trace.end(self.id, || self.truth.now());
    }
}
