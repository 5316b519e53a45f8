//! The guard of a held lock, and its release.

mod complete;
mod moves;

use std::time::Duration;

use tokio::time::Instant;

use crate::client::driving::driver::{Budget, Driver, Exit};
use crate::client::driving::once;
use crate::client::holding::handle::LockHandle;
use crate::client::holding::heartbeat::HeartbeatTask;
use crate::client::holding::transaction::HeldRow;
use crate::client::leaving::cleanup::Cleanup;
use crate::client::memory::lease::{Lease, LeaseHealth};
use crate::client::memory::trail::Trail;
use crate::error::{Error, Kind};
use crate::idempotency::Operation;
use crate::key::Key;
use crate::protocol::Acquisition;
use crate::protocol::messages::{Event, OnExpiry, Outcome};
use crate::protocol::operation::Completions;
use crate::protocol::row::Row;
use crate::protocol::time::MonotonicInstant;

/// A lock that is held until it is released, or until its lease is lost.
///
/// Dropping it without a release ends the lease and hands the entry to a task of its client, which
/// releases it at once. Without a running runtime, the next call on the client releases it, or
/// [`Locks::release_all`](crate::Locks::release_all); if the process dies first, the lease expires.
/// Prefer [`release`](Self::release): it returns whether the lock was still held.
///
/// Not `Clone`: two guards could both believe that they released.
#[derive(Debug)]
#[must_use = "a lock that is dropped is released at once"]
pub struct LockGuard {
    handle: LockHandle,
    heartbeats: HeartbeatTask,
    trail: Trail,
    /// What is done under the lock, if it is to be done once.
    operation: Option<Operation>,
    /// What the row said of operations when the lock was granted.
    found: Row,
    /// How many bytes of the row are for operations; none if they cannot leave it.
    room: Option<usize>,
    /// Releases the lock after the other fields were dropped.
    cleanup: Cleanup,
}

/// Who has handed the lock on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum HandedOn {
    /// This release, and the table has said so.
    Released,
    /// `release_all` has taken the lock over, and hands it on with what is recorded.
    TakenOver,
}

/// How long a release may take.
pub(crate) const RELEASE: Duration = Duration::from_secs(3);

impl LockGuard {
    pub(crate) fn new(
        driver: Driver,
        mut trail: Trail,
        cleanup: Cleanup,
        ends: MonotonicInstant,
        period: Option<Duration>,
        operation: Option<Operation>,
    ) -> Self {
        let (clock, since) = (driver.clock.clone(), driver.sent);
        let (key, fence) = (driver.key.clone(), driver.acquisition.ticket().0);
        let (layout, counters) = (driver.table.layout().clone(), driver.counters.clone());
        let attempted = driver.acquisition.was_attempted();
        let found = driver.acquisition.row().clone();
        let room = driver.table.layout().room(&key, driver.acquisition.entry());
        let room = cleanup
            .shared()
            .settings
            .room
            .filter(|_| room.is_some())
            .or(room);
        let sealing = cleanup.shared().settings.sealing.clone();
        let row = HeldRow::new(&driver, trail.completions(), sealing, operation);
        let (heartbeats, lease) = HeartbeatTask::start(driver, ends, since, period, trail.ended());
        trail.hold(clock, heartbeats.lease().clone());
        let handle = LockHandle::new(layout, key, fence, lease, counters, attempted, row);
        Self {
            handle,
            heartbeats,
            trail,
            operation,
            found,
            room,
            cleanup,
        }
    }

    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &Key {
        self.handle.key()
    }

