//! Tracks an acquisition's entry, so that it can be released if the acquisition is dropped.
//!
//! Every entry that may be in the table is recorded before it is sent: in the journal, for the
//! extension and later processes, and in the registry, for the rest of this one. A future or a
//! guard that is dropped half-way does no I/O itself; its entry becomes an orphan, which a task of
//! the client releases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::entry::Entry;
use crate::journal::{self, Intent, Journal};
use crate::key::Key;
use crate::lease::LeaseControl;
use crate::messages::OnExpiry;
use crate::operation::Completion;
use crate::registry::{OwnerState, RegistrationId, Registry, TrackedEntry};
use crate::table::{Table, TableLayout};
use crate::time::Clock;

/// The track of one acquisition. If it is dropped before it is settled, its entry is an orphan.
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

    /// Takes over another owner's entry.
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
        let intent = journal.and_then(|journal| self.write(journal, entry, None));
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
            completion: None,
        });
        self.settle();
        self.current = Some((entry.clone(), id));
    }

    /// The work is done: if this release fails, the next attempt is a release as well.
    pub(crate) fn release(&mut self) {
        self.holds = false;
    }

    /// Marks work that stops when the lease expires, and then releases the lock.
    pub(crate) fn stops(&self) {
        if let Some((_, id)) = self.current {
            self.registry.stops(id);
        }
    }

    /// Whether this still owns the entry: `release_all` takes everything over.
    pub(crate) fn is_ours(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|&(_, id)| self.registry.has(id))
    }

    /// Completes when `release_all` takes everything over.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        self.registry.ended()
    }

    /// Marks the lock as held, by these clocks.
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

    /// The operation is done: whoever releases the lock now, if we do not, completes it.
    pub(crate) fn complete(&self, completion: &Completion) {
        let Some((entry, id)) = &self.current else {
            return;
        };
        self.registry.complete(*id, completion);
        if let Some(journal) = &self.journal {
            self.write(journal, entry, Some(completion));
        }
    }

    fn write(
        &self,
        journal: &Journal,
        entry: &Entry,
        completion: Option<&Completion>,
    ) -> Option<PathBuf> {
        let intent = Intent {
            key: self.key.as_str().to_owned(),
            entry: entry.as_str().to_owned(),
            attributed: entry.is_attributed(),
            completion: completion.map(ToString::to_string),
            on_expiry: self.on_expiry,
            region: self.table.region(),
            layout: TableLayout::clone(self.table.layout()),
            writer: journal.writer().clone(),
        };
        // Without a record the lease still ends: a full disk must not stop the work.
        let warn = |error: &std::io::Error| {
            tracing::warn!(key = %self.key, %error, "the journal could not record a lock");
        };
        journal.record(&intent).inspect_err(warn).ok()
    }

    fn forget(&self, intent: &Path) {
        if let Err(error) = journal::forget(intent) {
            tracing::warn!(key = %self.key, %error, "the journal could not remove the record of a settled lock");
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
