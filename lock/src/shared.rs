//! What all clones of a client, and everything they hold, have in common.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Kind};
use crate::journal::Journal;
use crate::key::Key;
use crate::live::Live;
use crate::observations::Observations;
use crate::pace::Paces;
use crate::row::DEADLINE_MARGIN;
use crate::settings::{LeaseLength, Settings};
use crate::table::{Connection, Place, Table};
use crate::terms::{LONGEST_LEASE, Patience, Terms};
use crate::time::{Clock, Tick};
use crate::trail::Trail;

/// One connection to one table, and how it is used.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) connection: Arc<Connection>,
    pub(crate) place: Arc<Place>,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) journal: Option<Journal>,
    pub(crate) live: Arc<Live>,
    pub(crate) observations: Arc<Observations>,
    pub(crate) paces: Paces,
}

impl Shared {
    /// The table, connected to at the first use.
    pub(crate) async fn table(&self) -> Table {
        self.connection.table(Arc::clone(&self.place)).await
    }

    /// A key that shows itself as the settings say.
    pub(crate) fn key(&self, name: impl Into<Arc<str>>) -> Result<Key, Error> {
        Ok(Key::new(name)?.shown(self.settings.shown))
    }

    pub(crate) fn trail(&self, key: &Key, table: &Table) -> Trail {
        Trail::new(
            key.clone(),
            table.clone(),
            self.settings.fail,
            self.journal.clone(),
            Arc::clone(&self.live),
        )
    }

    /// What an acquisition asks for that is to wait this long, for a caller who ends then.
    pub(crate) fn terms(&self, wait: Duration, deadline: Option<Tick>) -> Result<Terms, Error> {
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
            fail: settings.fail,
            patience: if wait.is_zero() {
                Patience::Try
            } else {
                Patience::Wait
            },
            cap: settings.queue_cap,
            grace: LONGEST_LEASE + settings.grace,
            nonce: settings.nonces.next(),
            owner: settings.owner.clone(),
        })
    }
}

fn far_deadline(lease: Duration) -> Error {
    let message = format!(
        "a lease until the deadline would last {lease:?}; right is at most {LONGEST_LEASE:?}, for which the \
         table keeps the row"
    );
    Error::new(Kind::Configuration, message)
}

fn no_deadline() -> Error {
    let message = "a lease until the deadline needs a deadline: acquire within `Limits` that name one, \
                   or set LOCKS_LEASE_DURATION_MS to a time";
    Error::new(Kind::Configuration, message)
}
