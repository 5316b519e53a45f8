//! What an acquisition leaves behind when nobody finishes it.
//!
//! Every entry that may be in the table is written down before it leaves: in the journal, for
//! whoever outlives this process, and here, for the rest of this one. A future or a guard that is
//! dropped half-way does no I/O; its entry becomes an orphan, which the next call gives back.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::entry::Entry;
use crate::journal::{Journal, Note};
use crate::key::Key;
use crate::table::Table;

/// The entries whose futures or guards were dropped.
#[derive(Debug, Default)]
pub(crate) struct Orphans(Mutex<Vec<Orphan>>);

/// An entry that nobody looks after.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) key: Key,
    pub(crate) entry: Entry,
    pub(crate) note: Option<PathBuf>,
}

/// The track of one acquisition. Dropped before it is settled, it leaves an orphan.
pub(crate) struct Trail {
    key: Key,
    table: Table,
    journal: Option<Journal>,
    orphans: Arc<Orphans>,
    current: Option<(Entry, Option<PathBuf>)>,
}

impl Orphans {
    pub(crate) fn take(&self) -> Vec<Orphan> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Orphan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trail {
    pub(crate) fn new(
        key: Key,
        table: Table,
        journal: Option<Journal>,
        orphans: Arc<Orphans>,
    ) -> Self {
        Self {
            key,
            table,
            journal,
            orphans,
            current: None,
        }
    }

    /// Takes over the track of an entry that somebody else left.
    pub(crate) fn adopt(&mut self, entry: Entry, note: Option<PathBuf>) {
        self.current = Some((entry, note));
    }

    /// An entry is about to be written. The one before it, if any, can never enter any more.
    pub(crate) fn note(&mut self, entry: &Entry) {
        if self
            .current
            .as_ref()
            .is_some_and(|(noted, _)| noted == entry)
        {
            return;
        }
        let note = self
            .journal
            .as_ref()
            .and_then(|journal| self.write(journal, entry));
        if let Some((_, Some(settled))) = self.current.replace((entry.clone(), note)) {
            self.forget(&settled);
        }
    }

    /// The entry is out of the table, and can never enter again.
    pub(crate) fn settle(&mut self) {
        if let Some((_, Some(note))) = self.current.take() {
            self.forget(&note);
        }
    }

    fn write(&self, journal: &Journal, entry: &Entry) -> Option<PathBuf> {
        let note = Note {
            key: self.key.as_str().to_owned(),
            entry: entry.as_str().to_owned(),
            region: self.table.region(),
            place: self.table.place().clone(),
            writer: journal.writer().clone(),
        };
        // Without a note the lease still ends: a full disk must not stop the work.
        let warn = |error: &std::io::Error| {
            tracing::warn!(key = %self.key, %error, "the journal took no note of a lock");
        };
        journal.note(&note).inspect_err(warn).ok()
    }

    fn forget(&self, note: &std::path::Path) {
        let Some(Err(error)) = self.journal.as_ref().map(|journal| journal.forget(note)) else {
            return;
        };
        tracing::warn!(key = %self.key, %error, "the journal keeps a note of a lock that is settled");
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if let Some((entry, note)) = self.current.take() {
            self.orphans.lock().push(Orphan {
                key: self.key.clone(),
                entry,
                note,
            });
        }
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail")
            .field("key", &self.key)
            .field("current", &self.current)
            .finish()
    }
}
