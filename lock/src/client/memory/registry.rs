//! The entries of a client that may be in the table: held, waiting, or dropped half-way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::client::memory::lease::LeaseControl;
use crate::key::Key;
use crate::protocol::entry::Entry;
use crate::protocol::messages::OnExpiry;
use crate::protocol::operation::Completions;
use crate::protocol::time::{Clock, MonotonicInstant};
use crate::table::Table;

/// The entries of one client. The registries of those made from it by `with_settings` are its children: whatever ends or
/// releases all of its entries does so with theirs.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    children: Mutex<Vec<Arc<Self>>>,
    registrations: Mutex<Registrations>,
    /// Notifies all holders and waiters that everything is released.
    ends: Arc<Notify>,
    /// How many entries were settled.
    settled: watch::Sender<u64>,
    /// The tasks that finish what was dropped half-way.
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Registrations {
    next: u64,
    entries: BTreeMap<RegistrationId, Registration>,
}

#[derive(Debug)]
struct Registration {
    tracked: TrackedEntry,
    orphaned: bool,
    /// Whether the work under it stops by itself when the lease expires, and then releases it.
    stops: bool,
    /// Ends the lease, once the lock is held.
    lease: Option<LeaseControl>,
}

/// One entry, and what is needed to release it.
#[derive(Clone, Debug)]
pub(crate) struct TrackedEntry {
    pub(crate) table: Table,
    pub(crate) key: Key,
    pub(crate) entry: Entry,
    pub(crate) intent: Option<PathBuf>,
    pub(crate) on_expiry: OnExpiry,
    pub(crate) owner_state: OwnerState,
    /// The owner's clocks, as far as they are known.
    pub(crate) clock: Option<Clock>,
    /// When its release last failed.
    pub(crate) tried: Option<MonotonicInstant>,
    /// The operations that were done under it.
    pub(crate) completions: Completions,
}

/// Work that has been told to stop, and then releases its lock.
#[derive(Debug)]
pub(crate) struct StoppingWork {
    registry: Arc<Registry>,
    id: RegistrationId,
    pub(crate) key: Key,
}

/// How far the owner of an entry has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OwnerState {
    /// It is acquiring the lock, and has not begun to act.
    Acquiring,
    /// It holds the lock, and can be stopped.
    Holding,
    /// It is dead or dropped, and may have begun to act.
    Dead,
}

/// The identifier of a registration.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct RegistrationId(u64);

impl Registration {
    fn end(&self) {
        self.lease
            .as_ref()
            .map(LeaseControl::end)
            .unwrap_or_default();
    }
}

impl StoppingWork {
    /// Waits until its lock is released, or an orphan.
    pub(crate) async fn stopped(&self) {
        self.registry.settled(self.id).await;
    }
}

impl Registry {
    /// The registry of a client that is made from this one's.
    pub(crate) fn child(&self) -> Arc<Self> {
        let child = Arc::default();
        let mut children = self.lock_children();
        children.retain(|child| Arc::strong_count(child) > 1 || child.is_in_use());
        children.push(Arc::clone(&child));
        child
    }

    /// Whether there is an entry in it, or may be one in its children.
    fn is_in_use(&self) -> bool {
        !self.lock().entries.is_empty() || !self.lock_children().is_empty()
    }

    pub(crate) fn add(&self, tracked: TrackedEntry) -> RegistrationId {
        let mut registrations = self.lock();
        let id = RegistrationId(registrations.next);
        registrations.next += 1;
        registrations.entries.insert(
            id,
            Registration {
                tracked,
                orphaned: false,
                stops: false,
                lease: None,
            },
        );
        id
    }

    /// `None` if another task has taken it over.
    pub(crate) fn remove(&self, id: RegistrationId) -> Option<TrackedEntry> {
        let removed = self.lock().entries.remove(&id);
        self.settled.send_modify(|settled| *settled += 1);
        removed.map(|registration| {
            registration.end();
            registration.tracked
        })
    }

    pub(crate) fn has(&self, id: RegistrationId) -> bool {
        self.lock().entries.contains_key(&id)
    }

    fn is_looked_after(&self, id: RegistrationId) -> bool {
        let registrations = self.lock();
        registrations
            .entries
            .get(&id)
            .is_some_and(|registration| !registration.orphaned)
    }

    /// Marks an entry as the holder's.
    pub(crate) fn hold(&self, id: RegistrationId, clock: Clock, lease: LeaseControl) {
        self.with(id, |registration| {
            registration.tracked.owner_state = OwnerState::Holding;
            registration.tracked.clock = Some(clock);
            registration.lease = Some(lease);
        });
    }

    /// Marks work that stops when the lease expires, and then releases the lock.
    pub(crate) fn stops(&self, id: RegistrationId) {
        self.with(id, |registration| registration.stops = true);
    }

