//! Everything of a client that may stand in the table: what it holds, what it waits for, and what was
//! dropped half-way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::entry::Entry;
use crate::key::Key;
use crate::lease::LeaseControl;
use crate::operation::Completion;
use crate::table::Table;
use crate::terms::Fail;
use crate::time::{Clock, Tick};

/// The entries of one client and its children.
#[derive(Debug, Default)]
pub(crate) struct Live {
    slots: Mutex<Slots>,
    /// Tells everybody that everything is given up at once.
    ends: Arc<Notify>,
    /// How many entries were settled.
    settled: watch::Sender<u64>,
    /// The tasks that finish what was dropped half-way.
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Slots {
    next: u64,
    entries: BTreeMap<SlotId, Slot>,
}

#[derive(Debug)]
struct Slot {
    left: Left,
    orphaned: bool,
    /// Whether work is done under it that stops by itself when the lease is over, and then releases.
    stops: bool,
    /// What ends the lease that it shows, once it holds.
    lease: Option<LeaseControl>,
}

/// One entry, and what it takes to give it back.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) table: Table,
    pub(crate) key: Key,
    pub(crate) entry: Entry,
    pub(crate) note: Option<PathBuf>,
    pub(crate) fail: Fail,
    pub(crate) stage: Stage,
    /// The clocks of whoever took it, as far as they are known.
    pub(crate) clock: Option<Clock>,
    /// When it was last tried to give it back, in vain.
    pub(crate) tried: Option<Tick>,
    /// Its operation is done, if it is.
    pub(crate) completion: Option<Completion>,
}

/// How far the owner of an entry has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// It asks for the lock, and has not begun to act.
    Asking,
    /// It holds the lock, and can be told to stop.
    Holding,
    /// It is gone, and may have begun.
    Gone,
}

/// Which slot an entry has.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct SlotId(u64);

impl Slot {
    fn end(&self) {
        self.lease
            .as_ref()
            .map(LeaseControl::end)
            .unwrap_or_default();
    }
}

impl Live {
    pub(crate) fn add(&self, left: Left) -> SlotId {
        let mut slots = self.lock();
        let id = SlotId(slots.next);
        slots.next += 1;
        slots.entries.insert(
            id,
            Slot {
                left,
                orphaned: false,
                stops: false,
                lease: None,
            },
        );
        id
    }

    /// None if somebody else has taken it over.
    pub(crate) fn remove(&self, id: SlotId) -> Option<Left> {
        let removed = self.lock().entries.remove(&id);
        self.settled.send_modify(|settled| *settled += 1);
        removed.map(|slot| {
            slot.end();
            slot.left
        })
    }

    pub(crate) fn has(&self, id: SlotId) -> bool {
        self.lock().entries.contains_key(&id)
    }

    fn is_looked_after(&self, id: SlotId) -> bool {
        let slots = self.lock();
        slots.entries.get(&id).is_some_and(|slot| !slot.orphaned)
    }

    /// This entry is the holder's now.
    pub(crate) fn hold(&self, id: SlotId, clock: Clock, lease: LeaseControl) {
        self.with(id, |slot| {
            slot.left.stage = Stage::Holding;
            slot.left.clock = Some(clock);
            slot.lease = Some(lease);
        });
    }

    /// The work under this lock stops when the lease is over, and then releases it.
    pub(crate) fn stops(&self, id: SlotId) {
        self.with(id, |slot| slot.stops = true);
    }

    /// The operation under this lock is done.
    pub(crate) fn complete(&self, id: SlotId, completion: &Completion) {
        self.with(id, |slot| slot.left.completion = Some(completion.clone()));
    }

    /// The holder was dropped, and may have left something half done.
    pub(crate) fn drop_holder(&self, id: SlotId) {
        self.with(id, |slot| slot.left.stage = Stage::Gone);
    }

    /// Nobody looks after this entry any more.
    pub(crate) fn orphan(&self, id: SlotId) {
        self.with(id, |slot| {
            slot.orphaned = true;
            slot.stops = false;
            slot.end();
        });
        self.settled.send_modify(|settled| *settled += 1);
    }

    /// Whether an entry was left that no code looks after.
    pub(crate) fn has_orphans(&self) -> bool {
        self.lock().entries.values().any(|slot| slot.orphaned)
    }

    /// Takes over what nobody looks after, as far as somebody wants it.
    pub(crate) fn take_orphans(&self, wanted: impl Fn(&Left) -> bool) -> Vec<Left> {
        let mut slots = self.lock();
        let orphans = slots
            .entries
            .extract_if(.., |_, slot| slot.orphaned && wanted(&slot.left));
        orphans.map(|(_, slot)| slot.left).collect()
    }

    /// Tells everybody that it is over. Takes over what can be given back at once; tells what will be
    /// released when the work under it has stopped.
    pub(crate) fn end_all(&self) -> (Vec<Left>, Vec<(SlotId, Key)>) {
        let mut slots = self.lock();
        slots.entries.values().for_each(Slot::end);
        let taken: Vec<_> = slots
            .entries
            .extract_if(.., |_, slot| !slot.stops)
            .collect();
        let stopping = slots
            .entries
            .iter()
            .map(|(&id, slot)| (id, slot.left.key.clone()));
        let stopping = stopping.collect();
        drop(slots);
        self.ends.notify_waiters();
        (
            taken.into_iter().map(|(_, slot)| slot.left).collect(),
            stopping,
        )
    }

    /// Runs a task of the client's. It ends with the runtime, or with [`stop_tasks`](Self::stop_tasks).
    pub(crate) fn spawn(&self, runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, runtime);
    }

    /// Stops the client's tasks, and waits until nothing of them is left. What they had not finished is an
    /// orphan again.
    pub(crate) async fn stop_tasks(&self) {
        let mut tasks = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        tasks.shutdown().await;
    }

    /// Completes when [`end_all`](Self::end_all) is called after this. Everybody is told in the order in
    /// which they asked: a watch would wake them in any order, and nothing here is left to chance.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        Arc::clone(&self.ends).notified_owned()
    }

    /// Waits until an entry is settled, or an orphan.
    pub(crate) async fn settled(&self, id: SlotId) {
        let mut settled = self.settled.subscribe();
        while self.is_looked_after(id) {
            let _ = settled.changed().await;
        }
    }

    fn with(&self, id: SlotId, change: impl FnOnce(&mut Slot)) {
        self.lock()
            .entries
            .get_mut(&id)
            .map(change)
            .unwrap_or_default();
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
