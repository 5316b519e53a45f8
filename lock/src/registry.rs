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
use crate::messages::OnExpiry;
use crate::table::Table;
use crate::time::{Clock, MonotonicInstant};

/// The entries of one client and its children.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    registrations: Mutex<Registrations>,
    /// Tells everybody that everything is given up at once.
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
    /// Whether work is done under it that stops by itself when the lease is over, and then releases.
    stops: bool,
    /// What ends the lease that it shows, once it holds.
    lease: Option<LeaseControl>,
}

/// One entry, and what it takes to give it back.
#[derive(Clone, Debug)]
pub(crate) struct TrackedEntry {
    pub(crate) table: Table,
    pub(crate) key: Key,
    pub(crate) entry: Entry,
    pub(crate) intent: Option<PathBuf>,
    pub(crate) on_expiry: OnExpiry,
    pub(crate) owner_state: OwnerState,
    /// The clocks of whoever took it, as far as they are known.
    pub(crate) clock: Option<Clock>,
    /// When it was last tried to give it back, in vain.
    pub(crate) tried: Option<MonotonicInstant>,
}

/// How far the owner of an entry has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OwnerState {
    /// It asks for the lock, and has not begun to act.
    Acquiring,
    /// It holds the lock, and can be told to stop.
    Holding,
    /// It is gone, and may have begun.
    Dead,
}

/// Which slot an entry has.
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

impl Registry {
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

    /// None if somebody else has taken it over.
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

    /// This entry is the holder's now.
    pub(crate) fn hold(&self, id: RegistrationId, clock: Clock, lease: LeaseControl) {
        self.with(id, |registration| {
            registration.tracked.owner_state = OwnerState::Holding;
            registration.tracked.clock = Some(clock);
            registration.lease = Some(lease);
        });
    }

    /// The work under this lock stops when the lease is over, and then releases it.
    pub(crate) fn stops(&self, id: RegistrationId) {
        self.with(id, |registration| registration.stops = true);
    }

    /// The holder was dropped, and may have left something half done.
    pub(crate) fn drop_holder(&self, id: RegistrationId) {
        self.with(id, |registration| {
            registration.tracked.owner_state = OwnerState::Dead
        });
    }

    /// Nobody looks after this entry any more.
    pub(crate) fn orphan(&self, id: RegistrationId) {
        self.with(id, |registration| {
            registration.orphaned = true;
            registration.stops = false;
            registration.end();
        });
        self.settled.send_modify(|settled| *settled += 1);
    }

    /// Whether an entry was left that no code looks after.
    pub(crate) fn has_orphans(&self) -> bool {
        self.lock()
            .entries
            .values()
            .any(|registration| registration.orphaned)
    }

    /// Takes over what nobody looks after, as far as somebody wants it.
    pub(crate) fn take_orphans(&self, wanted: impl Fn(&TrackedEntry) -> bool) -> Vec<TrackedEntry> {
        let mut registrations = self.lock();
        let orphans = registrations.entries.extract_if(.., |_, registration| {
            registration.orphaned && wanted(&registration.tracked)
        });
        orphans
            .map(|(_, registration)| registration.tracked)
            .collect()
    }

    /// Tells everybody that it is over. Takes over what can be given back at once; tells what will be
    /// released when the work under it has stopped.
    pub(crate) fn end_all(&self) -> (Vec<TrackedEntry>, Vec<(RegistrationId, Key)>) {
        let mut registrations = self.lock();
        registrations.entries.values().for_each(Registration::end);
        let taken: Vec<_> = registrations
            .entries
            .extract_if(.., |_, registration| !registration.stops)
            .collect();
        let stopping = registrations
            .entries
            .iter()
            .map(|(&id, registration)| (id, registration.tracked.key.clone()));
        let stopping = stopping.collect();
        drop(registrations);
        self.ends.notify_waiters();
        (
            taken
                .into_iter()
                .map(|(_, registration)| registration.tracked)
                .collect(),
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
    pub(crate) async fn settled(&self, id: RegistrationId) {
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

    fn lock(&self) -> MutexGuard<'_, Registrations> {
        self.registrations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
