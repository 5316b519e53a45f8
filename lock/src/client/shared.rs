//! The state that all clones of a client share.

use std::sync::Arc;
use std::time::Duration;

use crate::client::memory::completed::CompletedCache;
use crate::client::memory::observations::Observations;
use crate::client::memory::pace::Paces;
use crate::client::memory::registry::Registry;
use crate::client::memory::trail::Trail;
use crate::client::settings::{LeaseLength, Settings};
use crate::error::{Error, Kind};
use crate::journal::Journal;
use crate::key::{IntoKey, Key};
use crate::protocol::messages::{LONGEST_LEASE, Terms, WaitMode};
use crate::protocol::row::DEADLINE_MARGIN;
use crate::protocol::time::{Clock, MonotonicInstant};
use crate::table::{Connection, Table, TableLayout};

/// One connection to one table, and how it is used.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) connection: Arc<Connection>,
    pub(crate) layout: Arc<TableLayout>,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) journal: Option<Journal>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) observations: Arc<Observations>,
    pub(crate) paces: Paces,
    pub(crate) completed: CompletedCache,
}

impl Shared {
    /// The table, connected to at the first use.
    pub(crate) async fn table(&self) -> Table {
        self.connection.table(Arc::clone(&self.layout)).await
    }

    /// A key, which logs and errors show as the settings say.
    pub(crate) fn key(&self, name: impl IntoKey) -> Result<Key, Error> {
        Ok(Key::new(name)?.redacted(self.settings.redaction))
    }

    pub(crate) fn trail(&self, key: &Key, table: &Table) -> Trail {
        Trail::new(
            key.clone(),
            table.clone(),
            self.settings.on_expiry,
            self.journal.clone(),
            Arc::clone(&self.registry),
        )
    }

    /// The terms of an acquisition that waits this long, for a caller with this deadline.
    pub(crate) fn terms(
        &self,
        wait: Duration,
        deadline: Option<MonotonicInstant>,
    ) -> Result<Terms, Error> {
        let settings = &self.settings;
        let lease = match (settings.lease, deadline) {
            (LeaseLength::Fixed(lease), _) => lease,
            (LeaseLength::UntilDeadline, Some(end)) => {
                end.since(self.clock.tick()) + DEADLINE_MARGIN
            }
            (LeaseLength::UntilDeadline, None) => return Err(no_deadline()),
        };
        if lease > LONGEST_LEASE {
            return Err(far_deadline(lease));
        }
        Ok(Terms {
            lease,
            deadline,
            expiry: settings.expiry,
            skew: settings.skew(),
            on_expiry: settings.on_expiry,
            wait_mode: if wait.is_zero() {
                WaitMode::Try
            } else {
                WaitMode::Wait
            },
            cap: settings.queue_cap,
            grace: LONGEST_LEASE + settings.grace,
            nonce: settings.nonces.next(),
            owner: settings.owner.clone(),
            operation: None,
        })
    }
}

fn far_deadline(lease: Duration) -> Error {
    let message = format!(
        "a lease until the deadline would last {lease:?}; expected at most {LONGEST_LEASE:?}, for which the \
         table keeps the row"
    );
    Error::new(Kind::Configuration, message)
}

fn no_deadline() -> Error {
    let message = "a lease until the deadline needs a deadline: acquire with `AcquireOptions` that name one, \
                   or set LOCKS_LEASE_DURATION_MS to a time";
    Error::new(Kind::Configuration, message)
}
