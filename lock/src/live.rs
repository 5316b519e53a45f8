//! Everything of a client that may stand in the table: what it holds, what it waits for, and what was
//! dropped half-way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::entry::Entry;
use crate::key::Key;
use crate::table::Table;
use crate::terms::Fail;

/// The entries of one client and its children.
#[derive(Debug, Default)]
pub(crate) struct Live {
    slots: Mutex<Slots>,
    /// How often everything was given back at once.
    ends: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Slots {
    next: u64,
    entries: BTreeMap<u64, Slot>,
}

#[derive(Debug)]
struct Slot {
    left: Left,
    orphaned: bool,
}

/// One entry, and what it takes to give it back.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) table: Table,
    pub(crate) key: Key,
    pub(crate) entry: Entry,
    pub(crate) note: Option<PathBuf>,
    pub(crate) fail: Fail,
    /// Whether it is held by somebody who can be told to stop.
    pub(crate) held: bool,
}

/// Which slot an entry has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SlotId(u64);

impl Live {
    pub(crate) fn add(&self, left: Left) -> SlotId {
        let mut slots = self.lock();
        let id = slots.next;
        slots.next += 1;
        slots.entries.insert(
            id,
            Slot {
                left,
                orphaned: false,
            },
        );
        SlotId(id)
    }

    /// None if somebody else has taken it over.
    pub(crate) fn remove(&self, id: SlotId) -> Option<Left> {
        self.lock().entries.remove(&id.0).map(|slot| slot.left)
    }

    /// This entry is the holder's now.
    pub(crate) fn hold(&self, id: SlotId) {
        if let Some(slot) = self.lock().entries.get_mut(&id.0) {
            slot.left.held = true;
        }
    }

    /// Nobody looks after this entry any more.
    pub(crate) fn orphan(&self, id: SlotId) {
        if let Some(slot) = self.lock().entries.get_mut(&id.0) {
            slot.orphaned = true;
            slot.left.held = false;
        }
    }

    pub(crate) fn has(&self, id: SlotId) -> bool {
        self.lock().entries.contains_key(&id.0)
    }

    /// Takes over what nobody looks after.
    pub(crate) fn take_orphans(&self) -> Vec<Left> {
        let mut slots = self.lock();
        let orphans = slots.entries.extract_if(.., |_, slot| slot.orphaned);
        orphans.map(|(_, slot)| slot.left).collect()
    }

    /// Takes over everything, and tells those who look after it that it is no longer theirs.
    pub(crate) fn end_all(&self) -> Vec<Left> {
        let all = std::mem::take(&mut self.lock().entries);
        self.ends.send_modify(|ends| *ends += 1);
        all.into_values().map(|slot| slot.left).collect()
    }

    /// Completes when [`end_all`](Self::end_all) is called after this.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ends = self.ends.subscribe();
        async move {
            // An error means that the client is gone, and with it everybody who could end anything.
            if ends.changed().await.is_err() {
                std::future::pending().await
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
