//! What to do with an event, whatever server it came through.
//!
//! ```text
//! event ─► key ─► wait in memory ─► acquire ─► run the handler ─► release
//!           │            └───────────────┴─► refusal, in the words of the event's source
//!           └─► refusal, or no handler, or no lock
//! ```
//!
//! The tower layer is one such server; the extension's proxy of the Runtime API is another.

pub(crate) mod local_queue;

pub(crate) mod shared;

mod ending;

pub(crate) mod lock;

mod acquire;

pub(crate) mod batch_scope;

pub(crate) mod locked_batch;

mod batch_locks;

pub(crate) mod plan;

mod admission;

pub use self::admission::Admission;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dynamodb_locks::{Error, Key, Locks};

use crate::config::Config;
use crate::deadline::Deadline;
use crate::event::Event;
use crate::event::invocation::Invocation;
use crate::event::key::KeyRule;
use crate::policy::shared::Shared;

/// What to do with events. Clones share everything.
#[derive(Clone, Debug)]
pub struct Policy {
    shared: Arc<Shared>,
    rule: Arc<KeyRule>,
}

impl Config {
    /// Checks the configuration, and makes the policy.
    ///
    /// # Errors
    ///
    /// If a setting is invalid, the key is missing, or the journal's folder cannot be used.
    pub fn policy(mut self) -> Result<Policy, Error> {
        self.checked()?;
        let rule = Arc::new(self.ruled()?);
        let (shared, _) = Shared::new(self)?;
        Ok(Policy { shared, rule })
    }
}

impl Policy {
    /// Finds the key in the event's JSON text, and acquires its lock, or says what to do instead. The text
    /// is read before this returns.
    pub fn admit(
        &self,
        event: &str,
        about: Invocation<'_>,
    ) -> impl Future<Output = Admission> + Send + use<> {
        let about = self.shared.about(about);
        if self.shared.disabled {
            return self.shared.admit(Shared::plan_nothing());
        }
        let source = self.shared.refusal.to(|| event.source());
        if event.is_durable() {
            return self.shared.admit(Shared::plan_durable(source));
        }
        if let Some(plan) = self.shared.plan_batch(event, about) {
            return self.shared.admit(plan);
        }
        let key = self.rule.find(event, about);
        let once = self.shared.once(event, about);
        self.shared
            .admit(self.shared.plan(source, key, once, about.deadline))
    }

    /// The locks, for everything else that needs one.
    #[must_use]
    pub fn locks(&self) -> &Locks {
        &self.shared.locks
    }

    /// Releases the locks whose release has failed, for as long as the invocation lasts that ends then: the process may
    /// be suspended afterwards, and would hold them until their leases end. Where all were released it does nothing.
    pub async fn settle(&self, deadline: Option<SystemTime>) {
        let time = Deadline::for_rest(deadline.and_then(Deadline::of));
        for (key, error) in self.shared.locks.release_dropped(time).await {
            tracing::error!(%key, %error, "the lock is still not released when the invocation ends");
        }
    }

    /// Shuts down within this time: handlers are interrupted, acquisitions end with `Lock.Ended`, and what
    /// is held is released. Returns what could not be released.
    pub async fn shut_down(&self, time: Duration) -> Vec<(Key, Error)> {
        self.shared.shut_down(time).await
    }
}
