//! What an acquisition leaves behind when nobody finishes it.
//!
//! Every entry that may be in the table is written down before it leaves: in the journal, for
//! the extension and later processes, and here, for the rest of this one. A future or a guard that is
//! dropped half-way does no I/O itself; its entry becomes an orphan, which a task of the client releases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::entry::Entry;
use crate::journal::{self, Journal, Note};
use crate::key::Key;
use crate::lease::LeaseControl;
use crate::live::{Left, Live, SlotId, Stage};
use crate::operation::Completion;
use crate::table::{Place, Table};
use crate::terms::Fail;
use crate::time::Clock;

/// The track of one acquisition. Dropped before it is settled, it leaves an orphan.
#[derive(Debug)]
pub(crate) struct Trail {
    key: Key,
    table: Table,
    fail: Fail,
    journal: Option<Journal>,
    live: Arc<Live>,
    holds: bool,
    current: Option<(Entry, SlotId)>,
}

impl Trail {
    pub(crate) fn new(
        key: Key,
        table: Table,
        fail: Fail,
        journal: Option<Journal>,
        live: Arc<Live>,
    ) -> Self {
        Self {
            key,
            table,
            fail,
            journal,
            live,
            holds: false,
            current: None,
        }
    }

    pub(crate) fn fail(&self) -> Fail {
        self.fail
    }

    /// Takes over the track of an entry that somebody else left.
    pub(crate) fn adopt(&mut self, left: Left) {
        let entry = left.entry.clone();
        self.current = Some((entry, self.live.add(left)));
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
        let journal = self.journal.as_ref();
        let note = journal.and_then(|journal| self.write(journal, entry, None));
        let (table, key) = (self.table.clone(), self.key.clone());
        let id = self.live.add(Left {
            table,
            key,
            entry: entry.clone(),
            note,
            fail: self.fail,
            stage: Stage::Asking,
            clock: None,
            tried: None,
            completion: None,
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
            self.live.stops(id);
        }
    }

    /// Whether the entry is still ours to look after: `release_all` takes everything over.
    pub(crate) fn is_ours(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|&(_, id)| self.live.has(id))
    }

    /// Completes when `release_all` takes everything over.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        self.live.ended()
    }

    /// The lock is held, by these clocks.
    pub(crate) fn hold(&mut self, clock: Clock, lease: LeaseControl) {
        if let Some((_, id)) = self.current {
            self.live.hold(id, clock, lease);
            self.holds = true;
        }
    }

    /// The entry is out of the table, and can never enter again.
    pub(crate) fn settle(&mut self) {
        let left = self.current.take().and_then(|(_, id)| self.live.remove(id));
        if let Some(note) = left.and_then(|left| left.note) {
            self.forget(&note);
        }
    }

    /// The operation is done: whoever releases the lock now, if we do not, completes it.
    pub(crate) fn complete(&self, completion: &Completion) {
        let Some((entry, id)) = &self.current else {
            return;
        };
        self.live.complete(*id, completion);
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
        let note = Note {
            key: self.key.as_str().to_owned(),
            entry: entry.as_str().to_owned(),
            attributed: entry.is_attributed(),
            completion: completion.map(ToString::to_string),
            fail: self.fail,
            region: self.table.region(),
            place: Place::clone(self.table.place()),
            writer: journal.writer().clone(),
        };
        // Without a note the lease still ends: a full disk must not stop the work.
        let warn = |error: &std::io::Error| {
            tracing::warn!(key = %self.key, %error, "the journal took no note of a lock");
        };
        journal.note(&note).inspect_err(warn).ok()
    }

    fn forget(&self, note: &Path) {
        if let Err(error) = journal::forget(note) {
            tracing::warn!(key = %self.key, %error, "the journal keeps a note of a lock that is settled");
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if let Some((_, id)) = self.current {
            if self.holds {
                self.live.drop_holder(id);
            }
            self.live.orphan(id);
        }
    }
}