    /// The fencing token; see [`LockHandle::fence`].
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.handle.fence()
    }

    /// The lease, to watch from other code.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.handle.lease()
    }

    /// Completes when the lease has expired or was lost.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// # async fn work() {}
    /// let guard = locks.acquire("order/42").await?;
    /// tokio::select! {
    ///     () = work() => println!("done"),
    ///     () = guard.lost() => println!("another client may work on it now"),
    /// }
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    pub async fn lost(&self) {
        self.lease().expired().await;
    }

    /// Health of the lease: reports failing heartbeats before the lease is lost.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let guard = locks.acquire("order/42").await?;
    /// let health = guard.health();
    /// assert!(!health.remaining.is_zero());
    /// assert_eq!(health.heartbeat_overdue, None);
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn health(&self) -> LeaseHealth {
        self.handle.lease().health()
    }

    /// A handle for the work under the lock: it can be cloned and passed on, the guard cannot.
    #[must_use]
    pub fn handle(&self) -> LockHandle {
        self.handle.clone()
    }

    /// Declares that the work under the lock stops when the lease expires, and then releases the
    /// lock; until then no other task of the client releases it.
    pub fn stops_with_its_lease(&self) {
        self.trail.stops();
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.trail.is_ours()
    }

    /// Releases the lock. When this returns `Ok`, the next waiter may hold it; unless
    /// [`release_all`](crate::Locks::release_all), called meanwhile, has taken the release over, and reports its failure. The operation of the lock, if it has one, is
    /// not done: its next run begins, also where it is done [at most once](Operation::at_most_once).
    ///
    /// # Errors
    ///
    /// [`is_lost`](Error::is_lost) if the lease had ended and another client took over;
    /// [`is_unknown`](Error::is_unknown) if no answer came in time. The lease then expires; a
    /// fail-closed lock may need [`Locks::force_release`](crate::Locks::force_release).
    pub async fn release(self) -> Result<(), Error> {
        self.release_within(RELEASE).await
    }

    /// Releases the lock, and tries for at most this long.
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release).
    pub async fn release_within(self, time: Duration) -> Result<(), Error> {
        let until = self.handle.lease().after(time);
        let none = Completions::new();
        self.hand_on(until, none, Acquisition::fail).await.map(drop)
    }

    /// Releases the lock after work of which it is not known how far it came, because it panicked or was stopped; tries for
    /// at most this long. An operation that is done [at most once](Operation::at_most_once) does not run again; for any
    /// other one this is a release like [`release`](Self::release).
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release).
    pub async fn release_interrupted(self, time: Duration) -> Result<(), Error> {
        let until = self.handle.lease().after(time);
        let none = Completions::new();
        self.hand_on(until, none, |_| {}).await.map(drop)
    }

    /// Releases the lock without having done anything under it, and tries for at most this long: the row does not say
    /// that the operation was attempted, so [`was_attempted`](LockHandle::was_attempted) is false in its next run.
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release).
    pub async fn release_unused(self, time: Duration) -> Result<(), Error> {
        let until = self.handle.lease().after(time);
        let none = Completions::new();
        let released = self.hand_on(until, none, Acquisition::leave_unused).await;
        released.map(drop)
    }

    /// Makes room for the completions, stops the heartbeats, and releases.
    async fn hand_on(
        mut self,
        until: Instant,
        mut completes: Completions,
        prepare: impl FnOnce(&mut Acquisition),
    ) -> Result<HandedOn, Error> {
        // A transaction has completed the operation. With its line in the release, too, a refused copy shows that it was ours.
        let completed = self.handle.completed().cloned();
        if let Some((operation, completed)) = self.operation.zip(completed.as_ref()) {
            let completion = completed.completion().clone();
            completes.entry(operation.id()).or_insert(completion);
        }
        let moved = match self.trail.is_ours() {
            true => self.make_room(&completes, until).await,
            false => Vec::new(),
        };
        let Some(mut driver) = self.heartbeats.stop().await else {
            return Err(self.unknown("its heartbeats failed"));
        };
        if !self.trail.is_ours() {
            return Ok(HandedOn::TakenOver);
        }
        for (operation, until) in moved {
            driver.acquisition.move_out(operation, until);
        }
        for (operation, completion) in completes {
            driver.acquisition.complete(operation, completion);
        }
        prepare(&mut driver.acquisition);
        if self.handle.may_be_completed() {
            driver.acquisition.interrupt();
        }
        self.trail.release();
        let budget = Budget::until(until);
        match driver
            .run(Event::Release, budget, Some(&mut self.trail))
            .await
        {
            Ok(Exit::Over(outcome)) => {
                self.trail.settle();
                match outcome {
                    Outcome::Released => {
                        if let Some((operation, completed)) = self.operation.zip(completed) {
                            let shared = self.cleanup.shared();
                            once::remember(&shared, self.key(), operation.id(), completed);
                        }
                        Ok(HandedOn::Released)
                    }
                    _ => Err(Error::lost(self.key())),
                }
            }
            Ok(_) => Err(match driver.trouble.take() {
                Some(failure) => self.unknown("no answer came").because(failure),
                None => self.unknown("no time was left"),
            }),
            Err(failure) => Err(driver.table.explain(self.key(), "release", failure)),
        }
    }

    fn unknown(&self, reason: &str) -> Error {
        let (key, fence) = (self.key(), self.fence());
        let then = match self.trail.on_expiry() {
            OnExpiry::TakeOver => "its lease ends".to_owned(),
            OnExpiry::Hold => format!(
                "it does not expire: if it is still held with fencing token {fence}, an operator has to force its \
                 release"
            ),
        };
        let message = format!("cannot tell whether lock `{key}` was released: {reason}; {then}");
        Error::new(Kind::Unknown, message)
    }
}
