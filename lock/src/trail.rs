//! What an acquisition leaves behind when nobody finishes it.
//!
//! Every entry that may be in the table is written down before it leaves: in the journal, for
//! the extension and later processes, and here, for the rest of this one. A future or a guard that is
//! dropped half-way does no I/O itself; its entry becomes an orphan, which a task of the client releases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::entry::Entry;
use crate::journal::{self, Intent, Journal};
use crate::key::Key;
use crate::lease::LeaseControl;
use crate::messages::OnExpiry;
use crate::registry::{OwnerState, RegistrationId, Registry, TrackedEntry};
use crate::table::{Table, TableLayout};
use crate::time::Clock;

/// The track of one acquisition. Dropped before it is settled, it leaves an orphan.
#[derive(Debug)]
pub(crate) struct Trail {
    key: Key,
    table: Table,
    on_expiry: OnExpiry,
    journal: Option<Journal>,
    registry: Arc<Registry>,
    holds: bool,
    current: Option<(Entry, RegistrationId)>,
}

impl Trail {
    pub(crate) fn new(
        key: Key,
        table: Table,
        on_expiry: OnExpiry,
        journal: Option<Journal>,
        registry: Arc<Registry>,
    ) -> Self {
        Self {
            key,
            table,
            on_expiry,
            journal,
            registry,
            holds: false,
            current: None,
        }
    }

    pub(crate) fn on_expiry(&self) -> OnExpiry {
        self.on_expiry
    }

    /// Takes over the track of an entry that somebody else left.
    pub(crate) fn adopt(&mut self, tracked: TrackedEntry) {
        let entry = tracked.entry.clone();
        self.current = Some((entry, self.registry.add(tracked)));
    }

    /// An entry is about to be written. The one before it, if any, can never enter any more.
    pub(crate) fn record(&mut self, entry: &Entry) {
        if self
            .current
            .as_ref()
            .is_some_and(|(recorded, _)| recorded == entry)
        {
            return;
        }
        let journal = self.journal.as_ref();
        let intent = journal.and_then(|journal| self.write(journal, entry));
        let (table, key) = (self.table.clone(), self.key.clone());
        let id = self.registry.add(TrackedEntry {
            table,
            key,
            entry: entry.clone(),
            intent,
            on_expiry: self.on_expiry,
            owner_state: OwnerState::Acquiring,
            clock: None,
            tried: None,
        });
        self.settle();
        self.current = Some((entry.clone(), id));
    }

    /// The holder has done its work: whatever becomes of this release, the next one is one as well.
    pub(crate) fn release(&mut self) {
        self.holds = false;
    }

    /// The work under the lock stops when the lease is over, and then releases it.
    pub(crate) fn stops(&self) {
        if let Some((_, id)) = self.current {
            self.registry.stops(id);
        }
    }

    /// Whether the entry is still ours to look after: `release_all` takes everything over.
    pub(crate) fn is_ours(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|&(_, id)| self.registry.has(id))
    }

    /// Completes when `release_all` takes everything over.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        self.registry.ended()
    }

    /// The lock is held, by these clocks.
    pub(crate) fn hold(&mut self, clock: Clock, lease: LeaseControl) {
        if let Some((_, id)) = self.current {
            self.registry.hold(id, clock, lease);
            self.holds = true;
        }
    }

    /// The entry is out of the table, and can never enter again.
    pub(crate) fn settle(&mut self) {
        let tracked = self
            .current
            .take()
            .and_then(|(_, id)| self.registry.remove(id));
        if let Some(intent) = tracked.and_then(|tracked| tracked.intent) {
            self.forget(&intent);
        }
    }

    fn write(&self, journal: &Journal, entry: &Entry) -> Option<PathBuf> {
        let intent = Intent {
            key: self.key.as_str().to_owned(),
            entry: entry.as_str().to_owned(),
            attributed: entry.is_attributed(),
            on_expiry: self.on_expiry,
            region: self.table.region(),
            layout: TableLayout::clone(self.table.layout()),
            writer: journal.writer().clone(),
        };
        // Without a record the lease still ends: a full disk must not stop the work.
        let warn = |error: &std::io::Error| {
            tracing::warn!(key = %self.key, %error, "the journal took no note of a lock");
        };
        journal.record(&intent).inspect_err(warn).ok()
    }

    fn forget(&self, intent: &Path) {
        if let Err(error) = journal::forget(intent) {
            tracing::warn!(key = %self.key, %error, "the journal keeps a note of a lock that is settled");
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if let Some((_, id)) = self.current {
            if self.holds {
                self.registry.drop_holder(id);
            }
            self.registry.orphan(id);
        }
    }
}