    /// Operations under this lock are done. Returns all that are; none if another task has taken the entry over.
    pub(crate) fn complete(
        &self,
        id: RegistrationId,
        completions: &Completions,
    ) -> Option<Completions> {
        let mut registrations = self.lock();
        let tracked = &mut registrations.entries.get_mut(&id)?.tracked;
        tracked.completions.extend(completions.clone());
        Some(tracked.completions.clone())
    }

    /// The entry has this record, which its first copy may not have had: the disk was full. False if the entry was settled.
    pub(crate) fn has_record(&self, id: RegistrationId, intent: &Path) -> bool {
        let mut registrations = self.lock();
        let registration = registrations.entries.get_mut(&id);
        registration.is_some_and(|registration| {
            let record = &mut registration.tracked.intent;
            record.get_or_insert_with(|| intent.to_owned());
            true
        })
    }

    /// The holder was dropped, and may have left something half done.
    pub(crate) fn drop_holder(&self, id: RegistrationId) {
        self.with(id, |registration| {
            registration.tracked.owner_state = OwnerState::Dead
        });
    }

    /// Marks an entry as an orphan: no code will settle it.
    pub(crate) fn orphan(&self, id: RegistrationId) {
        self.with(id, |registration| {
            registration.orphaned = true;
            registration.stops = false;
            registration.end();
        });
        self.settled.send_modify(|settled| *settled += 1);
    }

    /// Whether there are orphans.
    pub(crate) fn has_orphans(&self) -> bool {
        self.lock()
            .entries
            .values()
            .any(|registration| registration.orphaned)
            || self.children().iter().any(|child| child.has_orphans())
    }

    /// Takes the orphans that are wanted.
    pub(crate) fn take_orphans(&self, wanted: &dyn Fn(&TrackedEntry) -> bool) -> Vec<TrackedEntry> {
        let mut registrations = self.lock();
        let orphans = registrations.entries.extract_if(.., |_, registration| {
            registration.orphaned && wanted(&registration.tracked)
        });
        let mut orphans: Vec<_> = orphans
            .map(|(_, registration)| registration.tracked)
            .collect();
        drop(registrations);
        for child in self.children() {
            orphans.extend(child.take_orphans(wanted));
        }
        orphans
    }

    /// Ends all leases and waits. Returns the entries that can be released at once, and those that
    /// are released when the work under them has stopped.
    pub(crate) fn end_all(self: &Arc<Self>) -> (Vec<TrackedEntry>, Vec<StoppingWork>) {
        let mut registrations = self.lock();
        registrations.entries.values().for_each(Registration::end);
        let taken = registrations
            .entries
            .extract_if(.., |_, registration| !registration.stops);
        let mut taken: Vec<_> = taken
            .map(|(_, registration)| registration.tracked)
            .collect();
        let stopping = registrations.entries.iter();
        let stopping = stopping.map(|(&id, registration)| StoppingWork {
            registry: Arc::clone(self),
            id,
            key: registration.tracked.key.clone(),
        });
        let mut stopping: Vec<_> = stopping.collect();
        drop(registrations);
        self.ends.notify_waiters();
        for child in self.children() {
            let (taken_there, stopping_there) = child.end_all();
            taken.extend(taken_there);
            stopping.extend(stopping_there);
        }
        (taken, stopping)
    }

    /// Spawns a task of the client. It ends with the runtime, or with
    /// [`stop_tasks`](Self::stop_tasks).
    pub(crate) fn spawn(&self, runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, runtime);
    }

    /// Stops the client's tasks, and waits for their end. What they had not finished is an orphan
    /// again.
    pub(crate) async fn stop_tasks(&self) {
        let mut tasks = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        tasks.shutdown().await;
        for child in self.children() {
            Box::pin(child.stop_tasks()).await;
        }
    }

    /// Completes when [`end_all`](Self::end_all) is called after this. `Notify` wakes waiters in
    /// FIFO order, which keeps the simulation deterministic; `watch` does not.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        Arc::clone(&self.ends).notified_owned()
    }

    /// Waits until an entry is settled, or an orphan.
    async fn settled(&self, id: RegistrationId) {
        let mut settled = self.settled.subscribe();
        while self.is_looked_after(id) {
            let _ = settled.changed().await;
        }
    }

    fn with(&self, id: RegistrationId, change: impl FnOnce(&mut Registration)) {
        self.lock()
            .entries
            .get_mut(&id)
            .map(change)
            .unwrap_or_default();
    }

    fn children(&self) -> Vec<Arc<Self>> {
        self.lock_children().clone()
    }

    fn lock_children(&self) -> MutexGuard<'_, Vec<Arc<Self>>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Registrations> {
        self.registrations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
