//! Tracks an acquisition's entry, so that it can be released if the acquisition is dropped.
//!
//! Every entry that may be in the table is recorded before it is sent: in the journal, for the
//! extension and later processes, and in the registry, for the rest of this one. A future or a
//! guard that is dropped half-way does no I/O itself; its entry becomes an orphan, which a task of
//! the client releases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::client::memory::lease::LeaseControl;
use crate::client::memory::registry::{OwnerState, RegistrationId, Registry, TrackedEntry};
use crate::journal::{self, Intent, Journal};
use crate::key::Key;
use crate::protocol::entry::Entry;
use crate::protocol::messages::OnExpiry;
use crate::protocol::operation::Completions;
use crate::protocol::time::Clock;
use crate::table::{Table, TableLayout};

/// The track of one acquisition. If it is dropped before it is settled, its entry is an orphan.
#[derive(Debug)]
pub(crate) struct Trail {
    records: Records,
    holds: bool,
    current: Option<(Entry, RegistrationId)>,
}

/// Records that operations under a held lock are done.
#[derive(Clone, Debug)]
pub(crate) struct CompletionRecord {
    records: Records,
    current: Option<(Entry, RegistrationId)>,
}

/// Where the entries of one lock are recorded.
#[derive(Clone, Debug)]
struct Records {
    key: Key,
    table: Table,
    on_expiry: OnExpiry,
    journal: Option<Journal>,
    registry: Arc<Registry>,
}

impl Trail {
    pub(crate) fn new(
        key: Key,
        table: Table,
        on_expiry: OnExpiry,
        journal: Option<Journal>,
        registry: Arc<Registry>,
    ) -> Self {
        let records = Records {
            key,
            table,
            on_expiry,
            journal,
            registry,
        };
        Self {
            records,
            holds: false,
            current: None,
        }
    }

    pub(crate) fn on_expiry(&self) -> OnExpiry {
        self.records.on_expiry
    }

    /// Takes over another owner's entry.
    pub(crate) fn adopt(&mut self, tracked: TrackedEntry) {
        let entry = tracked.entry.clone();
        self.current = Some((entry, self.records.registry.add(tracked)));
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
        let records = &self.records;
        let id = records.registry.add(TrackedEntry {
            table: records.table.clone(),
            key: records.key.clone(),
            entry: entry.clone(),
            intent: records.write(entry, &Completions::new()),
            on_expiry: records.on_expiry,
            owner_state: OwnerState::Acquiring,
            clock: None,
            tried: None,
            completions: Completions::new(),
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
            self.records.registry.stops(id);
        }
    }

    /// Whether this still owns the entry: `release_all` takes everything over.
    pub(crate) fn is_ours(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|&(_, id)| self.records.registry.has(id))
    }

    /// Completes when `release_all` takes everything over.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        self.records.registry.ended()
    }

    /// Marks the lock as held, by these clocks.
    pub(crate) fn hold(&mut self, clock: Clock, lease: LeaseControl) {
        if let Some((_, id)) = self.current {
            self.records.registry.hold(id, clock, lease);
            self.holds = true;
        }
    }

    /// The entry is out of the table, and can never enter again.
    pub(crate) fn settle(&mut self) {
        let tracked = self
            .current
            .take()
            .and_then(|(_, id)| self.records.registry.remove(id));
        if let Some(intent) = tracked.and_then(|tracked| tracked.intent) {
            self.records.forget(&intent);
        }
    }

    /// Operations are done: if we do not release the lock, its recovery completes them. False if another task has taken
    /// the entry over.
    pub(crate) fn complete(&self, completions: &Completions) -> bool {
        self.completions().complete(completions)
    }

    /// Records completions, for code that does not own the entry.
    pub(crate) fn completions(&self) -> CompletionRecord {
        CompletionRecord {
            records: self.records.clone(),
            current: self.current.clone(),
        }
    }
}

impl CompletionRecord {
    /// Operations are done: if the owner of the entry does not release the lock, its recovery completes them. False if
    /// the entry was settled or taken over meanwhile: then nothing is recorded.
    pub(crate) fn complete(&self, completions: &Completions) -> bool {
        let Some((entry, id)) = &self.current else {
            return false;
        };
        let all = self.records.registry.complete(*id, completions);
        let Some(all) = &all else {
            return false;
        };
        if let Some(intent) = self.records.write(entry, all)
            && !self.records.registry.has_record(*id, &intent)
        {
            // The entry was settled in between.
            self.records.forget(&intent);
        }
        true
    }
}

impl Records {
    fn write(&self, entry: &Entry, completions: &Completions) -> Option<PathBuf> {
        let journal = self.journal.as_ref()?;
        let intent = Intent {
            key: self.key.as_str().to_owned(),
            entry: entry.as_str().to_owned(),
            attributed: entry.is_attributed(),
            completions: completions
                .iter()
                .map(|(operation, completion)| (operation.to_string(), completion.to_string()))
                .collect(),
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
                self.records.registry.drop_holder(id);
            }
            self.records.registry.orphan(id);
        }
    }
}
